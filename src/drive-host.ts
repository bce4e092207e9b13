/** What background work gets of an engine. */
import type { SegmentId } from './core/ids.js';
import type { DriveContext } from './drive-context.js';
import type { DriveEvents } from './drive-events.js';
import type { DriveNodes } from './drive-nodes.js';
import type { MaintenanceHost } from './maintenance/maintenance-host.js';
import type { VolumeEngine } from './volume/engine.js';

export interface HostOptions {
  readonly context: DriveContext;
  readonly nodes: DriveNodes;
  readonly events: DriveEvents;
  readonly volume: { readonly replicas: number };
}

export function hostFor(engine: VolumeEngine, { context, nodes, events, volume }: HostOptions): MaintenanceHost {
  const occupied = new Map<SegmentId, number>();
  return {
    reader: engine.reader,
    segments: engine.segments,
    replicas: volume.replicas,
    safety: context.safety,
    clock: context.clock,
    nodes: () => nodes.all,
    isInUse: (segment) => occupied.has(segment) || engine.isInUse(segment),
    occupy: (segment) => {
      occupied.set(segment, (occupied.get(segment) ?? 0) + 1);
      return () => {
        const count = occupied.get(segment)! - 1;
        if (count === 0) occupied.delete(segment);
        else occupied.set(segment, count);
      };
    },
    readChunk: (target, signal) => engine.segmentReader.read(target, 0, target.place.plainBytes, { signal }),
    pinnedContents: () => engine.contentPins.keys(),
    submit: (request, chunks = []) => engine.committer.submit(request, chunks),
    withWriter: (work) => engine.committer.withWriter(work),
    report: (level, message) => events.report(level, message),
  };
}
