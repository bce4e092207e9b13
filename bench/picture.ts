/**
 * The chosen figures as bars, one group a figure, one bar a server; longer is better, the best of a group is full. Plain
 * SVG without any program; its colours are readable on white and on black.
 */
import { advantage } from './figures.js';
import { type FigureSummary, formatValue, ownName, type PlaceResult } from './report.js';

/** Those that say most; titles are cut to what fits above a group. */
const chosen = [
  'large-put',
  'large-get',
  'ranges',
  'small-put-1',
  'small-put-16',
  'small-get-16',
  'propfind',
  'listing-10000',
  'copy-file',
  'delete-folder',
];
const columnWidth = 450;
const labelWidth = 100;
const barWidth = 250;
const rowHeight = 16;
const titleHeight = 30;
const margin = 16;

export function drawPicture({ figures, peers }: PlaceResult): string {
  const names = Object.keys(peers);
  const groups = chosen
    .map((id) => figures.find(({ figure }) => figure.id === id))
    .filter((summary) => summary !== undefined);
  const groupHeight = titleHeight + names.length * rowHeight + margin / 2;
  const rows = Math.ceil(groups.length / 2);
  const [width, height] = [2 * columnWidth + margin, rows * groupHeight + margin];
  const parts = groups.map((summary, index) =>
    drawGroup(summary, names, {
      x: margin + Math.floor(index / rows) * columnWidth,
      y: (index % rows) * groupHeight,
    }),
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">
<style>
text { fill: #333 } .title { font-weight: bold } .bar { fill: #8a94a6 } .own { fill: #2f7fd8 }
@media (prefers-color-scheme: dark) { text { fill: #ddd } .bar { fill: #7d8799 } .own { fill: #4c9bf0 } }
</style>
${parts.join('\n')}
</svg>
`;
}

function drawGroup(
  { figure, medians }: FigureSummary,
  names: readonly string[],
  { x, y }: { readonly x: number; readonly y: number },
): string {
  const values = names.map((name) => medians[name]).filter((value) => value !== undefined);
  const best = values.reduce((a, b) => (advantage(figure.unit, a, b) >= 1 ? a : b));
  const bars = names.map((name, index) => {
    const value = medians[name];
    const top = y + titleHeight + index * rowHeight;
    const label = `<text x="${x}" y="${top + 11}">${name}</text>`;
    if (value === undefined) return `${label}<text x="${x + labelWidth}" y="${top + 11}">not measured</text>`;
    const length = Math.max(1, Math.round(barWidth * advantage(figure.unit, value, best)));
    const kind = name === ownName ? 'bar own' : 'bar';
    return `${label}<rect class="${kind}" x="${x + labelWidth}" y="${top + 1}" width="${length}" height="12"/>
<text x="${x + labelWidth + length + 5}" y="${top + 11}">${formatValue(value)}</text>`;
  });
  return `<text class="title" x="${x}" y="${y + 22}">${figure.title} (${figure.unit})</text>\n${bars.join('\n')}`;
}
