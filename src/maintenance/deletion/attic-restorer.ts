/**
 * Brings files back from the attics. A file counts only after all of it verified, nothing is overwritten, and what is not
 * needed is left where it is, with the reason:
 *
 * - the index knows the segment and lacks this copy, or copies at all: the file becomes a good replica again;
 * - the segment was retired: it comes back as a sealed segment if it holds a chunk of a living content that has no place,
 *   or whose segment has no good copy left; these chunks are read from it again. Otherwise nothing refers to it;
 * - journal files and checkpoints: newer ones hold what they hold. A person may put them back (docs/operations.md).
 */
import { asDriveError, DriveError, hasCode } from '../../core/errors.js';
import type { SegmentId } from '../../core/ids.js';
import type { Operation } from '../../meta/operations.js';
import type { SegmentRow } from '../../meta/rows.js';
import { parseSegmentId, segmentFileName, segmentOfFileName } from '../../segment/segment-id.js';
import { verifyReplica } from '../../store/read/segment-copy.js';
import type { PieceSource } from '../../store/read/verified-pieces.js';
import { isReadable, isWritable } from '../../store/store-node.js';
import type { MaintenanceHost, MaintenanceNode } from '../maintenance-host.js';
import type { Attic, WaitingFile } from './attic.js';
import type { RestoredFile, RestoreOptions, RestoreReport } from './attic-report.js';
import { atticSource, type SegmentSurvey, surveySegment } from './attic-survey.js';

interface Copy {
  readonly node: MaintenanceNode;
  readonly file: WaitingFile;
  /** It never left `segments`: the gate keeps what the index does not know while the place of a chunk is unknown. */
  readonly isInPlace: boolean;
}

type Verdict = Pick<RestoredFile, 'result' | 'because'>;
type Run = Pick<RestoreOptions, 'dryRun' | 'signal'>;

const left = (because: string): Verdict => ({ result: 'left', because });

export class AtticRestorer {
  private readonly host: MaintenanceHost;
  private readonly attic: Attic;

  constructor(host: MaintenanceHost, attic: Attic) {
    this.host = host;
    this.attic = attic;
  }

  /** NOT_FOUND when a wanted file lies in no attic here; CORRUPT when the index cannot tell what is needed; ABORTED. */
  async restore({ wanted, ...run }: RestoreOptions): Promise<RestoreReport> {
    if (!(await this.host.addsUp())) {
      throw new DriveError('CORRUPT', {
        message: 'the references in the index do not add up, so it cannot tell what is needed',
        hint: 'holdfast rebuild DIR, then restore again; until then nothing leaves the attics',
      });
    }
    const missingNodes: string[] = [];
    const copies: Copy[] = [];
    for (const node of this.host.nodes().filter(({ role }) => role !== 'retired')) {
      try {
        if (!isReadable(node.state)) throw new DriveError('NODE_GONE');
        copies.push(...(await this.copiesOn(node)));
      } catch (error) {
        if (!hasCode(error, 'NODE_GONE', 'NODE_IO')) throw error;
        missingNodes.push(node.label);
      }
    }
    const chosen = wanted === undefined ? copies : choose(copies, wanted);
    const files: RestoredFile[] = [];
    for (const [segment, group] of bySegment(chosen)) {
      if (run.signal?.aborted) throw new DriveError('ABORTED');
      const tell = ({ node, file }: Copy, verdict: Verdict) =>
        files.push({ node: node.label, file: file.name, segment, ...verdict });
      if (segment === null) for (const copy of group) tell(copy, left(whyNoSegment(copy.file)));
      else await this.restoreSegment(segment, group, { run, tell });
    }
    return { files, missingNodes, dryRun: run.dryRun ?? false };
  }

  private async copiesOn(node: MaintenanceNode): Promise<Copy[]> {
    const waiting = (await this.attic.list(node)).map((file) => ({ node, file, isInPlace: false }));
    if (this.host.reader.chunksWithoutPlace(1).length === 0) return waiting;
    const unknown = (await node.store.list('segments')).filter(({ name }) => {
      const segment = segmentOfFileName(name);
      return segment !== undefined && !this.host.reader.segment(segment);
    });
    const was = (name: string) => ({ time: 0, folder: 'segments' as const, reason: null, name });
    return [...waiting, ...unknown.map((file) => ({ node, file: { ...file, was: was(file.name) }, isInPlace: true }))];
  }

