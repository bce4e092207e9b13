/**
 * What could go wrong with the disks of a volume on this machine, before it does: each finding is one sentence, with one
 * that says what to do. It changes nothing and reads no file data.
 */
import { couldWrite, machineFacts } from '../../config/machine-facts.js';
import { shellWord } from '../../core/text/shell-word.js';
import type { Advice } from '../../drive-disks.js';
import { readPassport } from '../../node/passport.js';
import { type MembershipParts, membersOf } from '../members/member-changes.js';
import { forecast } from '../members/unplug.js';
import {
  clockAdvice,
  diskAdvice,
  type ExaminedNode,
  groupAdvice,
  indexAdvice,
  proofAdvice,
  rehearsalAdvice,
  watchAdvice,
} from './advice.js';

export async function examine(parts: MembershipParts): Promise<readonly Advice[]> {
  const { context, directory, engine, replicas } = parts;
  await engine.engine();
  const facts = await machineFacts();
  const nodes = await examinedNodes(parts);
  const newest = engine.maintenance?.checkpointer.last?.time ?? 0;
  const home = await context.fileIo.stat(directory);
  const device = context.platform.hasDeviceNumbers ? home?.device : undefined;
  return [
    ...groupAdvice(nodes, { replicas, directory }),
    ...diskAdvice(nodes, { mounts: facts.mounts, directory }),
    ...spareAdvice(parts),
    ...historyAdvice(parts),
    ...indexAdvice(nodes, { directory, device }),
    ...(await absentAdvice(parts)),
    ...watchAdvice(facts, nodes.length),
    ...clockAdvice(context.clock.now(), newest),
    ...proofAdvice(provenNodes(parts), { now: context.clock.now(), periodMs: context.safety.scrubPeriodMs, directory }),
    ...rehearsalAdvice(provenMs(parts), { now: context.clock.now(), directory }),
  ];
}

/** When a rehearsal last succeeded; the status tells of one that failed. */
function provenMs({ rehearsals: { last } }: MembershipParts): number | undefined {
  return last?.differences === 0 ? last.time : undefined;
}

/** Those that shall be here: what is kept elsewhere is verified when it visits. */
function provenNodes({ engine, nodes }: MembershipParts): { label: string; oldest: number | null }[] {
  const proofs = new Map(engine.index.reader.proofs().map(({ node, oldest }) => [node, oldest]));
  const members = nodes.all.filter(({ role }) => role === 'active' || role === 'draining');
  return members.map(({ id, label }) => ({ label, oldest: proofs.get(id) ?? null }));
}

async function examinedNodes({ context, nodes }: MembershipParts): Promise<ExaminedNode[]> {
  const members = nodes.all.filter(({ role }) => role !== 'retired');
  return members
    .map(({ label, path, group, role, state, device }) => ({
      label,
      path,
      group,
      counts: role === 'active',
      isHere: state !== 'offline' && state !== 'foreign',
      device: context.platform.hasDeviceNumbers ? device : undefined,
    }))
    .sort((one, other) => one.label.localeCompare(other.label, 'en', { numeric: true }));
}

/** Whether the loss of each single node could be healed. */
function spareAdvice(parts: MembershipParts): Advice[] {
  const { directory, replicas } = parts;
  const active = parts.nodes.all.filter(({ role, state }) => role === 'active' && state === 'online');
  if (replicas < 2 || active.length < 2) return [];
  const add = `Add a disk: holdfast node add ${shellWord(directory)} PATH.`;
  if (active.length <= replicas) {
    const finding = `There are ${active.length} nodes for ${replicas} copies: after the loss of one, the missing copies can be made nowhere.`;
    return [{ finding, next: add }];
  }
  return active.flatMap(({ id, label }) => {
    const { unhealed } = forecast(parts, [id]);
    if (unhealed.length === 0) return [];
    const finding = `The other nodes have no room to heal the loss of ${label}: ${unhealed.length} of its segments would keep too few copies.`;
    return [{ finding, next: add }];
  });
}

function historyAdvice({ nodes, directory }: MembershipParts): Advice[] {
  return nodes.all
    .filter(({ isRefused }) => isRefused)
    .map(({ label }) => ({
      finding: `${label} holds changes of another history of this volume: it keeps no copies for this one.`,
      next: `Save these changes in a folder of the drive: holdfast salvage ${shellWord(directory)} --from ${shellWord(label)}.`,
    }));
}

/** Mount points that could be written to, and nodes that lie where another one is looked for. */
async function absentAdvice(parts: MembershipParts): Promise<Advice[]> {
  const { context, directory } = parts;
  const members = membersOf(parts);
  const advice: Advice[] = [];
  for (const { id, label, path, state } of parts.nodes.all) {
    if (state !== 'offline' && state !== 'foreign') continue;
    const passport = await readPassport(context.fileIo, path).catch(() => undefined);
    const other = members.find((row) => row.id === passport?.passport.node && row.id !== id);
    if (other) {
      const finding = `${path} is where ${label} is looked for, and ${other.label} lies there.`;
      const next = `Stop the server, correct the paths in ${directory}/volume.json, and serve again.`;
      advice.push({ finding, next });
      continue;
    }
    const folder = passport ? undefined : await context.fileIo.stat(path).catch(() => undefined);
    if (folder?.kind !== 'folder' || !(await couldWrite(path))) continue;
    if ((await context.fileIo.list(path)).length > 0) continue;
    advice.push({
      finding: `${path}, where ${label} is to be mounted, is an empty folder that other programs could write to.`,
      next: `While nothing is mounted there: chattr +i ${path} (Holdfast itself never writes to it).`,
    });
  }
  return advice;
}
