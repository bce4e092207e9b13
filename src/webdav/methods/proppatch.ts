/** PROPPATCH: in document order, all or nothing (RFC 4918 section 9.2). */

import { DriveError } from '../../core/errors.js';
import { readBody } from '../../http/body.js';
import { limits } from '../../http/limits.js';
import { refusal } from '../../http/status.js';
import type { Conditions, IfList, PropertyChange } from '../../volume/volume.js';
import type { Handler } from '../answers.js';
import { isChecksums } from '../body/checksums.js';
import type { DavContext } from '../dav-context.js';
import { Multistatus } from '../multistatus.js';
import { type EntryTimes, liveProperty, microsoftNamespace } from '../properties.js';
import { changeOptions, submittingOnly } from '../request-headers.js';
import { childElements, isDav, textOf, type XmlElement } from '../xml/xml-element.js';
import { readXml } from '../xml/xml-reader.js';
import { emptyElement, standaloneXml } from '../xml/xml-writer.js';

interface Verdict {
  readonly element: XmlElement;
  /** 200, or why not: 403 protected, 409 not a value for it. */
  readonly status: 200 | 403 | 409;
  readonly change?: PropertyChange;
  readonly times?: EntryTimes;
}

const reasons = { 200: '200 OK', 403: '403 Forbidden', 409: '409 Conflict', 424: '424 Failed Dependency' } as const;

export const proppatch: Handler = async (context) => {
  const options = changeOptions(context);
  context.acceptBody();
  const verdicts = readVerdicts(await readBody(context.request, limits.xmlBytes));
  const entry = await context.volume.stat(context.path);
  if (!entry) throw new DriveError('NOT_FOUND');
  const allowed = verdicts.every(({ status }) => status === 200);
  if (allowed) {
    const changes = verdicts.flatMap(({ change }) => change ?? []);
    const times = Object.assign({}, ...verdicts.map((verdict) => verdict.times)) as EntryTimes;
    const conditions = await withOwnLocks(context, verdicts, options.conditions);
    await context.volume.setProperties(context.path, changes, { ...options, conditions, times });
  }
  const answer = new Multistatus(context);
  const href = entry.kind === 'folder' ? `${context.href}/` : context.href;
  answer.push(href, propstats(verdicts, allowed));
  answer.end();
};

/**
 * The tokens of the sender's own locks, where its profile says that it forgets them. A lock that ends
 * meanwhile makes nothing fail.
 */
async function withOwnLocks(
  { profile, volume, path, principal }: DavContext,
  verdicts: readonly Verdict[],
  conditions: Conditions | undefined,
): Promise<Conditions | undefined> {
  const isWin32 = verdicts.every(({ element }) => element.namespace === microsoftNamespace);
  if (!profile.win32WithoutToken || !isWin32 || conditions?.ifLists) return conditions;
  const own = (await volume.locks(path)).filter((lock) => lock.principal === principal);
  const submitted = own.map(
    ({ token }): IfList => ({ resource: 'request', conditions: [{ not: false, kind: 'token', value: token }] }),
  );
  return submittingOnly({ ...conditions, ifLists: submitted });
}

function readVerdicts(body: Buffer): Verdict[] {
  if (body.length === 0) throw refusal(400, 'a PROPPATCH needs a body');
  const root = readXml(body);
  if (!isDav(root, 'propertyupdate')) throw refusal(400, 'the body is not a DAV:propertyupdate');
  const verdicts: Verdict[] = [];
  for (const part of childElements(root)) {
    const sets = isDav(part, 'set');
    if (!sets && !isDav(part, 'remove')) continue;
    for (const prop of childElements(part).filter((child) => isDav(child, 'prop'))) {
      for (const element of childElements(prop)) verdicts.push(judge(element, sets));
    }
  }
  if (verdicts.length === 0) throw refusal(400, 'a PROPPATCH names no property');
  if (verdicts.length > limits.properties) throw refusal(400, 'too many properties are changed at once');
  return verdicts;
}

function judge(element: XmlElement, sets: boolean): Verdict {
  const { namespace, name } = element;
  if (isChecksums(element)) return { element, status: 403 };
  const live = liveProperty(namespace, name);
  if (!live) return { element, status: 200, change: { namespace, name, value: sets ? standaloneXml(element) : null } };
  if (!live.parseTime) return { element, status: 403 };
  // A time cannot be removed, and need not be: it goes on being what the entry says.
  if (!sets) return { element, status: 200 };
  const times = live.parseTime(textOf(element));
  return times ? { element, status: 200, times } : { element, status: 409 };
}

function propstats(verdicts: readonly Verdict[], allowed: boolean): string {
  const groups = new Map<keyof typeof reasons, string>();
  const seen = new Set<string>();
  for (const { element, status } of verdicts) {
    const key = `${status} ${element.namespace} ${element.name}`;
    if (seen.has(key)) continue;
    seen.add(key);
    const shown = allowed || status !== 200 ? status : 424;
    groups.set(shown, (groups.get(shown) ?? '') + emptyElement(element.namespace, element.name));
  }
  return [...groups].map(([status, names]) => propstat(status, names)).join('');
}

function propstat(status: keyof typeof reasons, names: string): string {
  const condition = status === 403 ? '<D:error><D:cannot-modify-protected-property/></D:error>' : '';
  return `<D:propstat><D:prop>${names}</D:prop><D:status>HTTP/1.1 ${reasons[status]}</D:status>${condition}</D:propstat>`;
}
