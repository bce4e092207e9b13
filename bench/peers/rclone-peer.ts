/** `rclone serve webdav` on a local folder, as it comes. One copy, no fsync, nothing verified. */
import { mkdir } from 'node:fs/promises';
import { ChildServer } from './child-server.js';
import { installPackages, missingFiles, versionOf } from './installed-program.js';
import { answers, freePort, host } from './local-port.js';
import type { Peer } from './peer.js';

const program = '/usr/bin/rclone';
const packages = ['rclone'];

export const rclonePeer: Peer = {
  name: 'rclone',
  missing: () => missingFiles('rclone', [program], packages),
  install: () => installPackages(packages),
  async start(folder) {
    await mkdir(folder);
    const port = await freePort();
    // No configuration of whoever runs this.
    const args = ['serve', 'webdav', folder, '--addr', `${host}:${port}`, '--config', '/dev/null'];
    const { server } = await ChildServer.start(program, args, () => answers(port));
    return {
      address: { host, port },
      basePath: '/',
      processId: server.processId,
      description: `${versionOf(`${program} version`, /rclone v[\d.]+/)}, one copy, no fsync, nothing verified`,
      stop: () => server.stop(),
    };
  },
};
