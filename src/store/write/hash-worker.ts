/** SHA-256 in a thread of its own. Bytes come in by transfer, one piece at a time; `null` asks for the digest. */
import { createHash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';

let hash = createHash('sha256');

parentPort?.on('message', (message: Uint8Array | null) => {
  if (message instanceof Uint8Array) {
    hash.update(message);
    parentPort?.postMessage('');
    return;
  }
  const digest = hash.digest('hex');
  hash = createHash('sha256');
  parentPort?.postMessage(digest);
});
