/** Whole requests over a socket: whatever comes, the server answers as HTTP says or closes, and goes on. */

import { connect } from 'node:net';
import { MemoryVolume } from '../../support/memory-volume.js';
import { serveVolume } from '../../webdav/dav-client.js';
import { ensure, type Target } from './target.js';

const canary = 'the canary sings';
const requests = [
  'GET /home/canary HTTP/1.1\r\nHost: localhost\r\nRange: bytes=0-3\r\nIf-None-Match: "x"\r\n\r\n',
  'PROPFIND /home/ HTTP/1.1\r\nHost: localhost\r\nDepth: 1\r\nContent-Length: 55\r\n\r\n<propfind xmlns="DAV:"><prop><getetag/></prop></propfind>',
  'OPTIONS * HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n\r\n',
  'PUT /home/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
  'PROPPATCH /home/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 91\r\n\r\n<propertyupdate xmlns="DAV:"><set><prop><x xmlns="n">v</x></prop></set></propertyupdate>',
  'MOVE /home/a HTTP/1.1\r\nHost: localhost\r\nDestination: http://localhost/home/b\r\nOverwrite: T\r\nIf: (<urn:x>)\r\n\r\n',
  'LOCK /home/a HTTP/1.1\r\nHost: localhost\r\nTimeout: Second-5\r\nDepth: 0\r\nContent-Length: 0\r\n\r\n',
  'UNLOCK /home/a HTTP/1.1\r\nHost: localhost\r\nLock-Token: <urn:x>\r\n\r\n',
].map((text) => Buffer.from(text, 'latin1'));

/** 501 to 507 say what cannot be done; 500 that we did not expect it. */
const ourFault = /^HTTP\/1\.1 500 /m;

/** Everything that came back until the server closed. What is cut short is not waited for: the sender ends. */
function sendAll(port: number, bytes: Buffer): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    let received = '';
    socket.on('data', (part) => {
      received += part.toString('latin1');
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(received));
    socket.end(bytes);
  });
}

export interface RequestTarget extends Target {
  close(): Promise<void>;
}

export async function requestTarget(): Promise<RequestTarget> {
  const server = await serveVolume(new MemoryVolume('home'));
  return {
    name: 'requests',
    seeds: requests,
    mayThrow: [],
    attempt: async (bytes) => {
      const answer = await sendAll(server.port, bytes);
      ensure(!ourFault.test(answer), `answered 500: ${answer}`);
      await server.send('PUT', '/home/canary', { body: canary });
      const { status, text } = await server.send('GET', '/home/canary');
      ensure(status === 200 && text === canary, `the canary is gone: ${status}`);
      ensure(server.events.length === 0, `reported: ${JSON.stringify(server.events)}`);
    },
    close: () => server.server.close(),
  };
}
