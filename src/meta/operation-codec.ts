/**
 * Bytes of operations: one JSON object a line, each line ended by "\n", keys in the order of `shapes`, no spaces.
 * Encoding the same operation always gives the same bytes, whoever made it. Decoding trusts nothing: every key is
 * known and of its shape, every number a safe integer, every length bounded; what it does not know was made by a newer
 * version (NEWER_FORMAT), what is ill-formed is CORRUPT. Specified in docs/format.md, "Operations".
 */
import { DriveError } from '../core/errors.js';
import type { Operation } from './operations.js';

type Kind = Operation['o'];

type Shape = (value: unknown) => boolean;
type Shapes = { readonly [K in Kind]: { readonly [F in Exclude<keyof Extract<Operation, { o: K }>, 'o'>]-?: Shape } };

/** A line longer than this was not written by this program: runs of chunks and entries are cut long before. */
export const lineLimitBytes = 16 * 1024 * 1024;
const newline = 0x0a;

const whole: Shape = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const time: Shape = (value) => Number.isSafeInteger(value);
const weight: Shape = (value) => typeof value === 'number' && Number.isFinite(value) && value >= 0;
const text: Shape = (value) => typeof value === 'string';
const hex = (digits: number): Shape => {
  const pattern = new RegExp(`^[0-9a-f]{${digits}}$`);
  return (value) => typeof value === 'string' && pattern.test(value);
};
const oneOf =
  (...values: readonly unknown[]): Shape =>
  (value) =>
    values.includes(value);
const nullable =
  (shape: Shape): Shape =>
  (value) =>
    value === null || shape(value);
const optional =
  (shape: Shape): Shape =>
  (value) =>
    value === undefined || shape(value);
const listOf =
  (shape: Shape): Shape =>
  (value) =>
    Array.isArray(value) && value.every(shape);
const exactly =
  (keys: readonly string[], shapes: readonly Shape[]): Shape =>
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    Object.keys(value).join() === keys.join() &&
    Object.values(value).every((item, index) => shapes[index]!(item));

const hex16 = hex(16);
const copies = nullable(oneOf(1, 2, 3, 4, 5, 6, 7, 8, 9));
const hex64 = hex(64);
const segmentPattern = /^[0-9a-f]{16}-[0-9a-f]{8}$/;
const segment: Shape = (value) => typeof value === 'string' && segmentPattern.test(value);
const chunkReference: Shape = (value) =>
  Array.isArray(value) && value.length === 2 && hex64(value[0]) && whole(value[1]) && value[1] <= 0xffff_ffff;

const shapes: Shapes = {
  volume: { id: text, name: text, replicas: whole, created: time },
  node: {
    id: hex16,
    label: text,
    group: text,
    weight,
    role: oneOf('active', 'draining', 'away', 'retired'),
    path: text,
    every: optional(whole),
    current: optional(time),
  },
  epoch: {
    id: hex16,
    parent: nullable(hex16),
    lastSequence: whole,
    lastHash: text,
    members: listOf(hex16),
    time,
    supersedes: optional(listOf(hex16)),
    born: optional(whole),
  },
  ids: { entry: whole, content: whole },
  data: { segments: listOf(exactly(['id', 'nodes'], [segment, listOf(hex16)])) },
  seal: { segment, length: whole, hash: nullable(hex64) },
  relocate: { segment, nodes: listOf(hex16) },
  want: { segment, replicas: copies },
  retire: { segment },
  chunks: { content: whole, first: whole, chunks: listOf(chunkReference) },
  content: { id: whole, size: whole, count: whole, checksum: hex64 },
  entry: {
    id: whole,
    parent: whole,
    name: text,
    kind: oneOf('file', 'folder'),
    content: nullable(whole),
    created: time,
    modified: time,
    time,
    born: optional(whole),
    died: optional(whole),
  },
  replace: { id: whole, content: whole, modified: time, time },
  times: { id: whole, created: nullable(time), modified: nullable(time) },
  move: { id: whole, parent: whole, name: text, time },
  end: { id: whole, time },
  property: { entry: whole, namespace: text, name: text, value: nullable(text) },
  protect: { entry: whole, replicas: copies },
  lock: {
    token: text,
    entry: whole,
    scope: oneOf('exclusive', 'shared'),
    depth: oneOf(0, 'infinity'),
    owner: text,
    principal: text,
    timeout: whole,
    expires: time,
  },
  unlock: { token: text },
  user: { name: text, rights: oneOf('read', 'write'), credentials: nullable(text) },
  prune: { entries: listOf(whole), contents: listOf(whole), before: optional(whole) },
};
const kinds: ReadonlyMap<string, ReadonlyMap<string, Shape>> = new Map(
  Object.entries(shapes).map(([kind, fields]) => [kind, new Map(Object.entries(fields))]),
);

