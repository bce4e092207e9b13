/** What all changes of the volume's nodes share: who is meant, the journal, and volume.json, which only follows. */
import { type VolumeFile, writeVolumeFile } from '../../config/volume-file.js';
import { DriveError } from '../../core/errors.js';
import type { Operation } from '../../meta/operations.js';
import type { NodeRow, SegmentRow } from '../../meta/rows.js';
import { longestLabel } from '../../node/passport.js';
import type { DriveContext } from '../drive-context.js';
import type { DriveEngine } from '../drive-engine.js';
import type { DriveEvents } from '../drive-events.js';
import type { DriveNodes } from '../drive-nodes.js';
import type { RehearsalReport } from '../rehearsal/rehearsal.js';
import type { Absences } from './absences.js';
import { nodeCalled } from './node-called.js';
import type { OperatorSettings } from './operator-settings.js';

export interface MembershipParts {
  readonly directory: string;
  readonly context: DriveContext;
  readonly file: VolumeFile;
  readonly nodes: DriveNodes;
  readonly events: DriveEvents;
  readonly engine: DriveEngine;
  readonly absences: Absences;
  readonly settings: OperatorSettings;
  readonly rehearsals: { readonly last: RehearsalReport | undefined };
  readonly replicas: number;
}

export const pageSegments = 500;

export function membersOf({ engine }: Pick<MembershipParts, 'engine'>): NodeRow[] {
  return engine.index.reader.nodes().filter((node) => node.role !== 'retired');
}

/** USAGE unless it is exactly one. */
export function memberCalled(parts: MembershipParts, wanted: string): NodeRow {
  return nodeCalled(wanted, membersOf(parts));
}

/** Journals the node's row with these changes; the node that is open follows. */
export async function changeMember(
  parts: MembershipParts,
  row: NodeRow,
  changes: Partial<Pick<NodeRow, 'label' | 'weight' | 'role' | 'every' | 'current'>>,
): Promise<void> {
  const { usedBytes: _, every, current, ...settings } = row;
  // Only a node that is away on purpose has an age.
  const role = changes.role ?? row.role;
  const age = role === 'away' ? { every: changes.every ?? every, current: changes.current ?? current } : {};
  const { label = row.label, weight = row.weight } = changes;
  const known = Object.fromEntries(Object.entries(age).filter(([, value]) => value !== undefined));
  await journal(parts, [{ o: 'node', ...settings, label, weight, role, ...known }]);
  parts.nodes.get(row.id)?.describe({ label, weight, role });
  if (label !== row.label) await saveVolumeFile(parts);
}

export async function journal({ engine, context }: MembershipParts, operations: readonly Operation[]): Promise<void> {
  const running = await engine.engine();
  await running.change({ kind: 'operations', principal: '', now: context.clock.now(), operations }, []);
}

export async function saveVolumeFile({ context, directory, file, nodes }: MembershipParts): Promise<void> {
  const kept = nodes.all.filter((node) => node.role !== 'retired' && node.state !== 'retired');
  await writeVolumeFile(context.fileIo, directory, {
    ...file,
    nodes: kept.map(({ id, label, path }) => ({ id, label, path })),
  });
}

export function* segmentsOf({ engine }: Pick<MembershipParts, 'engine'>): Generator<SegmentRow> {
  for (let after = ''; ; ) {
    const page = engine.index.reader.segments(after, pageSegments);
    yield* page;
    if (page.length < pageSegments) return;
    after = page.at(-1)!.id;
  }
}

export function segmentsOn(parts: Pick<MembershipParts, 'engine'>, { id }: Pick<NodeRow, 'id'>): SegmentRow[] {
  return [...segmentsOf(parts)].filter((segment) => segment.replicas.some((replica) => replica.node === id));
}

/** USAGE when it cannot stand in lists and passports; EXISTS when another node bears it. */
export function requireLabel(label: string, others: readonly NodeRow[]): void {
  if (label === '' || label.length > longestLabel || /\p{Cc}/u.test(label)) {
    throw new DriveError('USAGE', {
      message: `a label is 1 to ${longestLabel} characters, without control characters`,
      hint: 'choose another --label',
    });
  }
  if (others.some((node) => node.label === label)) {
    throw new DriveError('EXISTS', { message: `a node is called ${label} already`, hint: 'choose another --label' });
  }
}

/** With fewer nodes than copies, everything that is saved from now on would have too few. WOULD_LOSE_COPIES. */
export function demandEnoughNodes({ replicas, nodes }: MembershipParts, without: NodeRow, wayOn: string): void {
  const others = nodes.all.filter((node) => node.id !== without.id && node.role === 'active' && !node.isLeaving);
  if (others.length >= replicas) return;
  const left = others.length === 1 ? '1 node would be left' : `${others.length} nodes would be left`;
  throw new DriveError('WOULD_LOSE_COPIES', {
    message: `${left} for ${replicas} copies of every file`,
    details: { nodes: others.length, replicas },
    hint: wayOn,
  });
}
