/** How Finder saves a document: an empty PUT, LOCK, the PUT that counts, UNLOCK. */
import { uniqueBuffer } from '../client/unique-bytes.js';
import { measurePace } from './paced.js';
import type { Scale, Workload } from './workload.js';

const documentBytes = 64 * 1024;
const lockBody = Buffer.from(
  '<?xml version="1.0"?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope>' +
    '<D:locktype><D:write/></D:locktype><D:owner>bench</D:owner></D:lockinfo>',
);

export function finderSave(scale: Scale): Workload {
  return {
    name: 'finder-save',
    figures: [
      { id: 'finder-save', title: 'Finder saves 64 KiB (PUT 0, LOCK, PUT, UNLOCK)', unit: 'ms' },
      { id: 'finder-save-p99', title: '  p99', unit: 'ms', isDetail: true },
    ],
    async measure(target) {
      const into = target.path(`${target.freshName('saves')}/`);
      await target.must({ method: 'MKCOL', path: into });
      let count = 0;
      const pace = await measurePace('saves', target, { ...scale, clients: 1 }, async () => {
        count += 1;
        const path = `${into}document-${count}`;
        await target.must({ method: 'PUT', path, body: Buffer.alloc(0) });
        const headers = { Timeout: 'Second-600', Depth: '0', 'Content-Type': 'application/xml' };
        const lock = await target.must({ method: 'LOCK', path, headers, body: lockBody });
        const token = lock.headers.get('lock-token') ?? '';
        await target.must({ method: 'PUT', path, headers: { If: `(${token})` }, body: uniqueBuffer(documentBytes) });
        await target.must({ method: 'UNLOCK', path, headers: { 'Lock-Token': token } });
      });
      await target.must({ method: 'DELETE', path: into });
      return { 'finder-save': pace['saves-p50']!, 'finder-save-p99': pace['saves-p99']! };
    },
  };
}
