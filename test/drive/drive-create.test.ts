/** A volume that could not be made leaves nothing behind. */
import assert from 'node:assert/strict';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { DriveError } from '../../src/core/errors.js';
import type { FileIo } from '../../src/core/file-io.js';
import { systemFileIo } from '../../src/core/system-file-io.js';
import { systemContext } from '../../src/drive/drive-context.js';
import { createVolume } from '../../src/drive.js';
import { withCode } from '../suites/index-driver.js';
import { temporaryFolder } from '../support/temporary-folder.js';

test('a disk that is full when the passport is written is left as it was', async (t) => {
  const folder = await temporaryFolder(t);
  const node = join(folder, 'node');
  await mkdir(node);
  const open: FileIo['open'] = async (path, mode) => {
    const file = await systemFileIo.open(path, mode);
    if (mode === 'create') file.write = () => Promise.reject(new DriveError('NODE_FULL'));
    return file;
  };
  const fileIo = new Proxy<FileIo>(systemFileIo, {
    get: (io, name: keyof FileIo) => (name === 'open' ? open : io[name].bind(io)),
  });
  const making = createVolume(
    { directory: join(folder, 'home'), nodes: [node], replicas: 1 },
    { ...systemContext, fileIo },
  );
  await assert.rejects(making, withCode('NODE_FULL'));
  assert.deepEqual(await readdir(folder), ['node']);
  assert.deepEqual(await readdir(node), []);
});
