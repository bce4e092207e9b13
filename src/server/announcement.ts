/**
 * Tells the local network that the drive is here (DNS-SD, RFC 6763), so that file managers list it by themselves. What it
 * says can be heard by everybody there: the volume's name and the port, nothing else.
 */
import { Bonjour } from 'bonjour-service';

/** `_webdavs._tcp` for TLS, `_webdav._tcp` without. Returns what takes it back. */
export function announce(drive: {
  readonly name: string;
  readonly port: number;
  readonly isSecure: boolean;
}): () => Promise<void> {
  const { name, port, isSecure } = drive;
  // A network that cannot be spoken to is no reason not to serve.
  const bonjour = new Bonjour({}, () => undefined);
  const path = `/${encodeURIComponent(name)}/`;
  bonjour.publish({ name: `Holdfast: ${name}`, type: isSecure ? 'webdavs' : 'webdav', port, txt: { path } });
  return () =>
    new Promise((resolve) => {
      bonjour.unpublishAll(() => bonjour.destroy(() => resolve()));
    });
}
