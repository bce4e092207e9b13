/** What a drive holds of the process that opens it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { DriveError } from '../../src/core/errors.js';
import type { FileIo } from '../../src/core/file-io.js';
import { systemFileIo } from '../../src/core/system-file-io.js';
import { withCode } from '../suites/index-driver.js';
import { TestDrive } from './drive-fixture.js';

const source = (name: string) => JSON.stringify(new URL(`../../src/${name}`, import.meta.url).href);

/** Its index breaks at the first change, and cannot be opened again for a while. */
const program = `
  import { Worker } from 'node:worker_threads';
  const { openDrive } = await import(${source('drive.js')});
  const { systemContext } = await import(${source('drive/drive-context.js')});
  let failures = 0;
  const fileIo = new Proxy(systemContext.fileIo, {
    get(target, name) {
      if (name !== 'stat') return target[name].bind(target);
      return async (path) => {
        if (!path.endsWith('index.db') || failures === 0) return target.stat(path);
        failures -= 1;
        throw new Error('not now');
      };
    },
  });
  const drive = await openDrive({ directory: process.argv[2] }, { ...systemContext, fileIo });
  const { postMessage } = Worker.prototype;
  Worker.prototype.postMessage = function () {
    Worker.prototype.postMessage = postMessage;
    failures = 2;
    void this.terminate();
  };
  await drive.volume.makeFolder(['folder'], {}).catch(() => undefined);
  await drive.volume.makeFolder(['another'], {});
  await drive.close();
  console.log('answered');
`;

test('who waits for an answer gets it, though nothing but timers is left of the drive for a moment', async (t) => {
  const { directory, folder } = await TestDrive.create(t);
  const file = join(folder, 'program.mjs');
  await writeFile(file, program);
  const child = await promisify(execFile)(process.execPath, [file, directory]);
  assert.equal(child.stdout, 'answered\n');
});

test('an opening that fails at a node leaves nothing open', async (t) => {
  let isExhausted = false;
  const exhausted = () => Promise.reject(new DriveError('UNAVAILABLE'));
  const fileIo = new Proxy<FileIo>(systemFileIo, {
    get(target, name: keyof FileIo) {
      if (name !== 'open') return target[name].bind(target);
      const open: FileIo['open'] = (path, mode) =>
        isExhausted && path.endsWith('probe') ? exhausted() : target.open(path, mode);
      return open;
    },
  });
  const drive = await TestDrive.create(t, { context: { fileIo } });
  await drive.open();
  await drive.close();
  const ports = () => process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length;
  const before = ports();
  isExhausted = true;
  await assert.rejects(drive.open(), withCode('UNAVAILABLE'));
  assert.equal(ports(), before, 'its threads have ended');
  isExhausted = false;
  await drive.open();
});
