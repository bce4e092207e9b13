/** webdav-server with its own PhysicalFileSystem, in a process of its own. One copy, no fsync, nothing verified. */
import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { ChildServer } from './child-server.js';
import { answers, freePort, host } from './local-port.js';
import type { Peer } from './peer.js';

const program = fileURLToPath(new URL('./webdav-server-child.js', import.meta.url));
const { version } = createRequire(import.meta.url)('webdav-server/package.json') as { version: string };

export const webdavServerPeer: Peer = {
  name: 'webdav-server',
  missing: () => undefined,
  async start(folder) {
    await mkdir(folder);
    const port = await freePort();
    const args = [program, folder, String(port)];
    const { server } = await ChildServer.start(process.execPath, args, () => answers(port));
    return {
      address: { host, port },
      basePath: '/',
      processId: server.processId,
      description: `${version} with PhysicalFileSystem, one copy, no fsync, nothing verified`,
      stop: () => server.stop(),
    };
  },
};
