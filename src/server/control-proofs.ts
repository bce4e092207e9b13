/** The control methods for proofs of a volume's files: parameters, and what is done with the drive. */
import type { Drive } from '../drive-contract.js';
import type { Following } from '../drive-disks.js';
import type { ProofCommands } from '../drive-proof.js';
import type { Fields } from './control-parameters.js';

type Asked<M extends keyof ProofCommands> = {
  readonly parameters: Omit<Parameters<ProofCommands[M]>[0], keyof Following>;
  readonly result: Awaited<ReturnType<ProofCommands[M]>>;
};

export interface ProofMethods {
  proofOfFile: Asked<'ofFile'>;
  scrub: Asked<'scrub'>;
  salvage: Asked<'salvage'>;
  salvageNode: Asked<'salvageNode'>;
}

type ProofMethod = keyof ProofMethods;

export const proofParsers: { readonly [M in ProofMethod]: (fields: Fields) => ProofMethods[M]['parameters'] } = {
  proofOfFile: (fields) => ({ path: fields.required('path', 'string') }),
  scrub: (fields) => ({ olderThanMs: fields.optional('olderThanMs', 'number') }),
  salvage: (fields) => ({ limit: fields.required('limit', 'number') }),
  salvageNode: (fields) => ({
    node: fields.required('node', 'string'),
    dryRun: fields.required('dryRun', 'boolean'),
  }),
};

interface ProofCall extends Required<Following> {
  readonly drive: Pick<Drive, 'proofs'>;
}

export const proofHandlers: {
  readonly [M in ProofMethod]: (
    parameters: ProofMethods[M]['parameters'],
    call: ProofCall,
  ) => Promise<ProofMethods[M]['result']>;
} = {
  proofOfFile: (parameters, { drive }) => drive.proofs.ofFile(parameters),
  scrub: (parameters, { drive, signal, onProgress }) => drive.proofs.scrub({ ...parameters, signal, onProgress }),
  salvage: (parameters, { drive, signal, onProgress }) => drive.proofs.salvage({ ...parameters, signal, onProgress }),
  salvageNode: (parameters, { drive, signal, onProgress }) =>
    drive.proofs.salvageNode({ ...parameters, signal, onProgress }),
};
