/**
 * nginx with its two WebDAV modules, set up for speed: a worker per core, sendfile, no log, connections kept. One copy,
 * no fsync, nothing verified. Without tcp_nopush: with it, short answers on a kept connection come 40 ms late.
 * Runs in the foreground as a child, with all its files in the folder of the run.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ChildServer } from './child-server.js';
import { installPackages, missingFiles, versionOf } from './installed-program.js';
import { answers, freePort, host } from './local-port.js';
import type { Peer } from './peer.js';

const program = '/usr/sbin/nginx';
const davExtension = '/usr/lib/nginx/modules/ngx_http_dav_ext_module.so';
const packages = ['nginx', 'libnginx-mod-http-dav-ext'];

export const nginxPeer: Peer = {
  name: 'nginx',
  missing: () => missingFiles('nginx', [program, davExtension], packages),
  install: () => installPackages(packages),
  async start(folder) {
    for (const name of ['', 'files', 'temporary']) await mkdir(join(folder, name));
    const port = await freePort();
    const configuration = join(folder, 'nginx.conf');
    await writeFile(configuration, renderConfiguration(folder, port));
    const args = ['-p', folder, '-c', configuration, '-e', join(folder, 'error.log')];
    const { server } = await ChildServer.start(program, args, () => answers(port));
    return {
      address: { host, port },
      basePath: '/',
      processId: server.processId,
      description: `${versionOf(`${program} -v`, /nginx\/[\d.]+/)}, one copy, no fsync, nothing verified`,
      stop: () => server.stop(),
    };
  },
};

function renderConfiguration(folder: string, port: number): string {
  // Started by root, its workers would else be another user who may not enter the folder.
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  return `
load_module ${davExtension};
${user}
daemon off;
worker_processes auto;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log crit;
events { worker_connections 1024; }
http {
  access_log off;
  default_type application/octet-stream;
  sendfile on;
  tcp_nodelay on;
  keepalive_timeout 600s;
  keepalive_requests 100000000;
  client_max_body_size 0;
  client_body_buffer_size 1m;
  client_body_temp_path ${folder}/temporary/body;
  proxy_temp_path ${folder}/temporary/proxy;
  fastcgi_temp_path ${folder}/temporary/fastcgi;
  uwsgi_temp_path ${folder}/temporary/uwsgi;
  scgi_temp_path ${folder}/temporary/scgi;
  dav_ext_lock_zone zone=locks:10m timeout=1h;
  server {
    listen ${host}:${port};
    root ${folder}/files;
    location / {
      dav_methods PUT DELETE MKCOL COPY MOVE;
      dav_ext_methods PROPFIND OPTIONS LOCK UNLOCK;
      dav_ext_lock zone=locks;
    }
  }
}
`;
}