  private async restoreSegment(
    segment: SegmentId,
    copies: readonly Copy[],
    { run, tell }: { readonly run: Run; readonly tell: (copy: Copy, verdict: Verdict) => void },
  ): Promise<void> {
    const release = this.host.isWritten(segment) ? undefined : this.host.occupy(segment);
    try {
      let rest = copies;
      if (release && !this.host.reader.segment(segment)) {
        const verdicts = await this.restoreRetired(segment, copies, run);
        for (const [copy, verdict] of verdicts) tell(copy, verdict);
        rest = copies.filter((copy) => !verdicts.has(copy));
      }
      for (const copy of rest) {
        const verdict = release
          ? await this.attempt(() => this.restoreCopy(segment, copy, run))
          : left('it is in use at the moment; try again later');
        tell(copy, verdict);
      }
    } finally {
      release?.();
    }
  }

  /** A copy of a segment that the index knows. */
  private async restoreCopy(segment: SegmentId, copy: Copy, { dryRun, signal }: Run): Promise<Verdict> {
    const { node } = copy;
    const row = this.host.reader.segment(segment);
    // In a dry run a segment that would come back is not known yet.
    if (!row) return { result: 'restored', because: 'one more copy of it' };
    const reason = this.reasonToLeave(node, row);
    if (reason !== undefined) return left(reason);
    const there = copy.isInPlace ? 'missing' : await this.stateThere(node, row, signal);
    if (there === 'good') return left('a good copy lies in its place');
    const { lengthBytes, hash } = row;
    const state = await verifyReplica({ segment, lengthBytes, hash, node: { store: sourceOf(copy) }, signal });
    if (state !== 'good') return { result: 'damaged', because: `it is ${state} and does not count; left where it is` };
    if (!dryRun) await this.putBack(copy, row, there);
    return { result: 'restored', because: 'verified, and a good copy again' };
  }

  private reasonToLeave(node: MaintenanceNode, row: SegmentRow): string | undefined {
    if (row.state !== 'sealed') return 'the segment is still open; try again later';
    if (!isWritable(node.state)) return `its node is ${node.state}`;
    const replica = row.replicas.find((candidate) => candidate.node === node.id);
    if (replica) return undefined;
    const good = row.replicas.filter(({ state }) => state === 'good').length;
    if (good >= row.wanted) return `not needed: the segment has ${good} good copies on other nodes`;
    return node.role === 'active' ? undefined : `its node is ${node.role}`;
  }

  private async stateThere(node: MaintenanceNode, row: SegmentRow, signal: AbortSignal | undefined) {
    const { id: segment, lengthBytes, hash } = row;
    return verifyReplica({ segment, lengthBytes, hash, node, signal });
  }

  /** A bad copy that lies in the place goes to the attic in exchange. */
  private async putBack({ node, file, isInPlace }: Copy, row: SegmentRow, there: string): Promise<void> {
    const { id: segment, replicas } = row;
    const name = segmentFileName(segment);
    if (there !== 'missing') {
      const bad = (await node.store.list('segments')).find((candidate) => candidate.name === name);
      if (bad) await this.attic.take(node, { folder: 'segments', reason: 'replaced', file: bad });
    }
    if (!isInPlace) await this.attic.giveBack(node, file);
    const isPlaced = replicas.some((replica) => replica.node === node.id);
    if (!isPlaced) {
      await this.submit([{ o: 'relocate', segment, nodes: [...replicas.map((replica) => replica.node), node.id] }]);
    }
    await this.host.withWriter((writer) => writer.setReplicaStates([{ segment, node: node.id, state: 'good' }]));
  }

