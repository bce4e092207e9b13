import assert from 'node:assert/strict';
import { test } from 'node:test';
import { temporaryFolder } from '../support/temporary-folder.js';
import { serve } from './dav-client.js';
import { litmusSuites, runLitmus } from './litmus.js';

test('litmus passes every test of all five suites without a warning', async (t) => {
  const { server } = await serve(t);
  const report = await runLitmus(`${server.url}home/`, await temporaryFolder(t));
  if (!report) return t.skip('litmus is not installed');
  assert.deepEqual([report.failures, report.warnings], [[], []], report.output);
  assert.deepEqual(report.passed, [16, 13, 30, 41, 4], `${litmusSuites}: ${report.output}`);
});
