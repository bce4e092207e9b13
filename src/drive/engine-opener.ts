/**
 * Opens the engines of a drive, one after the other, over its index: an index that is missing, damaged or of another
 * history is rebuilt from the nodes. It holds what outlives an engine: the index, the pins of open files, and how far the
 * journals were durable.
 */
import { asDriveError, type DriveError, hasCode } from '../core/errors.js';
import type { NodeId } from '../core/ids.js';
import { isIndexDamage, type MetaStore } from '../meta/meta-store.js';
import type { ContentId, Operation } from '../meta/operations.js';
import type { Node } from '../node/node.js';
import { type EngineOptions, VolumeEngine } from '../volume/engine.js';
import { indexOffChain } from '../volume/history/opening.js';
import { Pins } from '../volume/pins.js';
import type { DriveContext } from './drive-context.js';
import type { DriveEvents } from './drive-events.js';
import { type IndexSource, indexFileOf } from './drive-index.js';
import type { DriveNodes } from './drive-nodes.js';

export interface OpenerOptions {
  readonly directory: string;
  readonly context: DriveContext;
  readonly nodes: DriveNodes;
  readonly events: DriveEvents;
  readonly volume: { readonly id: string; readonly replicas: number };
  readonly meta: MetaStore;
  /** Default: the file in the directory. */
  readonly index?: IndexSource | undefined;
  readonly genesis?: readonly Operation[] | undefined;
  /** Nodes that a person called lost for good, in `volume.json`. */
  readonly givenUp?: EngineOptions['givenUp'];
}

/** What an engine asks of the drive around it. */
export type EngineHooks = Pick<EngineOptions, 'attic' | 'events' | 'current'>;

const noReading = { end: (): Promise<void> => Promise.resolve() };

export class EngineOpener {
  private readonly options: OpenerOptions;
  private readonly source: IndexSource;
  private readonly contentPins = new Pins<ContentId>();
  private meta: MetaStore;
  /** How far the nodes' journals were durable when an engine of this process ended. */
  private durable: ReadonlyMap<NodeId, number> | undefined;
  /** Number of the last batch that was durable on any of them. */
  private newestKnown = 0;
  private readonly onDamage: (error: DriveError) => void;
  private damage: DriveError | undefined;
  private reading = noReading;

  /** `onDamage`: the index must not be read any more; `renewIndex` makes it anew. */
  constructor(options: OpenerOptions, onDamage: (error: DriveError) => void) {
    this.options = options;
    this.source = options.index ?? indexFileOf(options, options.volume.id);
    this.onDamage = onDamage;
    this.meta = options.meta;
    this.watch(options.meta);
  }

  /** Whether the index turned out to be damaged while it was in use. */
  get isDamaged(): boolean {
    return this.damage !== undefined;
  }

  get index(): MetaStore {
    return this.meta;
  }

  /** `refusal`: for reading only, and why. */
  async open(refusal: DriveError | undefined, hooks: EngineHooks): Promise<VolumeEngine> {
    const { nodes, events } = this.options;
    try {
      return await this.newEngine(refusal, hooks);
    } catch (error) {
      const isOffChain = hasCode(error, 'CORRUPT') && error.details.reason === indexOffChain;
      if (!isOffChain && !this.isDamaged) throw error;
      const why = isOffChain ? `the index does not match the nodes (${error.message})` : this.damage!.message;
      events.report('warning', `${why}: it is moved aside and rebuilt`);
      await this.rebuild(nodes.present);
      return this.newEngine(refusal, hooks);
    }
  }

  async end(engine: VolumeEngine): Promise<void> {
    try {
      await engine.close();
    } finally {
      this.durable = engine.history.writeSet.durablePositions();
      this.newestKnown = Math.max(this.newestKnown, ...this.durable.values());
    }
  }

  /** Between two engines: the index is closed and opened again, or made anew when it is of no use. */
  async renewIndex(): Promise<void> {
    // With its mark: without one every row would be verified while nothing is served.
    await this.close();
    const opened = this.isDamaged ? undefined : await this.source.open();
    if (opened) this.use(opened);
    else await this.rebuild(this.options.nodes.present);
  }

  async close(): Promise<void> {
    await this.reading.end();
    await this.meta.close();
    if (!this.isDamaged) await this.source.onClosed?.();
  }

  private async rebuild(present: readonly Node[]): Promise<void> {
    await this.reading.end();
    await this.meta.close();
    const meta = await this.source.rebuild(present);
    this.damage = undefined;
    this.use(meta);
  }

  private use(meta: MetaStore): void {
    this.meta = meta;
    this.watch(meta);
  }

  private watch(meta: MetaStore): void {
    meta.onDamage?.((error) => {
      if (meta !== this.meta) return;
      this.damage = error;
      this.onDamage(error);
    });
    this.reading = meta.isUnread ? this.readLater(meta) : noReading;
  }

  /** Nothing that is damaged is served meanwhile; this finds what nobody asks for. */
  private readLater(meta: MetaStore): typeof noReading {
    const { events, context } = this.options;
    const stop = new AbortController();
    let read: Promise<void> = Promise.resolve();
    const cancel = context.clock.schedule(context.safety.indexReadDelayMs, () => {
      read = meta.verify!({ signal: stop.signal }).catch((error: unknown) => {
        const isToldElsewhere = isIndexDamage(error) || hasCode(error, 'ABORTED', 'CLOSED');
        if (!isToldElsewhere) events.report('warning', `the index could not be read: ${asDriveError(error).message}`);
      });
    });
    const end = () => {
      cancel();
      stop.abort();
      return read;
    };
    return { end };
  }

  private newEngine(refusal: DriveError | undefined, hooks: EngineHooks): Promise<VolumeEngine> {
    const { context, nodes, volume, genesis, givenUp } = this.options;
    return VolumeEngine.open({
      ...hooks,
      meta: this.meta,
      nodes: () => nodes.all,
      volume,
      safety: context.safety,
      clock: context.clock,
      random: context.random,
      contentPins: this.contentPins,
      durable: this.durable,
      newestKnown: this.newestKnown,
      givenUp,
      genesis: this.meta.reader.tip() ? undefined : genesis,
      refusal,
    });
  }
}
