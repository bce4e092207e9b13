/** The result as a table for people and as data for programs. */
import { cpus, loadavg, release, totalmem } from 'node:os';
import { advantage, median } from './figures.js';
import { type FigureRounds, limitName } from './run-suite.js';

export const ownName = 'holdfast';

export interface Machine {
  readonly processors: number;
  readonly processor: string;
  readonly memoryMiB: number;
  readonly kernel: string;
  readonly node: string;
  /** Processes that ran or waited in the minute before; of other jobs too. */
  readonly load: number;
}

export function describeMachine(): Machine {
  const list = cpus();
  return {
    processors: list.length,
    processor: list[0]?.model.trim() ?? 'unknown',
    memoryMiB: Math.round(totalmem() / (1024 * 1024)),
    kernel: release(),
    node: process.versions.node,
    load: loadavg()[0]!,
  };
}

export interface FigureSummary extends FigureRounds {
  readonly medians: Readonly<Record<string, number>>;
  /** By the other's name; above 1 when Holdfast is better. The median of the ratios within each round. */
  readonly ratios: Readonly<Record<string, number>>;
}

export function summarize({ figure, rounds }: FigureRounds): FigureSummary {
  const medians = Object.fromEntries(Object.entries(rounds).map(([name, values]) => [name, median(values)]));
  const own = rounds[ownName] ?? [];
  const others = Object.entries(rounds).filter(([name]) => name !== ownName);
  const ratios = others.map(([name, values]) => [
    name,
    median(own.map((value, round) => advantage(figure.unit, value, values[round] ?? Number.NaN))),
  ]);
  return { figure, rounds, medians, ratios: Object.fromEntries(ratios) };
}

/** What one directory gave. */
export interface PlaceResult {
  readonly directory: string;
  /** By name: what exactly ran. */
  readonly peers: Readonly<Record<string, string>>;
  readonly figures: readonly FigureSummary[];
}

export function renderTable(
  { directory, peers, figures }: PlaceResult,
  { rounds, isDetailed }: { readonly rounds: number; readonly isDetailed: boolean },
): string {
  const columns = [...Object.keys(peers), limitName];
  const others = columns.filter((name) => name !== ownName);
  const head = ['', 'unit', ...columns, ...others.map((name) => `x ${name}`)];
  const rows = figures
    .filter(({ figure }) => isDetailed || !figure.isDetail)
    .map(({ figure, medians, ratios }) => [
      figure.title,
      figure.unit,
      ...columns.map((name) => formatValue(medians[name])),
      ...others.map((name) => formatRatio(ratios[name])),
    ]);
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]!.length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (column < 2 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join('  ')
      .trimEnd();
  return [
    `In ${directory}, medians of ${rounds} rounds:`,
    ...Object.entries(peers).map(([name, description]) => `${name}: ${description}`),
    `${limitName}: the same bytes into two plain files, fsynced`,
    '"x": how much better Holdfast is; below 1 it is worse.',
    '',
    line(head),
    ...rows.map(line),
  ].join('\n');
}

export function formatValue(value: number | undefined): string {
  if (value === undefined) return '';
  if (value >= 100) return Math.round(value).toLocaleString('en');
  return value.toFixed(value >= 10 ? 1 : 2);
}

function formatRatio(value: number | undefined): string {
  return value === undefined || Number.isNaN(value) ? '' : value.toFixed(value >= 100 ? 0 : 2);
}
