/**
 * One operation, one small function: what live traffic, replay and checkpoints do to the index is decided here and
 * nowhere else. Operations carry effects, so nothing is validated but that they fit the state (CORRUPT otherwise).
 */

import { applyChunks, applyContent, applyPrune } from './apply/apply-contents.js';
import type { ApplyContext } from './apply/apply-context.js';
import {
  applyEnd,
  applyEntry,
  applyLock,
  applyMove,
  applyProperty,
  applyReplace,
  applyTimes,
  applyUnlock,
} from './apply/apply-tree.js';
import {
  applyData,
  applyEpoch,
  applyIds,
  applyNode,
  applyRelocate,
  applyRetire,
  applySeal,
  applyUser,
  applyVolume,
} from './apply/apply-volume.js';
import type { Operation } from './operations.js';
import { applyProtect, applyWant } from './protection/apply-protection.js';

type Appliers = {
  readonly [K in Operation['o']]: (operation: Extract<Operation, { o: K }>, context: ApplyContext) => void;
};

const appliers: Appliers = {
  volume: applyVolume,
  node: applyNode,
  epoch: applyEpoch,
  ids: applyIds,
  data: applyData,
  seal: applySeal,
  relocate: applyRelocate,
  want: applyWant,
  retire: applyRetire,
  chunks: applyChunks,
  content: applyContent,
  entry: applyEntry,
  replace: applyReplace,
  times: applyTimes,
  move: applyMove,
  end: applyEnd,
  property: applyProperty,
  protect: applyProtect,
  lock: applyLock,
  unlock: applyUnlock,
  user: applyUser,
  prune: applyPrune,
};

export function apply(operation: Operation, context: ApplyContext): void {
  (appliers[operation.o] as (operation: Operation, context: ApplyContext) => void)(operation, context);
}
