/**
 * Bytes that are no request. Node answers 400 and cuts the connection, with the answer to a whole request before them
 * still under way; but that answer is due: lftp sends a stray header line behind the body of each PROPPATCH.
 */
import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

const statusLines: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

export interface AnswersUnderWay {
  /** To the newest request of the connection. */
  readonly last: ServerResponse;
  /** How many wait for the one before them. */
  readonly waiting: number;
}

/** May be called again for the same connection. */
export function refuseBytes(
  error: NodeJS.ErrnoException,
  socket: Duplex,
  { last, waiting }: Partial<AnswersUnderWay> = {},
): void {
  const isDue = last !== undefined && !last.closed;
  if (isDue && last.req.complete) {
    if (!last.headersSent) last.setHeader('Connection', 'close');
    last.once('close', () => socket.destroy());
    return;
  }
  // Never into the middle of another answer.
  if (socket.writable && !(isDue && (last.headersSent || waiting))) {
    socket.write(`HTTP/1.1 ${statusLines[error.code ?? ''] ?? '400 Bad Request'}\r\nConnection: close\r\n\r\n`);
  }
  socket.destroy(error);
}
