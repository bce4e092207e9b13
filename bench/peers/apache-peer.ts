/**
 * Apache with mod_dav and mod_dav_fs, threads for all clients (mpm_event), sendfile, no access log, connections kept.
 * One copy, no fsync, nothing verified. It refuses to serve as root, so root's run gives its files to www-data.
 */
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ChildServer } from './child-server.js';
import { installPackages, missingFiles, versionOf } from './installed-program.js';
import { answers, freePort, host } from './local-port.js';
import type { Peer } from './peer.js';

const program = '/usr/sbin/apache2';
const packages = ['apache2-bin'];
const isRoot = process.getuid?.() === 0;

export const apachePeer: Peer = {
  name: 'apache',
  missing: () => missingFiles('Apache', [program], packages),
  install: () => installPackages(packages),
  async start(folder) {
    for (const name of ['', 'files', 'locks']) await mkdir(join(folder, name));
    if (isRoot) {
      await chmod(dirname(folder), 0o711);
      execFileSync('chown', ['www-data:www-data', join(folder, 'files'), join(folder, 'locks')]);
    }
    const port = await freePort();
    const configuration = join(folder, 'apache.conf');
    await writeFile(configuration, renderConfiguration(folder, port));
    const { server } = await ChildServer.start(program, ['-D', 'FOREGROUND', '-f', configuration], () => answers(port));
    return {
      address: { host, port },
      basePath: '/',
      processId: server.processId,
      description: `${versionOf(`${program} -v`, /Apache\/[\d.]+/)}, one copy, no fsync, nothing verified`,
      stop: () => server.stop(),
    };
  },
};

function renderConfiguration(folder: string, port: number): string {
  const modules = ['mpm_event', 'authz_core', 'dav', 'dav_fs'];
  return `
${modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
ServerRoot ${folder}
DefaultRuntimeDir ${folder}
PidFile ${folder}/apache.pid
ServerName ${host}
Listen ${host}:${port}
${isRoot ? 'User www-data\nGroup www-data' : ''}
ErrorLog ${folder}/error.log
LogLevel crit
KeepAlive On
KeepAliveTimeout 600
MaxKeepAliveRequests 0
EnableSendfile On
DavLockDB ${folder}/locks/database
DocumentRoot ${folder}/files
<Directory ${folder}/files>
  Require all granted
  Dav On
  DavDepthInfinity On
</Directory>
`;
}
