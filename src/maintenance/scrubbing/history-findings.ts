/** Tells what was found bad beside segments. What nothing can be done about is told once. */
import type { MaintenanceHost, MaintenanceNode } from '../maintenance-host.js';

/** Of what no other node has whole. */
export const standsInFor = 'a newer checkpoint stands in for it';
export const isNowhereWhole = 'no other node has it whole';

export class HistoryFindings {
  private readonly host: Pick<MaintenanceHost, 'report'>;
  private readonly told = new Set<string>();
  private count = 0;

  constructor(host: Pick<MaintenanceHost, 'report'>) {
    this.host = host;
  }

  /** Since the start. */
  get badFiles(): number {
    return this.count;
  }

  /** The sentence for a report: none for what was told before where nothing need be done. */
  tell({ label }: MaintenanceNode, problem: string, next: string): string[] {
    const found = `${label}: ${problem}`;
    const sentence = `${found}; ${next}`;
    const isTold = this.told.has(found);
    this.told.add(found);
    if (isTold && next === standsInFor) return [];
    if (isTold && next === isNowhereWhole) return [sentence];
    this.count += 1;
    this.host.report('warning', `bad copy on ${sentence}`, 'copy-bad');
    return [sentence];
  }
}
