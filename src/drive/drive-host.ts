/** What background work gets of an engine. */
import type { SegmentId } from '../core/ids.js';
import type { MaintenanceHost } from '../maintenance/maintenance-host.js';
import { filesHolding } from '../meta/files-holding.js';
import type { VolumeEngine } from '../volume/engine.js';
import type { DriveContext } from './drive-context.js';
import type { DriveEvents } from './drive-events.js';
import type { DriveNodes } from './drive-nodes.js';
import type { Absences } from './members/absences.js';

export interface HostOptions {
  readonly context: DriveContext;
  readonly nodes: DriveNodes;
  readonly events: DriveEvents;
  /** Default: nothing is known of any absence. */
  readonly absences?: Absences | undefined;
  readonly volume: { readonly replicas: number };
}

/** So long after a piece of work for a client it is taken to go on; a film that is watched leaves pauses longer than that. */
const servingMs = 100;

export function hostFor(
  engine: VolumeEngine,
  { context, nodes, events, absences, volume }: HostOptions,
): MaintenanceHost {
  const occupied = new Set<SegmentId>();
  const isWritten = (segment: SegmentId) => engine.isInUse(segment);
  return {
    reader: engine.reader,
    segments: engine.segments,
    replicas: volume.replicas,
    safety: context.safety,
    clock: context.clock,
    nodes: () => nodes.all,
    isWritten,
    isInUse: (segment) => occupied.has(segment) || isWritten(segment),
    occupy: (segment) => {
      if (occupied.has(segment)) return undefined;
      occupied.add(segment);
      return () => void occupied.delete(segment);
    },
    isServing: () => context.clock.monotonic() - engine.lastRequestMs < servingMs,
    readChunk: (target, signal) => engine.segmentReader.read(target, 0, target.place.plainBytes, { signal }),
    addsUp: async () => (await engine.meta.check({ only: 'sums' })).length === 0,
    segmentNeeds: (signal) => engine.meta.segmentNeeds({ signal }),
    filesHolding: (chunks, limit) => filesHolding(engine.meta, chunks, limit),
    pinnedContents: () => engine.contentPins.keys(),
    submit: (request, chunks = []) => engine.committer.submit(request, chunks),
    withWriter: (work) => engine.committer.withWriter(work),
    renewKit: (node) => nodes.renewKit(node),
    endJournalFiles: async () => {
      const { committer, history } = engine;
      await committer.refreshMembers({ always: true });
      // Those that only follow begin their new files a moment later.
      await history.writeSet.currentAt(committer.currentTip.sequence);
    },
    report: (level, message, kind) => events.report(level, message, kind),
    absenceOf: (node) => absences?.of(node) ?? 'unexplained',
  };
}
