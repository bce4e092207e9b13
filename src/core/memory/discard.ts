/**
 * Memory of buffers that nobody needs, given back now instead of at a collection: V8 starts a whole one with every
 * 64 MiB of new buffers, which took a fifth of the processor time of a large upload. A buffer that is sent to another
 * thread is gone here, and what is sent to a port that is closed is freed at once.
 */
import { MessageChannel } from 'node:worker_threads';

/** Shorter ones may share their memory with others (Node's pool), and are hardly worth it. */
const leastBytes = 16 * 1024;
/** Sent together: a message costs as much as the memory. */
const mostWaiting = 16;

const nowhere = new MessageChannel().port1;
nowhere.close();
const waiting: ArrayBuffer[] = [];

/** `bytes` is empty some time later. Left to the collector when it is a part of something longer, or shared. */
export function discard({ buffer, length }: Buffer): void {
  if (length < leastBytes || length !== buffer.byteLength || !(buffer instanceof ArrayBuffer)) return;
  if (!waiting.includes(buffer)) waiting.push(buffer);
  if (waiting.length === mostWaiting) nowhere.postMessage(null, waiting.splice(0));
}
