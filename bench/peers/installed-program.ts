/** Programs of the system that peers need, and Debian's packages that bring them. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** What the program prints about its version, cut down to the first match; undefined when it is not there. */
export function versionOf(command: string, pattern: RegExp): string | undefined {
  try {
    // Some say it on stderr.
    return pattern.exec(execFileSync('sh', ['-c', `${command} 2>&1`], { encoding: 'utf8' }))?.[0];
  } catch {
    return undefined;
  }
}

/** The sentence for `missing`; undefined when all files are there. */
export function missingFiles(name: string, files: readonly string[], packages: readonly string[]): string | undefined {
  if (files.every((file) => existsSync(file))) return undefined;
  return `${name} is not installed (--install, or Debian: apt install ${packages.join(' ')})`;
}

export function installPackages(packages: readonly string[]): void {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  execFileSync('apt-get', ['install', '-y', '--no-install-recommends', ...packages], { stdio: 'ignore', env });
}
