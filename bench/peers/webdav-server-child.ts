/** FOLDER PORT: serves the folder until it is told to end. */
import { v2 } from 'webdav-server';
import { host } from './local-port.js';

const [folder, port] = process.argv.slice(2);
const server = new v2.WebDAVServer({
  hostname: host,
  port: Number(port),
  rootFileSystem: new v2.PhysicalFileSystem(folder!),
});
await server.startAsync(Number(port));
process.once('SIGINT', () => process.exit());
