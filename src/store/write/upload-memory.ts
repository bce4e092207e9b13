/** Where the chunks of long uploads are gathered: the hash thread and the disks read them there. */
import { SharedBuffers } from '../../core/memory/shared-buffers.js';
import { chunkBytes } from '../../segment/chunk-id.js';

/** As many as the budget of all uploads lets out (volume/engine.ts). */
export const uploadMemory = new SharedBuffers({ bufferBytes: chunkBytes, mostKept: 32 });
