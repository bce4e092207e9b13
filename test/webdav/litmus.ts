/** Runs litmus, the reference test of RFC 4918 servers, against a folder of a running server. */
import { spawn } from 'node:child_process';

export const litmusSuites = ['basic', 'copymove', 'props', 'locks', 'http'];

export interface LitmusReport {
  readonly output: string;
  /** For each suite in order. */
  readonly passed: readonly number[];
  readonly failures: readonly string[];
  readonly warnings: readonly string[];
}

/** undefined when litmus is not installed. `folder`: where its logs go. */
export function runLitmus(url: string, folder: string): Promise<LitmusReport | undefined> {
  return new Promise((resolve, reject) => {
    const environment = { ...process.env, TESTS: litmusSuites.join(' ') };
    const child = spawn('litmus', ['-k', url], { cwd: folder, env: environment });
    let output = '';
    child.stdout.on('data', (part: Buffer) => {
      output += part.toString();
    });
    child.stderr.on('data', (part: Buffer) => {
      output += part.toString();
    });
    child.on('error', (error: NodeJS.ErrnoException) => (error.code === 'ENOENT' ? resolve(undefined) : reject(error)));
    child.on('close', () => resolve(readReport(output)));
  });
}

function readReport(output: string): LitmusReport {
  const lines = output.split('\n');
  const passed = [...output.matchAll(/of \d+ tests run: (\d+) passed, \d+ failed/g)].map(([, count]) => Number(count));
  return {
    output,
    passed,
    failures: lines.filter((line) => /FAIL|skipped/.test(line)),
    warnings: lines.filter((line) => /WARNING/.test(line)),
  };
}
