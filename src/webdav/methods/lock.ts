/** LOCK: a new lock, or (without body) a refresh that keeps the token: clients compare. */
import { readBody } from '../../http/body.js';
import { limits } from '../../http/limits.js';
import { refusal } from '../../http/status.js';
import type { LockRow } from '../../volume/volume.js';
import { type Handler, sendXml } from '../answers.js';
import type { DavContext } from '../dav-context.js';
import { activeLockXml } from '../properties.js';
import { changeOptions, readDepth, readTimeoutMs } from '../request-headers.js';
import { childElements, isDav } from '../xml/xml-element.js';
import { readXml } from '../xml/xml-reader.js';
import { innerXml } from '../xml/xml-writer.js';

const maximumOwnerLength = 4096;

export const lock: Handler = async (context) => {
  const { request, volume, path } = context;
  const depth = readDepth(request.headers);
  if (depth === 1) throw refusal(400, 'LOCK knows Depth 0 and infinity');
  const timeoutMs = readTimeoutMs(request.headers);
  const options = changeOptions(context);
  context.acceptBody();
  const body = await readBody(request, limits.xmlBytes);
  if (body.length === 0) {
    if (!options.conditions?.ifLists) throw refusal(400, 'a LOCK without body refreshes and needs an If header');
    return sendLock(context, 200, await volume.refreshLock(path, { ...options, timeoutMs }), false);
  }
  const wanted = readLockInfo(body);
  const entry = await volume.stat(path);
  const depthHere = entry?.kind === 'folder' ? depth : 0;
  const { created, lock: granted } = await volume.lock(path, { ...options, ...wanted, depth: depthHere, timeoutMs });
  await sendLock(context, created ? 201 : 200, granted, true);
};

function readLockInfo(body: Buffer): { readonly scope: 'exclusive' | 'shared'; readonly owner: string } {
  const root = readXml(body);
  if (!isDav(root, 'lockinfo')) throw refusal(400, 'the body is not a DAV:lockinfo');
  const parts = childElements(root);
  const scopes = parts.filter((part) => isDav(part, 'lockscope')).flatMap(childElements);
  const types = parts.filter((part) => isDav(part, 'locktype')).flatMap(childElements);
  const scope = scopes.length === 1 && scopes[0]!;
  if (!scope || !(isDav(scope, 'exclusive') || isDav(scope, 'shared')))
    throw refusal(400, 'the lock scope is not known');
  if (types.length !== 1 || !isDav(types[0]!, 'write')) throw refusal(400, 'the lock type is not known');
  const ownerElement = parts.find((part) => isDav(part, 'owner'));
  const owner = ownerElement ? innerXml(ownerElement) : '';
  if (owner.length > maximumOwnerLength) throw refusal(400, 'the owner of the lock is too long');
  return { scope: scope.name as 'exclusive' | 'shared', owner };
}

function sendLock(context: DavContext, status: number, granted: LockRow, isNew: boolean): Promise<void> {
  const active = activeLockXml(granted, {
    hrefOfLockRoot: ({ path }) => context.hrefOfRelative(path),
    principal: context.principal,
  });
  const xml = `<D:prop xmlns:D="DAV:"><D:lockdiscovery>${active}</D:lockdiscovery></D:prop>`;
  return sendXml(context, status, xml, isNew ? { 'Lock-Token': `<${granted.token}>` } : {});
}
