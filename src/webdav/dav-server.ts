/**
 * The frame: webdav-server's server object, its method registry and mount table, with our own `executeRequest`. The
 * stock one makes its context for every request (it cost 0.11 ms, and adds CORS headers and a challenge to every
 * answer), so it is replaced: a look-up in the registry, a look-up of the volume, and the handler runs on a DavContext.
 * Methods that the library brings itself never run.
 */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { v2 as webdav } from 'webdav-server';
import { asDriveError, DriveError } from '../core/errors.js';
import { decodeTargetPath, encodeName, type TargetPath } from '../http/target-path.js';
import type { Volume } from '../volume/volume.js';
import { type Handler, runHandler, send } from './answers.js';
import { type AdaptationSwitches, clientProfiles } from './client-profiles.js';
import { DavContext, type DavEnvironment } from './dav-context.js';
import { copy, move } from './methods/copy-move.js';
import { remove } from './methods/delete.js';
import { get } from './methods/get.js';
import { lock } from './methods/lock.js';
import { mkcol } from './methods/mkcol.js';
import { options } from './methods/options.js';
import { patch } from './methods/patch.js';
import { post, unknownMethod } from './methods/post.js';
import { propfind } from './methods/propfind.js';
import { proppatch } from './methods/proppatch.js';
import { put } from './methods/put.js';
import { unlock } from './methods/unlock.js';
import { VolumeList } from './volume-list.js';
import { VolumeFileSystem } from './volumes/volume-file-system.js';
import { WindowsVolume } from './volumes/windows-volume.js';

export type { Volume } from '../volume/volume.js';

const handlers: Readonly<Record<string, Handler>> = {
  OPTIONS: options,
  GET: get,
  HEAD: get,
  PUT: put,
  PATCH: patch,
  POST: post,
  DELETE: remove,
  MKCOL: mkcol,
  COPY: copy,
  MOVE: move,
  PROPFIND: propfind,
  PROPPATCH: proppatch,
  LOCK: lock,
  UNLOCK: unlock,
};

/** What a user who may only read can ask for. */
const reading: ReadonlySet<Handler> = new Set([options, get, propfind, post]);

/** A registered method of ours. `chunked` is for callers that come through the library. */
class DavMethod implements webdav.HTTPMethod {
  constructor(
    readonly handler: Handler,
    readonly server: DavServer,
  ) {}

  chunked(context: webdav.HTTPRequestContext): void {
    this.server.executeRequest(context.request, context.response);
  }
}

/** What a request is run with. */
export interface Execution {
  readonly target: TargetPath;
  readonly expectsContinue: boolean;
  /** Who asks; default '': there are no users. */
  readonly principal?: string;
  readonly mayWrite?: boolean;
}

export interface TurnedAway {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly message: string;
  readonly expectsContinue: boolean;
}

/** What the listener lends. */
export interface DavServices extends Pick<DavEnvironment, 'report' | 'linger'> {
  /** Default: all names. */
  readonly isOwnHost?: DavEnvironment['isOwnHost'] | undefined;
  readonly adaptations?: AdaptationSwitches | undefined;
}

export class DavServer extends webdav.WebDAVServer {
  readonly #environment: DavEnvironment;
  readonly #volumes = new Map<string, Volume>();
  /** The same ones, as Windows wants to see them. */
  readonly #forWindows = new Map<Volume, Volume>();
  readonly #list: VolumeList;

  constructor(volumes: readonly Volume[], services: DavServices) {
    const list = new VolumeList(volumes);
    super({ respondWithPaths: true, serverName: 'Holdfast', version: '1', rootFileSystem: new VolumeFileSystem(list) });
    this.#list = list;
    const { report, linger, adaptations, isOwnHost = () => true } = services;
    const volumeNamed = (name: string): Volume | undefined => this.#volumes.get(name.normalize('NFC'));
    this.#environment = { report, linger, isOwnHost, volumeNamed, profileOf: clientProfiles(adaptations) };
    for (const volume of volumes) {
      this.#volumes.set(volume.name.normalize('NFC'), volume);
      this.#forWindows.set(volume, new WindowsVolume(volume));
      this.setFileSystemSync(`/${volume.name}/`, new VolumeFileSystem(volume));
    }
    for (const [name, handler] of Object.entries(handlers)) this.method(name, new DavMethod(handler, this));
    this.executeRequest = (request: IncomingMessage, response: ServerResponse): void => {
      try {
        const [path = '/'] = (request.url ?? '/').split('?', 1);
        void this.execute(request, response, { target: decodeTargetPath(path), expectsContinue: false });
      } catch (error) {
        void this.refuse(request, response, { error: asDriveError(error), expectsContinue: false });
      }
    };
  }

  /** Whether its client is known, or must be expected, to read a 102 before the answer. */
  readsInterimAnswers({ headers }: IncomingMessage): boolean {
    return this.#environment.profileOf(headers['user-agent']).interimAnswers;
  }

  /** Whether its client takes one Digest challenge, and only of the older kind. */
  knowsOnlyMd5({ headers }: IncomingMessage): boolean {
    return this.#environment.profileOf(headers['user-agent']).onlyMd5;
  }

  /** Runs a request to its end; never rejects. */
  execute(
    request: IncomingMessage,
    response: ServerResponse,
    { target, expectsContinue, principal = '', mayWrite = true }: Execution,
  ): Promise<void> {
    const [first] = target.names;
    const volume = first === undefined ? undefined : this.#environment.volumeNamed(first);
    const { windowsNames } = this.#environment.profileOf(request.headers['user-agent']);
    const served = volume && windowsNames ? this.#forWindows.get(volume) : volume;
    const [mount, path] = volume ? [`/${encodeName(first!)}`, target.names.slice(1)] : ['', target.names];
    const context = new DavContext(
      this.#environment,
      request,
      response,
      served ?? this.#list,
      mount,
      path,
      target.trailingSlash,
      expectsContinue,
      principal,
      mayWrite,
    );
    const method = this.methods[request.method!.toLowerCase()];
    const handler = method instanceof DavMethod ? method.handler : unknownMethod;
    return runHandler(mayWrite || reading.has(handler) ? handler : readOnly, context);
  }

  /** Answers a request that is not to run; where its body allows, the connection goes on. */
  turnAway(
    request: IncomingMessage,
    response: ServerResponse,
    { status, headers, message, expectsContinue }: TurnedAway,
  ): Promise<void> {
    const context = new DavContext(this.#environment, request, response, this.#list, '', [], false, expectsContinue);
    const plain = { ...headers, 'Content-Type': 'text/plain; charset=utf-8' };
    return runHandler(() => send(context, status, plain, `${message}\n`), context);
  }

  /** Answers a request that must not run, and closes its connection. */
  refuse(
    request: IncomingMessage,
    response: ServerResponse,
    { error, expectsContinue }: { readonly error: DriveError; readonly expectsContinue: boolean },
  ): Promise<void> {
    response.setHeader('Connection', 'close');
    const context = new DavContext(this.#environment, request, response, this.#list, '', [], false, expectsContinue);
    return runHandler(async () => {
      throw error;
    }, context);
  }
}

const readOnly: Handler = async () => {
  throw new DriveError('FORBIDDEN', { message: 'this user may only read' });
};
