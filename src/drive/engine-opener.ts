/**
 * Opens the engines of a drive, one after the other, over its index: an index that is missing, damaged or of another
 * history is rebuilt from the nodes. It holds what outlives an engine: the index, the pins of open files, and how far the
 * journals were durable.
 */
import { type DriveError, hasCode } from '../core/errors.js';
import type { NodeId } from '../core/ids.js';
import type { MetaStore } from '../meta/meta-store.js';
import type { ContentId, Operation } from '../meta/operations.js';
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
}

/** What an engine asks of the drive around it. */
export type EngineHooks = Pick<EngineOptions, 'attic' | 'events' | 'current'>;

export class EngineOpener {
  private readonly options: OpenerOptions;
  private readonly source: IndexSource;
  private readonly contentPins = new Pins<ContentId>();
  private meta: MetaStore;
  /** How far the nodes' journals were durable when an engine of this process ended. */
  private durable: ReadonlyMap<NodeId, number> | undefined;

  constructor(options: OpenerOptions) {
    this.options = options;
    this.source = options.index ?? indexFileOf(options, options.volume.id);
    this.meta = options.meta;
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
      if (!hasCode(error, 'CORRUPT') || error.details.reason !== indexOffChain) throw error;
      events.report('warning', `the index does not match the nodes (${error.message}): it is moved aside and rebuilt`);
      await this.meta.close();
      this.meta = await this.source.rebuild(nodes.present);
      return this.newEngine(refusal, hooks);
    }
  }

  async end(engine: VolumeEngine): Promise<void> {
    await engine.close();
    this.durable = engine.history.writeSet.durablePositions();
  }

  /** Between two engines: the index is closed and opened again. */
  async renewIndex(): Promise<void> {
    await this.meta.close();
    this.meta = (await this.source.open()) ?? (await this.source.rebuild(this.options.nodes.present));
  }

  async close(): Promise<void> {
    await this.meta.close();
  }

  private newEngine(refusal: DriveError | undefined, hooks: EngineHooks): Promise<VolumeEngine> {
    const { context, nodes, volume, genesis } = this.options;
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
      genesis: this.meta.reader.tip() ? undefined : genesis,
      refusal,
    });
  }
}
