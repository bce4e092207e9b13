/**
 * Places the control socket so that nobody but its owner can ever reach it: it is bound inside a private folder
 * (mode 0700), made 0600 there, and only then renamed to its place. Changing the umask around `listen` would do the
 * same for the socket, and break files that other threads make meanwhile.
 * On Windows the address is a named pipe, which belongs to its maker and leaves nothing behind.
 */
import { chmod, mkdtemp, rename, rm } from 'node:fs/promises';
import type { Server } from 'node:net';
import { dirname, join } from 'node:path';
import { DriveError } from '../core/errors.js';
import type { Platform } from '../core/platform.js';
import { connectControl } from './control-client.js';

/**
 * Makes `listener` listen at `address`. A socket left over by a crash is replaced; IN_USE when somebody answers there.
 * Returns what takes the socket away again (idempotent; the listener itself is the caller's to close).
 */
export async function placeControlSocket(
  listener: Server,
  options: { readonly address: string; readonly platform: Platform },
): Promise<() => Promise<void>> {
  const { address, platform } = options;
  const other = await connectControl(address);
  if (other) {
    other.destroy();
    throw new DriveError('IN_USE', {
      message: `another server listens at ${address}`,
      hint: 'use the server that runs, or stop it first',
    });
  }
  if (!platform.controlAddressIsFile) {
    await listen(listener, address);
    return async () => {};
  }
  // Short names: a socket's path may have 103 bytes at most, and the final one has been checked only.
  const folder = await mkdtemp(join(dirname(address), '.c'));
  try {
    const hidden = join(folder, 's');
    await listen(listener, hidden);
    await chmod(hidden, 0o600);
    await rename(hidden, address);
  } catch (error) {
    listener.close();
    throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return () => rm(address, { force: true });
}

function listen(listener: Server, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    listener.once('error', reject);
    listener.listen(address, () => {
      listener.off('error', reject);
      resolve();
    });
  });
}
