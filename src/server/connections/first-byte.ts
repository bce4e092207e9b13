/**
 * Plain HTTP that comes to the port for TLS gets an answer that a person can read, instead of a broken connection. The
 * first byte tells: a TLS connection begins with 22.
 */
import type { Server, Socket } from 'node:net';
import type { Clock } from '../../core/clock.js';

const handshake = 22;
/** As long as the headers of a request may take. */
const patienceMs = 20_000;
const text = 'This port speaks HTTPS: write https:// instead of http://\n';
const answer =
  'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n' +
  `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;

/** `admit` sees each connection first and may refuse it. */
export function watchFirstBytes(server: Server, clock: Clock, admit: (socket: Socket) => boolean): void {
  const accept = server.listeners('connection') as ((socket: Socket) => void)[];
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    if (!admit(socket)) return;
    const giveUp = clock.schedule(patienceMs, () => socket.destroy());
    const fail = (): void => void socket.destroy();
    socket.on('error', fail);
    socket.once('close', giveUp);
    socket.once('data', (bytes: Buffer) => {
      giveUp();
      socket.pause();
      if (bytes[0] !== handshake) return void socket.end(answer, fail);
      socket.unshift(bytes);
      socket.off('error', fail);
      socket.off('close', giveUp);
      for (const listener of accept) listener.call(server, socket);
    });
  });
}
