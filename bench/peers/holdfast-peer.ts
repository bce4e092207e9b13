/** The program itself as people run it: three nodes, two copies, fsync, checksums. */
import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ChildServer } from './child-server.js';
import type { Peer } from './peer.js';

const program = fileURLToPath(new URL('../../src/launch.cjs', import.meta.url));
const probe = fileURLToPath(new URL('./stall-probe.cjs', import.meta.url));
const volumeName = 'bench';

/** `profileFolder`: the server writes a processor profile there when it ends. `program`: another build to measure. */
export function holdfastPeer({
  name = 'holdfast',
  launcher = program,
  profileFolder,
}: {
  readonly name?: string;
  readonly launcher?: string;
  readonly profileFolder?: string | undefined;
} = {}): Peer {
  return {
    name,
    missing: () => undefined,
    async start(folder) {
      await mkdir(folder);
      const volume = join(folder, 'volume');
      const nodes = ['one', 'two', 'three'].flatMap((node) => ['--node', join(folder, node)]);
      await promisify(execFile)(process.execPath, [launcher, 'init', volume, ...nodes, '--name', volumeName]);
      const profile = profileFolder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`];
      const args = [...profile, '--require', probe, launcher, 'serve', volume, '--port', '0', '--json'];
      const { server, ready } = await ChildServer.start(process.execPath, args, async (stdout) => {
        const line = stdout.split('\n', 1)[0]!;
        return stdout.includes('\n') ? (JSON.parse(line) as { url: string }) : undefined;
      });
      const { hostname, port, pathname } = new URL(ready.url);
      return {
        address: { host: hostname, port: Number(port) },
        basePath: pathname,
        processId: server.processId,
        description: 'three nodes, two copies, every answer after fsync, every byte read verified',
        longestStallMs: async () => Number((await server.ask('SIGUSR2', /^stall ([\d.]+)$/m))[1]),
        stop: () => server.stop(),
      };
    },
  };
}
