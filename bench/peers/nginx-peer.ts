/**
 * nginx with its two WebDAV modules, set up for speed: a worker per core, sendfile, no log, connections kept. One copy,
 * no fsync, nothing verified. Without tcp_nopush: with it, short answers on a kept connection come 40 ms late.
 * Runs in the foreground as a child, with all its files in the folder of the run.
 */
import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { ChildServer } from './child-server.js';
import type { Peer } from './peer.js';

const host = '127.0.0.1';
const davExtension = '/usr/lib/nginx/modules/ngx_http_dav_ext_module.so';

export const nginxPeer: Peer = {
  name: 'nginx',
  missing() {
    if (nginxVersion() === undefined)
      return 'nginx is not installed (Debian: apt install nginx libnginx-mod-http-dav-ext)';
    return undefined;
  },
  async start(folder) {
    for (const name of ['', 'files', 'temporary']) await mkdir(join(folder, name));
    const port = await freePort();
    const configuration = join(folder, 'nginx.conf');
    await writeFile(configuration, renderConfiguration(folder, port));
    const args = ['-p', folder, '-c', configuration, '-e', join(folder, 'error.log')];
    const { server } = await ChildServer.start('nginx', args, () => answers(port));
    return {
      address: { host, port },
      basePath: '/',
      processId: server.processId,
      description: `${nginxVersion()}, one copy, no fsync, nothing verified`,
      stop: () => server.stop(),
    };
  },
};

function nginxVersion(): string | undefined {
  try {
    execFileSync('test', ['-e', davExtension]);
    // It says it on stderr.
    return /nginx\/[\d.]+/.exec(execFileSync('sh', ['-c', 'nginx -v 2>&1'], { encoding: 'utf8' }))?.[0];
  } catch {
    return undefined;
  }
}

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

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, host, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

function answers(port: number): Promise<true | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(undefined));
  });
}
