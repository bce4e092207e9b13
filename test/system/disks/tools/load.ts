/** What clients do meanwhile: they read files that do not change, and save files that do. Nothing may fail them. */
import assert from 'node:assert/strict';
import { DavClient } from '../../tools/dav-client.js';
import { KiB, MiB } from '../../tools/requirements.js';
import { Chance, contentOf, runSeed } from '../../tools/seeded.js';
import { pause } from '../../tools/wait.js';

interface Content {
  readonly key: string;
  readonly sizeBytes: number;
}

const baseFiles = 6;
const savedNames = 10;
const largeFiles = 3;
const largeBytes = 4 * MiB;

export class Load {
  readonly #url: string;
  readonly #chance = new Chance(runSeed());
  readonly #dav: DavClient;
  /** What must be there, by name. */
  readonly #files = new Map<string, Content>();
  /** Those that no client changes while others read. */
  readonly #quiet: string[] = [];
  readonly #failures: string[] = [];
  #version = 0;
  #requests = 0;
  #isRunning = false;
  #clients: Promise<void>[] = [];

  constructor(url: string) {
    this.#url = url;
    this.#dav = new DavClient(url);
  }

  close(): void {
    this.#isRunning = false;
    this.#dav.close();
  }

  async saveBase(): Promise<void> {
    for (let index = 0; index < baseFiles; index++) {
      const name = `base ${index}`;
      await this.#save(this.#dav, name, 120 * KiB * (index + 1));
      this.#quiet.push(name);
    }
    this.#mustBeClean();
  }

  async saveLarge(): Promise<void> {
    const name = `large ${this.#version % largeFiles}`;
    await this.#save(this.#dav, name, largeBytes);
    if (!this.#quiet.includes(name)) this.#quiet.push(name);
    this.#mustBeClean();
  }

  async saveSome(): Promise<void> {
    for (let index = 0; index < 3; index++) await this.#saveOne(this.#dav, 'some');
    this.#mustBeClean();
  }

  start({ reading = 0, saving = 0 }: { readonly reading?: number; readonly saving?: number }): void {
    this.#isRunning = true;
    this.#requests = 0;
    this.#clients = [
      ...Array.from({ length: reading }, () => this.#repeat((dav) => this.#readOne(dav))),
      ...Array.from({ length: saving }, (_, client) => this.#repeat((dav) => this.#saveOne(dav, `client ${client}`))),
    ];
  }

  /** The number of requests that clients made. Throws when one of them failed. */
  async stop(): Promise<number> {
    this.#isRunning = false;
    const wereAny = this.#clients.length > 0;
    await Promise.all(this.#clients.splice(0));
    this.#mustBeClean();
    assert.ok(!wereAny || this.#requests > 0, 'no client came to an end with anything');
    return this.#requests;
  }

  /** Every byte of every file that no client changes meanwhile. */
  async verify(): Promise<void> {
    const names = this.#isRunning ? this.#quiet : [...this.#files.keys()];
    for (const name of names) await this.#read(this.#dav, name);
    this.#mustBeClean();
  }

  #mustBeClean(): void {
    assert.deepEqual(this.#failures, []);
  }

  async #repeat(work: (dav: DavClient) => Promise<void>): Promise<void> {
    const dav = new DavClient(this.#url);
    while (this.#isRunning) {
      await work(dav);
      this.#requests += 1;
      // Room for the other drives on this machine.
      await pause(40);
    }
    dav.close();
  }

  #saveOne(dav: DavClient, client: string): Promise<void> {
    const sizeBytes = this.#chance.next() < 0.15 ? MiB + 1 : this.#chance.between(1, 100 * KiB);
    return this.#save(dav, `${client}: ${this.#chance.below(savedNames)}`, sizeBytes);
  }

  #readOne(dav: DavClient): Promise<void> {
    return this.#read(dav, this.#chance.pick(this.#quiet));
  }

  async #save(dav: DavClient, name: string, sizeBytes: number): Promise<void> {
    const content = { key: `${name} ${++this.#version}`, sizeBytes };
    await this.#attempt(`PUT ${name}`, async () => {
      const { status } = await dav.send('PUT', name, { body: contentOf(content.key, sizeBytes) });
      if (status !== 201 && status !== 204) throw new Error(`answered with ${status}`);
      this.#files.set(name, content);
    });
  }

  async #read(dav: DavClient, name: string): Promise<void> {
    const { key, sizeBytes } = this.#files.get(name)!;
    await this.#attempt(`GET ${name}`, async () => {
      const { status, body } = await dav.send('GET', name);
      if (status !== 200) throw new Error(`answered with ${status}`);
      if (!body.equals(contentOf(key, sizeBytes))) throw new Error('wrong bytes');
    });
  }

  async #attempt(what: string, work: () => Promise<void>): Promise<void> {
    await work().catch((error: Error) => this.#failures.push(`${what}: ${error.message}`));
  }
}
