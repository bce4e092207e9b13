import { DriveError } from '../../core/errors.js';
import type { Maintenance } from '../../maintenance/maintenance.js';
import type { MoverContract } from '../../maintenance/moving/mover.js';

export function moverOf(maintenance: Maintenance): MoverContract {
  const { mover } = maintenance as { readonly mover?: MoverContract };
  if (!mover) throw new DriveError('UNAVAILABLE', { message: 'copies cannot be moved yet' });
  return mover;
}
