/** Parameters of control requests, from unknown JSON to their types. BAD_REQUEST names the field. */
import { isAbsolute } from 'node:path';
import { DriveError } from '../core/errors.js';
import type { DataPart } from '../drive-contract.js';
import { diskParsers } from './control-disks.js';
import { proofParsers } from './control-proofs.js';
import type { ControlMethod, ControlMethods } from './control-protocol.js';

type Parsers = { readonly [M in ControlMethod]: (fields: Fields) => ControlMethods[M]['parameters'] };

const parsers: Parsers = {
  ...diskParsers,
  ...proofParsers,
  server: () => ({}),
  status: () => ({}),
  check: (fields) => ({ readData: fields.part('readData') }),
  rehearse: () => ({}),
  listAttics: () => ({}),
  restoreFromAttics: (fields) => ({
    wanted: fields.names('wanted'),
    dryRun: fields.required('dryRun', 'boolean'),
  }),
  addNode: (fields) => ({
    path: fields.path('path'),
    label: fields.optional('label', 'string'),
    group: fields.optional('group', 'string'),
    weight: fields.optional('weight', 'number'),
  }),
  removeNode: (fields) => ({
    node: fields.required('node', 'string'),
    lost: fields.optional('lost', 'boolean') ?? false,
  }),
  listUsers: () => ({}),
  changeUser: (fields) => ({
    name: fields.required('name', 'string'),
    rights: fields.oneOf('rights', ['read', 'write']),
    credentials: fields.optionalOrNull('credentials', 'string'),
    only: fields.oneOf('only', ['new', 'present']) ?? 'present',
  }),
  listProtection: () => ({}),
  protect: (fields) => ({
    folder: fields.required('folder', 'string'),
    replicas: fields.optionalOrNull('replicas', 'number') ?? null,
  }),
  events: (fields) => ({ follow: fields.optional('follow', 'boolean') ?? false }),
};

export function parseParameters<M extends ControlMethod>(method: M, value: unknown): ControlMethods[M]['parameters'] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid('parameters', 'an object');
  return parsers[method](new Fields(value as Readonly<Record<string, unknown>>));
}

interface FieldTypes {
  string: string;
  number: number;
  boolean: boolean;
}

export class Fields {
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values;
  }

  optional<T extends keyof FieldTypes>(name: string, type: T): FieldTypes[T] | undefined {
    const value = Object.hasOwn(this.#values, name) ? this.#values[name] : undefined;
    if (value === undefined || value === null) return undefined;
    if (typeof value !== type) throw invalid(name, `a ${type}`);
    return value as FieldTypes[T];
  }

  required<T extends keyof FieldTypes>(name: string, type: T): FieldTypes[T] {
    const value = this.optional(name, type);
    if (value === undefined) throw invalid(name, `a ${type}`);
    return value;
  }

  /** {part, parts}: whole numbers, part from 1 to parts. */
  part(name: string): DataPart | undefined {
    const value = Object.hasOwn(this.#values, name) ? this.#values[name] : undefined;
    if (value === undefined || value === null) return undefined;
    const { part, parts } = value as Partial<DataPart>;
    const isPart = Number.isSafeInteger(part) && Number.isSafeInteger(parts) && part! >= 1 && part! <= parts!;
    if (!isPart) throw invalid(name, 'a part of a number of parts');
    return { part: part!, parts: parts! };
  }

  /** null is a value of its own here. */
  optionalOrNull<T extends keyof FieldTypes>(name: string, type: T): FieldTypes[T] | null | undefined {
    return Object.hasOwn(this.#values, name) && this.#values[name] === null ? null : this.optional(name, type);
  }

  oneOf<T extends string>(name: string, choices: readonly T[]): T | undefined {
    const value = this.optional(name, 'string');
    const choice = choices.find((one) => one === value);
    if (value !== undefined && choice === undefined) throw invalid(name, `one of ${choices.join(', ')}`);
    return choice;
  }

  names(name: string): readonly string[] | undefined {
    const value = Object.hasOwn(this.#values, name) ? this.#values[name] : undefined;
    if (value === undefined || value === null) return undefined;
    if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
    throw invalid(name, 'a list of names');
  }

  /** The server's working directory is not the client's: only absolute paths mean the same to both. */
  path(name: string): string {
    const value = this.required(name, 'string');
    if (!isAbsolute(value)) throw invalid(name, 'an absolute path');
    return value;
  }
}

function invalid(name: string, wanted: string): DriveError {
  return new DriveError('BAD_REQUEST', { message: `control request: ${name} must be ${wanted}` });
}
