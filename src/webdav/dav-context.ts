/**
 * What a method handler sees of its request: our own small type, so that handlers know nothing of the frame. Cheap to
 * make; what few requests need (the signal, the client's profile) is made on first use.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { DriveError } from '../core/errors.js';
import { encodeName } from '../http/target-path.js';
import type { EntryPath, Volume } from '../volume/volume.js';
import type { ClientProfile } from './client-profiles.js';

/** What the server lends to every request. */
export interface DavEnvironment {
  /** The volume with that name, in any Unicode form. */
  volumeNamed(name: string): Volume | undefined;
  /** What the client with that user agent needs. */
  profileOf(userAgent: string | undefined): ClientProfile;
  /** Something that is our fault and that the operator should see. */
  report(error: DriveError, request: string): void;
  /** Whether requests may name the server so. */
  isOwnHost(hostname: string, request: IncomingMessage): boolean;
  /** Reads what is left of an unwanted body, for a bounded time. */
  linger(request: IncomingMessage): Promise<void>;
}

export class DavContext {
  #controller: AbortController | undefined;
  #profile: ClientProfile | undefined;
  #continued = false;

  constructor(
    readonly environment: DavEnvironment,
    readonly request: IncomingMessage,
    readonly response: ServerResponse,
    readonly volume: Volume,
    /** Href of the volume as this request spells it, without slash at the end: `/home`; '' for the list of volumes. */
    readonly mount: string,
    /** Names below the volume. */
    readonly path: EntryPath,
    readonly trailingSlash: boolean,
    /** The sender waits for 100 before it sends the body. */
    readonly expectsContinue: boolean,
    /** Who asks; '' while there are no users. */
    readonly principal = '',
    readonly mayWrite = true,
  ) {}

  get method(): string {
    return this.request.method ?? '';
  }

  /** Href of the request's own path in the spelling of the request, without slash at the end. */
  get href(): string {
    return this.hrefOf(this.path);
  }

  /** Fires when the sender has left before the answer was complete. */
  get signal(): AbortSignal {
    if (!this.#controller) {
      const controller = new AbortController();
      this.#controller = controller;
      const stop = (): void => {
        if (!this.response.writableFinished) controller.abort();
      };
      if (this.response.closed) stop();
      else this.response.once('close', stop);
    }
    return this.#controller.signal;
  }

  get profile(): ClientProfile {
    this.#profile ??= this.environment.profileOf(this.request.headers['user-agent']);
    return this.#profile;
  }

  /** Whether the body will come (or is here): nobody waits for a 100 any more. */
  get bodyComes(): boolean {
    return !this.expectsContinue || this.#continued;
  }

  /** Called when the body is wanted, after everything that could refuse it was checked. */
  acceptBody(): void {
    if (this.bodyComes) return;
    this.#continued = true;
    this.response.writeContinue();
  }

  /**
   * Href of an entry above, at or below the request's path. The part they share keeps the spelling of the request:
   * Finder tells parent from child by comparing the text, Unicode form included.
   */
  hrefOfRelative(path: EntryPath): string {
    const shared = Math.min(path.length, this.path.length);
    return this.hrefOf([...this.path.slice(0, shared), ...path.slice(shared)]);
  }

  /** Href of any path of this volume, without slash at the end. */
  hrefOf(path: EntryPath): string {
    let href = this.mount;
    for (const name of path) href += `/${encodeName(name)}`;
    return href;
  }
}
