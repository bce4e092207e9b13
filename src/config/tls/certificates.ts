/**
 * The certificate that the drive is served with: one that the operator brings, or one of its own that is made once and
 * kept in the volume's directory, readable by its owner only. It proves nothing but that it is the same as last
 * time; so its fingerprint is shown, for people to compare.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { DriveError } from '../../core/errors.js';

export interface Certificate {
  /** PEM. */
  readonly key: string;
  /** PEM, the chain included. */
  readonly certificate: string;
  /** SHA-256, in pairs of hex digits with colons. */
  readonly fingerprint: string;
  /** Milliseconds since 1970. */
  readonly endsAt: number;
}

/** Apple's systems refuse certificates that are good for more than 825 days. */
const ownDays = 800;
/** An own one is made anew this long before its end, a given one is spoken of. */
export const renewalDays = 30;
const dayMs = 24 * 3600 * 1000;
const ownKeyFile = 'tls-key.pem';
const ownCertificateFile = 'tls-certificate.pem';

/** USAGE when the files cannot be read, do not belong together, or the certificate has ended. */
export async function readCertificate(
  files: { readonly certificate: string; readonly key: string },
  now: number,
): Promise<Certificate> {
  const [certificate, key] = await Promise.all([readPem(files.certificate), readPem(files.key)]);
  const found = describe(certificate, key);
  if (typeof found === 'string') {
    throw new DriveError('USAGE', {
      message: `${files.certificate} and ${files.key} cannot be used for TLS: ${found}`,
      hint: 'give the certificate and its own key as PEM files, or leave both away: the drive makes a pair itself',
    });
  }
  if (found.endsAt <= now) {
    throw new DriveError('USAGE', {
      message: `the certificate ${files.certificate} ended on ${new Date(found.endsAt).toISOString().slice(0, 10)}`,
      hint: 'renew it, or leave --tls-cert and --tls-key away: the drive makes a certificate itself',
    });
  }
  return found;
}

export interface OwnCertificateOptions {
  /** Host names and addresses that clients may use. Addresses change; that alone makes no new certificate. */
  readonly names: readonly string[];
  /** Those that it must bear. */
  readonly needed?: readonly string[];
  readonly now: number;
}

/** Made when absent, not usable, about to end, or without a name that it needs. */
export async function ownCertificate(
  directory: string,
  { names, needed = [], now }: OwnCertificateOptions,
): Promise<Certificate> {
  const files = { key: join(directory, ownKeyFile), certificate: join(directory, ownCertificateFile) };
  const kept = await readOwn(files);
  const isGood =
    kept && kept.endsAt - now > renewalDays * dayMs && needed.every((name) => !canBeBorne(name) || bears(kept, name));
  if (isGood) return kept;
  const made = await makeOwn(names, now);
  // The key first: a certificate without its key is made anew at the next start.
  await replace(files.key, made.key);
  await replace(files.certificate, made.certificate);
  const found = describe(made.certificate, made.key);
  if (typeof found === 'string')
    throw new DriveError('INTERNAL', { message: `the new certificate is no good: ${found}` });
  return found;
}

/** `host` if the certificate is good for it, else the first name that it bears: many are made for one name alone. */
export function nameFor(certificate: Certificate, host: string): string {
  if (bears(certificate, host)) return host;
  const { subjectAltName = '' } = new X509Certificate(certificate.certificate);
  return /(?:^|, )DNS:([^,*"]+)(?:,|$)/.exec(subjectAltName)?.[1] ?? host;
}

/** What no check would ever find would make a certificate a day. */
const canBeBorne = (host: string): boolean =>
  isIP(host) !== 0 || /^[a-z0-9]+(?:-+[a-z0-9]+)*(?:\.[a-z0-9]+(?:-+[a-z0-9]+)*)*$/i.test(host);

function bears({ certificate }: Certificate, host: string): boolean {
  const parsed = new X509Certificate(certificate);
  return (isIP(host) === 0 ? parsed.checkHost(host) : parsed.checkIP(host)) !== undefined;
}

async function readOwn(files: {
  readonly key: string;
  readonly certificate: string;
}): Promise<Certificate | undefined> {
  try {
    const found = describe(await readFile(files.certificate, 'utf8'), await readFile(files.key, 'utf8'));
    return typeof found === 'string' ? undefined : found;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function makeOwn(names: readonly string[], now: number): Promise<{ key: string; certificate: string }> {
  const altNames = [...new Set(names)].map((name) =>
    isIP(name) === 0 ? ({ type: 2, value: name } as const) : ({ type: 7, ip: name } as const),
  );
  // Some twenty packages, for something that happens once in two years.
  const { generate } = await import('selfsigned');
  const { private: key, cert } = await generate([{ name: 'commonName', value: names[0] ?? 'localhost' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    // Clocks of other machines may be behind.
    notBeforeDate: new Date(now - dayMs),
    notAfterDate: new Date(now + ownDays * dayMs),
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames },
    ],
  });
  return { key, certificate: cert };
}

/** Why the two cannot be used, in words. */
function describe(certificate: string, key: string): Certificate | string {
  try {
    const parsed = new X509Certificate(certificate);
    if (!parsed.checkPrivateKey(createPrivateKey(key))) return 'the key belongs to another certificate';
    return { key, certificate, fingerprint: parsed.fingerprint256, endsAt: Date.parse(parsed.validTo) };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function readPem(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new DriveError('USAGE', { message: `${path} cannot be read (${code})`, cause });
  }
}

async function replace(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  await writeFile(temporary, text, { mode: 0o600 });
  await rename(temporary, path);
}
