/** PROPFIND: of one file, of a name that is not there, of whole folders. */
import type { Target } from '../client/target.js';
import { median, type Values } from '../figures.js';
import { measurePace, paceFigures } from './paced.js';
import { fillFolder, prepareSmall } from './small-files.js';
import type { Scale, Workload } from './workload.js';

const clients = 16;
/** What a client that shows a folder asks for. */
const body = Buffer.from(
  '<?xml version="1.0"?><D:propfind xmlns:D="DAV:"><D:prop><D:resourcetype/><D:getcontentlength/>' +
    '<D:getlastmodified/><D:getetag/></D:prop></D:propfind>',
);

export function properties(scale: Scale): Workload[] {
  return [
    ofOneName(scale, { id: 'propfind', what: 'PROPFIND of one file', name: 'small/1', status: 207 }),
    ofOneName(scale, { id: 'propfind-missing', what: 'PROPFIND of a missing name', name: 'small/none', status: 404 }),
    ...scale.listings.map((entries) => listing(scale, entries)),
  ];
}

function ofOneName(
  scale: Scale,
  { id, what, name, status }: { id: string; what: string; name: string; status: number },
): Workload {
  return {
    name: id,
    figures: paceFigures(id, what, clients),
    prepare: (target) => prepareSmall(target, scale.smallFiles),
    async measure(target) {
      const exchange = propfind(target, name, '0');
      return measurePace(id, target, { ...scale, clients }, (on) => target.must(exchange, { on, status }));
    },
  };
}

function listing({ repeats, durationMs }: Scale, entries: number): Workload {
  const id = `listing-${entries}`;
  return {
    name: id,
    figures: [
      { id, title: `listing of ${entries} entries`, unit: 'ms' },
      { id: `${id}-first`, title: '  first byte', unit: 'ms' },
    ],
    prepare: (target) => prepareFolder(target, entries),
    async measure(target): Promise<Values> {
      const exchange = propfind(target, folderOf(entries), '1');
      const whole = await target.must({ ...exchange, isKept: true }, { status: 207 });
      const rows = whole.body.toString('latin1').split(/<\/(?:\w+:)?response>/).length - 1;
      if (rows !== entries + 1) throw new Error(`${target.name}: ${rows} rows instead of ${entries + 1}`);
      const answers = [];
      // A slow peer does it once or twice only.
      const until = performance.now() + durationMs;
      do answers.push(await target.must(exchange, { status: 207 }));
      while (answers.length < repeats && performance.now() < until);
      return {
        [id]: median(answers.map(({ totalMs }) => totalMs)),
        [`${id}-first`]: median(answers.map(({ firstByteMs }) => firstByteMs)),
      };
    },
  };
}

/** A folder with so many files of 4 KiB; ends with a slash. */
export const folderOf = (entries: number): string => `folder-of-${entries}/`;

export async function prepareFolder(target: Target, entries: number): Promise<void> {
  await target.once(folderOf(entries), () => fillFolder(target, folderOf(entries), entries));
}

function propfind(target: Target, name: string, depth: '0' | '1') {
  const headers = { Depth: depth, 'Content-Type': 'application/xml' };
  return { method: 'PROPFIND', path: target.path(name), headers, body };
}
