/** When the files of a drive were last proven to be there, and which are not: asked by commands, and for the status. */
import { DriveError } from '../../core/errors.js';
import type {
  FileProof,
  NodeSalvageReport,
  Proof,
  ProofCommands,
  SalvageReport,
  ScrubReport,
} from '../../drive-proof.js';
import type { DriveStatus } from '../../drive-status.js';
import type { Maintenance } from '../../maintenance/maintenance.js';
import { askIndex, type MetaReader } from '../../meta/meta-store.js';
import type { EntryRow } from '../../meta/rows.js';
import { isReadable } from '../../node/node-state.js';
import { asText } from '../protection/folder-protection.js';
import { NodeSalvage, type NodeSalvageParts } from '../salvage/node-salvage.js';
import type { Damage } from './salvage.js';
import { findDamage, findLoss, type Loss } from './salvage.js';

export interface ProofParts extends NodeSalvageParts {
  readonly status: () => Promise<DriveStatus>;
}

const pageChunks = 1_000;
/** By the status. */
const namedFiles = 100;
/** So many times as long as finding it out took, what status says may be old. */
const freshFactor = 20;
/** Status is answered without the files when finding them takes longer; the next one has them. */
const patienceMs = 3_000;

interface Known {
  /** What is lost, and what was away, when it was found out. */
  readonly key: string;
  /** As of this change of the volume. */
  readonly sequence: number;
  readonly freshUntilMs: number;
  readonly loss: Loss;
  readonly damage: Damage;
}

export class VolumeProofs implements ProofCommands {
  private readonly parts: ProofParts;
  private readonly stop = new AbortController();
  private readonly nodeSalvage: NodeSalvage;
  private known: Known | undefined;
  private finding: Promise<void> | undefined;

  constructor(parts: ProofParts) {
    this.parts = parts;
    this.nodeSalvage = new NodeSalvage(parts);
  }

  ofFile({ path }: { readonly path: string }): Promise<FileProof> {
    const names = path.split('/').filter((name) => name !== '');
    const { engine, nodes } = this.parts;
    const labels = new Map(nodes.all.map(({ id, label }) => [id, label]));
    return askIndex(
      () => engine.engine(),
      ({ reader }) => {
        const entry = reader.lookup(names);
        if (!entry) throw new DriveError('NOT_FOUND', { message: `there is no file ${asText(names)}` });
        if (entry.kind === 'folder' || entry.content === null) throw new DriveError('IS_FOLDER');
        return proofOf(reader, entry, { path: asText(names), labels });
      },
    );
  }

  async scrub({ olderThanMs, ...following }: Parameters<ProofCommands['scrub']>[0]): Promise<ScrubReport> {
    const now = this.parts.context.clock.now();
    const provenBefore = olderThanMs === undefined ? undefined : now - olderThanMs;
    return (await this.maintenance()).scrub({ provenBefore, ...following });
  }

  async salvage({ limit, signal }: Parameters<ProofCommands['salvage']>[0]): Promise<SalvageReport> {
    await this.parts.engine.engine();
    const input = this.input();
    const loss = await findLoss(input, signal);
    const damage = await findDamage(input, { loss, limit, signal });
    return { health: (await this.parts.status()).health, ...damage };
  }

  salvageNode(options: Parameters<ProofCommands['salvageNode']>[0]): Promise<NodeSalvageReport> {
    return this.nodeSalvage.run(options);
  }

  /** For a status in which segments are lost. undefined while it is being found out. */
  async figures(): Promise<Damage | undefined> {
    const key = this.key();
    const { clock } = this.parts.context;
    if (!this.isFresh(key)) {
      this.finding ??= this.find(key).finally(() => {
        this.finding = undefined;
      });
      const patience = new AbortController();
      await Promise.race([this.finding, clock.sleep(patienceMs, { signal: patience.signal })]);
      patience.abort();
    }
    return this.known?.key === key ? this.known.damage : undefined;
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.stop.abort();
    await this.nodeSalvage.close();
    await this.finding;
  }

  private isFresh(key: string): boolean {
    const { known } = this;
    if (known?.key !== key) return false;
    // Places are found without a change of the volume.
    const isAsOfNow = known.sequence === this.sequence && !known.loss.hasUnplaced;
    return isAsOfNow || this.parts.context.clock.monotonic() < known.freshUntilMs;
  }

  private get sequence(): number {
    return this.parts.engine.index.reader.tip()?.sequence ?? 0;
  }

  private async find(key: string): Promise<void> {
    const { signal } = this.stop;
    const { clock } = this.parts.context;
    const { sequence } = this;
    const started = clock.monotonic();
    const input = this.input();
    try {
      const loss = this.known?.key === key ? this.known.loss : await findLoss(input, signal);
      const damage = await findDamage(input, { loss, limit: namedFiles, signal });
      const now = clock.monotonic();
      this.known = { key, sequence, loss, damage, freshUntilMs: now + freshFactor * (now - started) };
    } catch {
      // The drive is closed, or its index made anew: asked again with the next status.
    }
  }

  private key(): string {
    const { nodes, engine } = this.parts;
    const absent = nodes.all.filter(({ state }) => !isReadable(state)).map(({ id }) => id);
    const { reader } = engine.index;
    const wanted = reader.volume()?.replicas ?? 1;
    const lost = reader
      .degraded({ wanted, absent, limit: keyedSegments })
      .filter((row) => !row.replicas.some(({ node, state }) => state === 'good' && !absent.includes(node)));
    return JSON.stringify([absent, lost.map(({ id, replicas }) => [id, replicas.map(({ state }) => state)])]);
  }

  private input() {
    return { meta: this.parts.engine.index, nodes: this.parts.nodes.all };
  }

  private async maintenance(): Promise<Maintenance> {
    await this.parts.engine.engine();
    const { maintenance } = this.parts.engine;
    if (!maintenance) throw new DriveError('UNAVAILABLE');
    return maintenance;
  }
}

/** Beyond them a change of what is lost shows when what is known is no longer fresh. */
const keyedSegments = 1_000;

function proofOf(
  reader: MetaReader,
  { content, sizeBytes }: EntryRow,
  { path, labels }: { readonly path: string; readonly labels: ReadonlyMap<string, string> },
): FileProof {
  const segments = new Set<string>();
  for (let first = 0; ; first += pageChunks) {
    const page = reader.contentChunks(content!, first, pageChunks);
    for (const { place } of page) if (place) segments.add(place.segment);
    if (page.length < pageChunks) break;
  }
  const rows = [...segments].map((id) => reader.segment(id)).filter((row) => row !== undefined);
  const sealed = rows.filter(({ state }) => state === 'sealed');
  const copies = sealed.flatMap(({ id }) => reader.segmentProofs(id));
  const good = copies.filter(({ state }) => state === 'good');
  const byNode = new Map<string, { proven: number }[]>();
  for (const copy of good) byNode.set(copy.node, [...(byNode.get(copy.node) ?? []), copy]);
  return {
    path,
    sizeBytes,
    ...summed(good),
    badCopies: copies.length - good.length,
    unsealedSegments: rows.length - sealed.length,
    nodes: [...byNode]
      .map(([id, some]) => ({ label: labels.get(id) ?? id, ...summed(some) }))
      .sort((one, other) => one.label.localeCompare(other.label, 'en', { numeric: true })),
  };
}

function summed(copies: readonly { readonly proven: number }[]): Proof {
  const times = copies.map(({ proven }) => proven).filter((time) => time > 0);
  const oldest = times.length === 0 ? null : times.reduce((least, time) => Math.min(least, time));
  return { copies: copies.length, proven: times.length, oldest };
}
