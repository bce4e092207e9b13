/** Room that the nodes' attics hold, given back when new data needs it. */
import type { Maintenance } from '../maintenance/maintenance.js';
import type { VolumeEngine } from '../volume/engine.js';
import type { DriveContext } from './drive-context.js';
import type { DriveNodes } from './drive-nodes.js';

/** Whether there is room now. Room counts once a probe has seen it; a node that was full is used again a moment later. */
export async function emptyAttics(
  { engine, maintenance }: { readonly engine: VolumeEngine; readonly maintenance: Maintenance },
  { nodes, context }: { readonly nodes: DriveNodes; readonly context: DriveContext },
): Promise<boolean> {
  let hasRoom = (await maintenance.emptyAttics()) > 0;
  for (const node of nodes.all.filter(({ state }) => state === 'online' || state === 'full')) {
    try {
      node.noteSpace(await node.store.probe());
      const isUsable = node.space!.freeBytes > engine.segments.limits().reserveBytes;
      if (node.state !== 'full' || !isUsable) continue;
      nodes.monitor.probeSoon(node.id);
      for (let waits = 0; node.state === 'full' && waits < 20; waits += 1) await context.clock.sleep(50);
      hasRoom ||= node.state !== 'full';
    } catch {
      // The node's own keeper has seen it; there is room on the others, or there is none.
    }
  }
  return hasRoom;
}
