/**
 * How each system mounts the drive: which recipe of mount/ fits this machine, and what to tell a person who would
 * rather do it by hand. The recipes themselves are scripts, so that they also work without this program.
 */
import { join } from 'node:path';
import { DriveError } from '../core/errors.js';
import type { Platform } from '../core/platform.js';
import type { HostSystem } from './command-context.js';

export const recipeNames = ['davfs2', 'rclone', 'gio', 'macos', 'windows'] as const;
export type RecipeName = (typeof recipeNames)[number];

export interface Recipe {
  readonly name: RecipeName;
  readonly command: string;
  /** Come before the verb. */
  readonly parameters: readonly string[];
}

/** Nothing secret: command lines can be read by everybody. Recipes ask for the password themselves. */
export interface MountLogin {
  readonly user?: string | undefined;
  /** Of the drive's certificate, where the system does not know it. */
  readonly fingerprint?: string | undefined;
}

/** What comes behind the operands of a recipe. */
export function loginParameters(recipeName: RecipeName, login: MountLogin): string[] {
  const dash = recipeName === 'windows' ? '-' : '--';
  return (['user', 'fingerprint'] as const).flatMap((option) => {
    const value = login[option];
    return value === undefined ? [] : [`${dash}${option}`, value];
  });
}

/** The recipe that fits best; `wanted` overrules. TOOL_MISSING lists what could be installed. */
export async function chooseRecipe(
  platform: Platform,
  host: HostSystem,
  wanted: RecipeName | undefined,
): Promise<Recipe> {
  if (wanted) return recipe(wanted, host);
  if (platform.name === 'macos') return recipe('macos', host);
  if (platform.name === 'windows') return recipe('windows', host);
  const hasFuse = await host.hasFile('/dev/fuse');
  if (hasFuse && host.isRoot && (await host.hasProgram('mount.davfs'))) return recipe('davfs2', host);
  const hasFusermount = (await host.hasProgram('fusermount3')) || (await host.hasProgram('fusermount'));
  if (hasFuse && hasFusermount && (await host.hasProgram('rclone'))) return recipe('rclone', host);
  if (await host.hasProgram('gio')) return recipe('gio', host);
  throw new DriveError('TOOL_MISSING', {
    message: 'no program that mounts WebDAV is installed here (looked for davfs2, rclone with fuse3, and gio)',
    hint: 'install one: "apt install rclone fuse3" for any account, "apt install davfs2" for root, "apt install gvfs-backends" for a desktop',
  });
}

export function recipe(name: RecipeName, host: HostSystem): Recipe {
  if (name === 'windows') {
    const script = join(host.recipeFolder, 'windows.ps1');
    return {
      name,
      command: 'powershell.exe',
      parameters: ['-NoProfile', '-ExecutionPolicy', 'Bypass', '-File', script],
    };
  }
  const file = name === 'macos' ? 'macos.sh' : `linux-${name}.sh`;
  return { name, command: 'sh', parameters: [join(host.recipeFolder, file)] };
}

export interface MountingFacts {
  readonly platform: Platform;
  readonly url: string;
  /** The command line that mounts this volume. */
  readonly mountCommand: string;
}

/** Indented lines: how to reach the drive on this very system. */
export function describeMounting({ platform, url, mountCommand }: MountingFacts): string[] {
  const rows: Readonly<Record<Platform['name'], readonly (readonly [string, string])[]>> = {
    linux: [
      ['Mount it', mountCommand],
      ['Files, Nautilus', `Ctrl-L, then ${url.replace(/^http/, 'dav')}`],
      ['Dolphin', `Ctrl-L, then ${url.replace(/^http/, 'webdav')}`],
    ],
    macos: [
      ['Mount it', mountCommand],
      ['Finder', `Cmd-K, then ${url}`],
    ],
    windows: [
      ['Mount it', mountCommand],
      ['Explorer', `"Map network drive", then ${url}`],
      ['Command line', `net use * ${url.replace(/\/$/, '')}`],
    ],
  };
  const own = rows[platform.name];
  const browser = ['Browser', new URL('/', url).href] as const;
  return [...own, browser].map(([label, how]) => `  ${label.padEnd(16)} ${how}`);
}

export interface MountEntry {
  readonly source: string;
  readonly where: string;
  readonly recipe: 'davfs2' | 'rclone';
}

/**
 * The drive's mounts in the text of /proc/self/mounts. Both tools write the URL as the source (rclone by --devname, as
 * the recipe asks); spaces and the like are written as octal escapes.
 */
export function parseMounts(table: string): MountEntry[] {
  return table
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([source, , type]) => /^https?:/.test(source ?? '') && (type === 'fuse' || type === 'fuse.rclone'))
    .map(([source, where, type]) => ({
      source: unescapeMount(source!),
      where: unescapeMount(where!),
      recipe: type === 'fuse.rclone' ? 'rclone' : 'davfs2',
    }));
}

function unescapeMount(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** Whether two URLs name the same drive: the tools add or drop the last slash. */
export function isSameUrl(one: string, other: string): boolean {
  return one.replace(/\/+$/, '') === other.replace(/\/+$/, '');
}
