/** From a new password to what the volume keeps of it. The password itself stays in this process. */
import { makeCredentials, realmOf } from '../../access/credentials.js';
import { PasswordHasher } from '../../access/passwords/password-hasher.js';
import { DriveError } from '../../core/errors.js';
import { systemRandom } from '../../core/random.js';
import { isUserName, userNameRule } from '../../core/text/user-names.js';
import type { CommandContext } from '../command-context.js';
import { askNewPassword } from './password-prompt.js';

/** Before a password is asked for. USAGE. */
export function requireUserName(name: string): void {
  if (!isUserName(name)) throw new DriveError('USAGE', { message: userNameRule, hint: 'choose another name' });
}

export async function askCredentials(context: CommandContext, name: string, volumeId: string): Promise<string> {
  const password = await askNewPassword(context, name);
  const hasher = new PasswordHasher();
  try {
    return await makeCredentials({ name, password, realm: realmOf(volumeId) }, { hasher, random: systemRandom });
  } finally {
    await hasher.close();
  }
}
