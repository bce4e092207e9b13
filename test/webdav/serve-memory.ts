/** For trying clients by hand: `node dist/test/webdav/serve-memory.js` serves a volume in memory until it is interrupted. */
import { startServer } from '../../src/server/start-server.js';
import { MemoryVolume } from '../support/memory-volume.js';

const server = await startServer({
  volumes: [new MemoryVolume('home')],
  port: Number(process.argv[2] ?? 0),
  onEvent: ({ level, message }) => console.error(level, message),
});
console.log(`${server.url}home/`);
process.once('SIGINT', () => void server.close());
process.once('SIGTERM', () => void server.close());