/** The operations' bytes; empty for none. */
export function encodeOperations(operations: Iterable<Operation>): Buffer {
  let lines = '';
  for (const operation of operations) lines += encodeOperation(operation);
  return Buffer.from(lines, 'utf8');
}

/** One line, its "\n" included. An operation that would not be read back is refused here (INTERNAL): it is a bug. */
export function encodeOperation(operation: Operation): string {
  const fields = kinds.get(operation.o);
  if (fields === undefined) throw bug(`operation "${String(operation.o)}" is not known`);
  const ordered: Record<string, unknown> = { o: operation.o };
  for (const [key, shape] of fields) {
    const value = canonical(key, (operation as unknown as Record<string, unknown>)[key]);
    if (!shape(value)) throw bug(`field "${key}" of operation "${operation.o}" is not valid`);
    ordered[key] = value;
  }
  return `${JSON.stringify(ordered)}\n`;
}

/** Segment lists hold objects, whose key order is the caller's; everything else is flat. */
function canonical(key: string, value: unknown): unknown {
  if (key !== 'segments' || !Array.isArray(value)) return value;
  return value.map(({ id, nodes }: { id: unknown; nodes: unknown }) => ({ id, nodes }));
}

/** Lazily, in order. NEWER_FORMAT, CORRUPT. */
export function* decodeOperations(bytes: Buffer): Generator<Operation> {
  let start = 0;
  while (start < bytes.length) {
    const end = bytes.indexOf(newline, start);
    if (end < 0) throw corrupt('the last operation is cut short');
    if (end - start > lineLimitBytes) throw corrupt('an operation is too long');
    yield decodeOperation(bytes.toString('utf8', start, end));
    start = end + 1;
  }
}

function decodeOperation(line: string): Operation {
  const parsed = parseObject(line);
  const kind = parsed.o;
  const fields = typeof kind === 'string' ? kinds.get(kind) : undefined;
  if (fields === undefined) throw newer(`the operation "${String(kind)}" is not known to this version`);
  for (const [key, shape] of fields) {
    const value = Object.hasOwn(parsed, key) ? parsed[key] : undefined;
    if (!shape(value)) throw corrupt(`field "${key}" of operation "${String(kind)}" is not valid`);
  }
  for (const key of Object.keys(parsed)) {
    if (key === 'o' || fields.has(key)) continue;
    throw newer(`operation "${String(kind)}" has a field "${key}" unknown to this version`);
  }
  return parsed as unknown as Operation;
}

function parseObject(line: string): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch (cause) {
    throw new DriveError('CORRUPT', { message: 'an operation is not JSON', cause });
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw corrupt('an operation is not a JSON object');
  }
  return parsed as Record<string, unknown>;
}

const corrupt = (message: string): DriveError => new DriveError('CORRUPT', { message });
const newer = (message: string): DriveError =>
  new DriveError('NEWER_FORMAT', { message, hint: 'use a newer version of holdfast with this volume' });
const bug = (message: string): DriveError => new DriveError('INTERNAL', { message });
