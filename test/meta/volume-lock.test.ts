import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { hasCode } from '../../src/core/errors.js';
import { acquireVolumeLock } from '../../src/meta/volume-lock.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const inUse = (error: unknown) => hasCode(error, 'IN_USE') && error.hint !== undefined;

/** A process that takes the lock and then only waits. */
async function holder(context: TestContext, path: string) {
  const module = new URL('../../src/meta/volume-lock.js', import.meta.url).href;
  const script = `
    const { acquireVolumeLock } = await import(${JSON.stringify(module)});
    globalThis.lock = acquireVolumeLock(${JSON.stringify(path)});
    process.stdin.resume();
    console.log('taken');`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  context.after(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}

describe('volume lock', () => {
  it('has one holder at a time, in one process too', async (context) => {
    const path = join(await temporaryFolder(context), 'lock');
    const lock = acquireVolumeLock(path);
    assert.throws(() => acquireVolumeLock(path), inUse);
    lock.release();
    lock.release();
    acquireVolumeLock(path).release();
  });

  it('is held against other processes until its process ends, even by kill -9', async (context) => {
    const path = join(await temporaryFolder(context), 'lock');
    const child = await holder(context, path);
    assert.throws(() => acquireVolumeLock(path), inUse);
    child.kill('SIGKILL');
    await once(child, 'exit');
    acquireVolumeLock(path).release();
  });

  it('says when it cannot be made at all', async (context) => {
    const folder = await temporaryFolder(context);
    for (const path of [join(folder, 'none', 'lock'), folder]) {
      assert.throws(
        () => acquireVolumeLock(path),
        (error) => hasCode(error, 'UNAVAILABLE'),
      );
    }
  });
});
