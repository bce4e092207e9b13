/**
 * Nephele with its file system adapter and no login. Its packages lie in a folder of the build, apart from this
 * project's own. One copy, no fsync, nothing verified.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ChildServer } from './child-server.js';
import { answers, freePort, host } from './local-port.js';
import type { Peer } from './peer.js';

const version = '1.0.0-alpha.67';
const packages = [
  `nephele@${version}`,
  '@nephele/adapter-file-system@1.0.0-alpha.61',
  '@nephele/authenticator-none@1.0.0-alpha.61',
];
/** The version is in the name, so that another one is installed anew. */
const home = fileURLToPath(new URL(`../../peers/nephele-${version}/`, import.meta.url));

export const nephelePeer: Peer = {
  name: 'nephele',
  missing: () =>
    existsSync(join(home, 'node_modules', 'nephele')) ? undefined : 'Nephele is not installed (--install)',
  install() {
    mkdirSync(home, { recursive: true });
    // A folder without a package.json would make npm install into the project above.
    execFileSync('npm', ['init', '-y'], { cwd: home, stdio: 'ignore' });
    execFileSync('npm', ['install', '--no-audit', '--no-fund', '--save-exact', ...packages], {
      cwd: home,
      stdio: 'ignore',
    });
  },
  async start(folder) {
    await mkdir(folder);
    const port = await freePort();
    const program = join(home, 'server.mjs');
    await writeFile(program, renderProgram());
    const args = [program, folder, String(port)];
    const { server } = await ChildServer.start(process.execPath, args, () => answers(port));
    return {
      address: { host, port },
      basePath: '/',
      processId: server.processId,
      description: `${version}, one copy, no fsync, nothing verified`,
      stop: () => server.stop(),
    };
  },
};

function renderProgram(): string {
  return `
import express from 'express';
import nepheleServer from 'nephele';
import FileSystemAdapter from '@nephele/adapter-file-system';
import InsecureAuthenticator from '@nephele/authenticator-none';
const [root, port] = process.argv.slice(2);
const adapter = new FileSystemAdapter({ root });
const app = express();
app.use('/', nepheleServer({ adapter, authenticator: new InsecureAuthenticator() }));
app.listen(Number(port), '${host}');
process.once('SIGINT', () => process.exit());
`;
}
