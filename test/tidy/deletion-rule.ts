/**
 * Who may destroy bytes: every call that unlinks, cuts or renames over something stands in a file that is named here,
 * with the reason. Files of a node go through the deletion gate and nothing else.
 */
import type { Rule, Violation } from './rules.js';
import { codeOnly, lineAt } from './source-scanner.js';

interface Destruction {
  readonly pattern: RegExp;
  readonly instead: string;
  /** File of src -> why it may. */
  readonly allowed: Readonly<Record<string, string>>;
}

const system = {
  'src/core/system-file-io.ts': 'makes the call',
  'src/node/files/bounded-file-io.ts': 'hands the call on, with a deadline',
};
const nodeStore = {
  'src/node/directory-node-store.ts': 'what the gate asks for; temporary files of its own',
  'src/node/node-directory.ts': 'the passport of a node that is being made',
  'src/node/recovery-kit.ts': 'its own files, over those of another version',
};

export const destructions: readonly Destruction[] = [
  {
    pattern: /(?:\.|\b(?<!function )(?<!async ))unlink(?:Sync)?\((?!path: string\))/g,
    instead: 'the deletion gate',
    allowed: {
      ...system,
      ...nodeStore,
      'src/config/volume-file.ts': 'its own temporary file',
      'src/drive/drive-rebuild.ts': 'a half-made index of a rebuild',
      'src/drive/rehearsal/rehearsal.ts': 'the state that a rehearsal compared with',
      'src/meta/sqlite-meta-store.ts': 'the temporary index of :memory:',
      'src/meta/sqlite/index-mark.ts': 'the mark beside a closed index',
    },
  },
  {
    pattern: /(?:\.truncate|\.ftruncate)(?:Sync)?\(/g,
    instead: 'DeletionGate.cutBehindSeal',
    allowed: { ...system, 'src/node/directory-node-store.ts': 'what the gate asks for' },
  },
  {
    pattern: /(?:\.|\bawait )rename(?:Sync)?\(/g,
    instead: 'NodeStore.put or the deletion gate',
    allowed: {
      ...system,
      ...nodeStore,
      'src/config/volume-file.ts': 'over the volume file before',
      'src/drive/drive-rebuild.ts': 'the index before is moved aside',
      'src/drive/rehearsal/rehearsal.ts': 'over the report of the rehearsal before',
      'src/config/tls/certificates.ts': 'over its own certificate, renewed',
      'src/cli/control-socket.ts': 'the control socket of a dead process',
    },
  },
  {
    pattern: /\b(?:rm|rmdir|rmSync|rmdirSync|removeMade|emptyDir)\(/g,
    instead: 'config/remove-made.ts, for what the same command made',
    allowed: {
      'src/cli/control-socket.ts': 'its own socket and folder',
      'src/config/remove-made.ts': 'is what is called',
      'src/drive/drive-create.ts': 'what a failed init made',
      'src/drive/drive-rebuild.ts': 'what a failed rebuild made',
    },
  },
  {
    pattern: /\bfs-extra/g,
    instead: 'config/remove-made.ts',
    allowed: { 'src/config/remove-made.ts': 'removes what a failed command made' },
  },
  {
    pattern: /\bstore\.(?:remove|move)\(/g,
    instead: 'the deletion gate',
    allowed: { 'src/maintenance/deletion/attic.ts': 'the only way into an attic, out of it, and its end' },
  },
  {
    pattern: /\battic\.take\(/g,
    instead: 'the deletion gate',
    allowed: {
      'src/maintenance/deletion/deletion-gate.ts': 'after all its questions',
      'src/maintenance/deletion/attic-restorer.ts': 'a bad copy, in exchange for a verified one',
    },
  },
  {
    pattern: /\bstore\.cut\(/g,
    instead: 'DeletionGate.cutBehindSeal',
    allowed: { 'src/maintenance/deletion/deletion-gate.ts': 'what lies behind a seal that verifies' },
  },
  {
    pattern: /\bstore\.put\(/g,
    instead: 'copySegment',
    allowed: {
      'src/store/read/segment-copy.ts': 'a verified copy over a bad one',
      'src/maintenance/checkpointer.ts': 'checkpoints',
      'src/maintenance/scrubbing/history-mender.ts': 'a journal file or checkpoint, whole again, over its rotten self',
      'src/maintenance/hash-list.ts': 'the hash list',
    },
  },
];

export const deletionRule: Rule = (files) => {
  const sources = files.filter(({ path }) => path.startsWith('src/') && path.endsWith('.ts'));
  return sources.flatMap((file): Violation[] => {
    const code = codeOnly(file.text);
    return destructions
      .filter(({ allowed }) => !(file.path in allowed))
      .flatMap(({ pattern, instead }) =>
        [...(pattern.source === '\\bfs-extra' ? file.text : code).matchAll(pattern)].map((match) => ({
          rule: 'deletions',
          file: file.path,
          line: lineAt(code, match.index),
          message: `${match[0].trim()}: use ${instead}`,
        })),
      );
  });
};

/** Files that are allowed something which they do not do any more. */
export function idleAllowances(files: Parameters<Rule>[0]): string[] {
  const codeOf = new Map(files.map(({ path, text }) => [path, codeOnly(text) + (/fs-extra/.exec(text)?.[0] ?? '')]));
  return destructions.flatMap(({ pattern, allowed }) =>
    Object.keys(allowed)
      .filter((path) => [...(codeOf.get(path) ?? '').matchAll(pattern)].length === 0)
      .map((path) => `${path}: needs no allowance for ${pattern.source} any more`),
  );
}