  /** The best copy of a segment that the index does not know; none when nothing in it is needed. */
  private async restoreRetired(segment: SegmentId, copies: readonly Copy[], run: Run): Promise<Map<Copy, Verdict>> {
    const verdicts = new Map<Copy, Verdict>();
    const all = (verdict: Verdict) => new Map(copies.map((copy) => [copy, verdict]));
    const { epoch } = parseSegmentId(segment);
    if (!this.host.reader.epochs().some(({ id }) => id === epoch)) return all(left('it is of another history'));
    let best: { copy: Copy; survey: SegmentSurvey } | undefined;
    for (const copy of copies) {
      const { reader } = this.host;
      const options = { segment, sizeBytes: copy.file.sizeBytes, reader, signal: run.signal };
      try {
        const survey = await surveySegment(sourceOf(copy), options);
        if (isWritable(copy.node.state) && needOf(survey) > (best ? needOf(best.survey) : 0)) best = { copy, survey };
      } catch (error) {
        verdicts.set(copy, failed(error));
      }
    }
    if (!best) {
      const nothing = left('nothing refers to it: what it held was deleted, replaced, or is read from other segments');
      for (const copy of copies) if (!verdicts.has(copy)) verdicts.set(copy, nothing);
      return verdicts;
    }
    const { copy, survey } = best;
    verdicts.set(
      copy,
      await this.attempt(async () => {
        if (!run.dryRun) await this.revive(segment, copy, survey);
        const chunks = survey.placeless.length + survey.lost.length;
        const rest = survey.hash === null ? '; the rest of it is damaged' : '';
        return { result: 'restored', because: `retired, but ${chunks} chunk(s) of it are needed and lie here${rest}` };
      }),
    );
    return verdicts;
  }

  /** The file first: a segment that the index knows and no node holds would be damage. */
  private async revive(segment: SegmentId, { node, file, isInPlace }: Copy, survey: SegmentSurvey): Promise<void> {
    const { lengthBytes, hash, placeless, lost } = survey;
    if (!isInPlace) await this.attic.giveBack(node, file);
    await this.submit([
      { o: 'data', segments: [{ id: segment, nodes: [node.id] }] },
      { o: 'seal', segment, length: lengthBytes, hash },
    ]);
    await this.host.withWriter(async (writer) => {
      await writer.addPlaces(placeless);
      await writer.movePlaces(lost);
      if (hash === null) await writer.setReplicaStates([{ segment, node: node.id, state: 'damaged' }]);
    });
  }

  private async submit(operations: readonly Operation[]): Promise<void> {
    await this.host.submit({ kind: 'operations', principal: '', now: this.host.clock.now(), operations });
  }

  /** What one file meets does not keep the others back. */
  private async attempt(work: () => Promise<Verdict>): Promise<Verdict> {
    try {
      return await work();
    } catch (error) {
      return failed(error);
    }
  }
}

function failed(error: unknown): Verdict {
  if (hasCode(error, 'EXISTS')) return left('a file lies in its place; nothing is overwritten');
  if (
    !hasCode(error, 'NODE_GONE', 'NODE_IO', 'NODE_FULL', 'NODE_READ_ONLY', 'FILE_MISSING', 'UNAVAILABLE', 'CORRUPT')
  ) {
    throw error;
  }
  return left(asDriveError(error).message);
}

const sourceOf = ({ node, file, isInPlace }: Copy): PieceSource =>
  isInPlace ? node.store : atticSource(node.store, file.name);

const needOf = ({ placeless, lost }: SegmentSurvey): number => placeless.length + lost.length;

const segmentOf = ({ was }: WaitingFile): SegmentId | null =>
  was?.folder === 'segments' ? (segmentOfFileName(was.name) ?? null) : null;

function whyNoSegment({ was }: WaitingFile): string {
  if (was?.folder === 'journal' || was?.folder === 'checkpoints') {
    return 'newer checkpoints hold what it holds; with the server stopped it can be renamed back by hand';
  }
  return 'it was not put there by this program';
}

function bySegment(copies: readonly Copy[]): Map<SegmentId | null, Copy[]> {
  const groups = new Map<SegmentId | null, Copy[]>();
  for (const copy of copies) {
    const segment = segmentOf(copy.file);
    groups.set(segment, [...(groups.get(segment) ?? []), copy]);
  }
  return groups;
}

function choose(copies: readonly Copy[], wanted: readonly string[]): Copy[] {
  const names = new Set(wanted.map((name) => segmentOfFileName(name) ?? name));
  const isChosen = ({ file }: Copy) => names.has(file.name) || names.has(segmentOf(file) ?? '');
  const chosen = copies.filter(isChosen);
  for (const { file } of chosen) {
    names.delete(file.name);
    names.delete(segmentOf(file) ?? '');
  }
  const [missing] = names;
  // Each name was deleted with its first file, so what is left names none.
  if (missing === undefined) return chosen;
  throw new DriveError('NOT_FOUND', {
    message: `${missing} lies in no attic of the nodes that are here`,
    hint: '"holdfast attic list DIR" shows what does',
  });
}
