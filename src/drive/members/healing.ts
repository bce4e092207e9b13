/** Healing and rebalancing that somebody asked for, followed until no more can be done. */
import { DriveError } from '../../core/errors.js';
import type { DiskCommands, Following, HealReport, RebalanceReport } from '../../drive-disks.js';
import { isReadable } from '../../node/node-state.js';
import { countsAsCopy } from '../../store/store-node.js';
import type { MembershipParts } from './member-changes.js';
import { forecast } from './unplug.js';

const lookMs = 200;
/** The workers look anew once a second at the latest, so nothing comes after so many looks without work. */
const quietLooks = 15;

export async function healNow(
  parts: MembershipParts,
  { dryRun, ...following }: Parameters<DiskCommands['heal']>[0],
): Promise<HealReport> {
  const { nodes, absences } = parts;
  const away = nodes.all.filter((node) => countsAsCopy(node) && !isReadable(node.state));
  const withoutNodes = away.map(({ label }) => label);
  const planned = forecast(parts, []);
  if (dryRun) {
    const leftSegments = planned.unhealed.length + planned.unreadable.length;
    return { dryRun, withoutNodes, segments: planned.copies.length, copyBytes: planned.copyBytes, leftSegments };
  }
  await absences.giveUp(away.map(({ id }) => id));
  const maintenance = await runningMaintenance(parts);
  const before = maintenance.healer.status();
  maintenance.healer.retry();
  maintenance.wantHealing();
  const total = planned.copies.length;
  await untilQuiet(parts, following, () => {
    const { active, healedSegments } = maintenance.healer.status();
    const done = healedSegments - before.healedSegments;
    following.onProgress?.({ phase: 'healing', done, total: Math.max(total, done), unit: 'segments' });
    return active ? Number.NaN : done;
  });
  const after = maintenance.healer.status();
  const left = forecast(parts, []);
  return {
    dryRun,
    withoutNodes,
    segments: after.healedSegments - before.healedSegments,
    copyBytes: after.copiedBytes - before.copiedBytes,
    leftSegments: left.copies.length + left.unhealed.length + left.unreadable.length,
  };
}

export async function rebalanceNow(
  parts: MembershipParts,
  { dryRun, ...following }: Parameters<DiskCommands['rebalance']>[0],
): Promise<RebalanceReport> {
  const { mover } = await runningMaintenance(parts);
  const plan = await mover.plan({ kind: 'rebalance' }, following.signal);
  const planned = { segments: plan.moves.length, copyBytes: plan.copyBytes, stuckSegments: plan.stuck.length };
  if (dryRun || plan.moves.length === 0) return { dryRun, ...planned };
  const before = mover.status();
  mover.startRebalance();
  try {
    await untilQuiet(parts, following, () => {
      const { active, isRebalancing, copiedBytes, movedSegments } = mover.status();
      const done = copiedBytes - before.copiedBytes;
      const total = Math.max(plan.copyBytes, done);
      following.onProgress?.({ phase: 'moving copies', done, total, unit: 'bytes' });
      return active || isRebalancing ? Number.NaN : movedSegments;
    });
  } catch (error) {
    mover.stopRebalance();
    throw error;
  }
  const after = mover.status();
  return {
    dryRun,
    segments: after.movedSegments - before.movedSegments,
    copyBytes: after.copiedBytes - before.copiedBytes,
    stuckSegments: after.stuckSegments,
  };
}

/** Until the figure stays the same; NaN, which equals nothing: there is work. ABORTED. */
async function untilQuiet({ context }: MembershipParts, { signal }: Following, look: () => number): Promise<void> {
  let last = Number.NaN;
  for (let quiet = 0; quiet < quietLooks; ) {
    await context.clock.sleep(lookMs, { signal });
    if (signal?.aborted) throw new DriveError('ABORTED');
    const figure = look();
    quiet = figure === last ? quiet + 1 : 0;
    last = figure;
  }
}

async function runningMaintenance({ engine }: MembershipParts) {
  await engine.engine();
  const { maintenance } = engine;
  if (!maintenance) throw new DriveError('UNAVAILABLE');
  return maintenance;
}
