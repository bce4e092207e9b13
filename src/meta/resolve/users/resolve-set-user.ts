/** Users of the volume. */
import { DriveError } from '../../../core/errors.js';
import { isUserName, userNameRule } from '../../../core/text/user-names.js';
import type { RequestOf, Resolution, ResolveContext } from '../resolve-context.js';

export function resolveSetUser(request: RequestOf<'set-user'>, { tables, limits }: ResolveContext): Resolution {
  const { name, only } = request;
  if (!isUserName(name)) throw new DriveError('INVALID_NAME', { message: userNameRule, details: { name } });
  const present = tables.users.named(name);
  if (present && only === 'new') {
    throw new DriveError('EXISTS', { message: `there is a user ${name} already` });
  }
  if (!present && only === 'present') {
    throw new DriveError('NOT_FOUND', { message: `there is no user ${name}` });
  }
  if (!present && tables.users.count() >= limits.users) {
    throw new DriveError('LIMIT_EXCEEDED', { message: `a volume has at most ${limits.users} users` });
  }
  const { rights = present?.rights ?? 'write', credentials = present?.credentials } = request;
  if (credentials === undefined) throw new DriveError('BAD_REQUEST', { message: 'a new user needs a password' });
  if (credentials !== null && credentials.length > limits.credentialsBytes) {
    throw new DriveError('BAD_REQUEST', { message: 'the credentials of the user are too long' });
  }
  return { operations: [{ o: 'user', name, rights, credentials }], result: () => ({}) };
}
