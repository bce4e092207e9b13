/**
 * Tells the local network that the drive is here (DNS-SD, RFC 6763), so that file managers list it by themselves. What it
 * says can be heard by everybody there: the volume's name and the port, nothing else.
 */
import type { Clock } from '../core/clock.js';

/** The network may be gone by then. */
const farewellMs = 2_000;

/** `_webdavs._tcp` for TLS, `_webdav._tcp` without. Returns what takes it back. */
export async function announce(
  drive: { readonly name: string; readonly port: number; readonly isSecure: boolean },
  clock: Clock,
): Promise<() => Promise<void>> {
  const { Bonjour } = await import('bonjour-service');
  const { name, port, isSecure } = drive;
  // A network that cannot be spoken to is no reason not to serve.
  const bonjour = new Bonjour({}, () => undefined);
  const path = `/${encodeURIComponent(name)}/`;
  bonjour.publish({ name: `Holdfast: ${name}`, type: isSecure ? 'webdavs' : 'webdav', port, txt: { path } });
  return async () => {
    const silenced = new Promise<void>((resolve) => {
      bonjour.unpublishAll(() => bonjour.destroy(() => resolve()));
    });
    await Promise.race([silenced, clock.sleep(farewellMs)]);
  };
}
