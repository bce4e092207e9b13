/** The certificate of a server that runs: looked at every day, exchanged while clients are connected. */
import { networkInterfaces } from 'node:os';
import { type Certificate, ownCertificate, readCertificate, renewalDays } from '../../config/tls/certificates.js';
import { asDriveError } from '../../core/errors.js';
import type { DriveEvent } from '../../drive-contract.js';
import { machineNames } from '../../server/host-rules.js';
import type { CommandContext, RunningServer } from '../command-context.js';

export interface CertificateSource {
  /** The volume's directory. */
  readonly directory: string;
  /** Absolute paths; default: one of the drive's own. */
  readonly given?: { readonly certificate: string; readonly key: string } | undefined;
  /** Names beside this machine's own. */
  readonly names: readonly string[];
}

const dayMs = 24 * 3600 * 1000;

export function findCertificate({ clock }: CommandContext, source: CertificateSource): Promise<Certificate> {
  const now = clock.now();
  if (source.given) return readCertificate(source.given, now);
  const addresses = Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address));
  const plain = addresses.filter((address) => !address.includes('%') && !address.startsWith('fe80:'));
  const names = [...machineNames(), ...source.names, 'localhost', '127.0.0.1', '::1', ...plain];
  return ownCertificate(source.directory, { names, needed: source.names, now });
}

export interface KeptCertificate {
  /** The one in use. */
  readonly current: Certificate;
  stop(): void;
}

export function keepCertificate(
  context: CommandContext,
  options: {
    readonly source: CertificateSource;
    readonly first: Certificate;
    readonly server: RunningServer;
    readonly onEvent: (event: DriveEvent) => void;
  },
): KeptCertificate {
  const { clock } = context;
  const { source, server, onEvent } = options;
  const report = (level: DriveEvent['level'], message: string) => onEvent({ time: clock.now(), level, message });
  let current = options.first;
  let cancel = (): void => undefined;
  let stopped = false;
  const look = async (): Promise<void> => {
    try {
      const found = await findCertificate(context, source);
      if (found.certificate !== current.certificate) {
        server.useTls(found);
        report('info', `a new certificate is in use, SHA-256 fingerprint ${found.fingerprint}`);
      }
      current = found;
      if (source.given) warnOfEnd(found);
    } catch (error) {
      report('error', asDriveError(error).message);
    }
    if (!stopped) cancel = clock.schedule(dayMs, () => void look());
  };
  const warnOfEnd = ({ endsAt }: Certificate): void => {
    const days = Math.floor((endsAt - clock.now()) / dayMs);
    if (days < renewalDays) report('warning', `the certificate ${source.given?.certificate} ends in ${days} days`);
  };
  if (source.given) warnOfEnd(current);
  cancel = clock.schedule(dayMs, () => void look());
  return {
    get current() {
      return current;
    },
    stop: () => {
      stopped = true;
      cancel();
    },
  };
}
