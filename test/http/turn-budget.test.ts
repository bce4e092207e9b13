import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TurnBudget } from '../../src/http/turn-budget.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the bytes handled in one turn of the event loop', () => {
  it('are let through at once as long as the budget lasts, and what is too long ends the turn', async () => {
    const turns = new TurnBudget(100);
    assert.equal(turns.take(60), undefined);
    assert.equal(turns.take(60), undefined);
    assert.notEqual(turns.take(1), undefined);
  });

  it('are never more than the budget and one piece, and those who wait are served in order', async () => {
    const turns = new TurnBudget(100);
    const served: number[][] = [[]];
    for (let piece = 0; piece < 10; piece += 1) {
      const waiting = turns.take(40);
      if (waiting === undefined) served[0]!.push(piece);
      else void waiting.then(() => served.at(-1)!.push(piece));
    }
    while (served.flat().length < 10) {
      assert.ok(served.length < 20, 'somebody waits for ever');
      served.push([]);
      await turn();
    }
    assert.deepEqual(served.flat(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert.deepEqual(
      served.filter(({ length }) => length > 0).map(({ length }) => length),
      [3, 3, 3, 1],
    );
  });

  it('count for nothing once the turn is over', async () => {
    const turns = new TurnBudget(100);
    assert.equal(turns.take(100), undefined);
    await turn();
    assert.equal(turns.take(100), undefined);
  });

  it('of somebody who comes later wait behind those who wait already', async () => {
    const turns = new TurnBudget(100);
    turns.take(100);
    const order: string[] = [];
    void turns.take(100)?.then(() => order.push('first'));
    void turns.take(100)?.then(() => order.push('second'));
    await turn();
    void turns.take(1)?.then(() => order.push('third'));
    for (let left = 0; left < 4; left += 1) await turn();
    assert.deepEqual(order, ['first', 'second', 'third']);
  });
});
