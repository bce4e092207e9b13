/**
 * Many large uploads at once: `node dist/bench/disks/many-uploads.js [UPLOADS] [MIB] [FOLDER]`. Peak memory (PSS, over all
 * processes), the longest stall of the event loop, when the first and the last upload ended, and the longest time for
 * which the server took nothing of one of them. Every file is read back and its length counted.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BodySource } from '../client/connection.js';
import { UsageMeter } from '../client/process-usage.js';
import { forEachPiece } from '../client/unique-bytes.js';
import { BenchDrive } from './bench-drive.js';

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;

async function main(): Promise<void> {
  const [uploads = 16, mebibytes = 1024] = process.argv.slice(2, 4).map(Number);
  const folder = await mkdtemp(join(process.argv[4] ?? tmpdir(), 'holdfast-uploads-'));
  const drive = await BenchDrive.start(
    folder,
    ['one', 'two', 'three'].map((name) => join(folder, name)),
  );
  const { target } = drive;
  try {
    await target.longestStallMs?.();
    using meter = new UsageMeter(target.processId, { isMemoryWatched: true });
    const started = performance.now();
    const ends = await Promise.all(
      target.connections(uploads).map(async (on, index) => {
        const pause = { longestMs: 0 };
        const body = watched(mebibytes * MiB, pause);
        await target.must({ method: 'PUT', path: target.path(`upload-${index}`), body }, { on });
        return { endMs: performance.now() - started, pauseMs: pause.longestMs };
      }),
    );
    const seconds = (performance.now() - started) / 1_000;
    const { cpuSeconds, peakBytes } = meter.read();
    const stallMs = await target.longestStallMs?.();
    for (let index = 0; index < uploads; index += 1) {
      const { bodyBytes } = await target.must({ method: 'GET', path: target.path(`upload-${index}`) }, { status: 200 });
      if (bodyBytes !== mebibytes * MiB) throw new Error(`upload-${index} has ${bodyBytes} bytes`);
    }
    const times = ends.map(({ endMs }) => endMs / 1_000);
    process.stdout.write(
      `${JSON.stringify({
        uploads,
        mebibytes,
        mebibytesPerSecond: Math.round((uploads * mebibytes) / seconds),
        cpuSecondsPerGiB: Number((cpuSeconds / ((uploads * mebibytes * MiB) / GiB)).toFixed(2)),
        peakPssMiB: Math.round(peakBytes / MiB),
        longestStallMs: stallMs,
        firstEndSeconds: Number(Math.min(...times).toFixed(1)),
        lastEndSeconds: Number(Math.max(...times).toFixed(1)),
        longestPauseMs: Math.round(Math.max(...ends.map(({ pauseMs }) => pauseMs))),
      })}\n`,
    );
  } finally {
    drive[Symbol.dispose]();
    await drive.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function watched(sizeBytes: number, pause: { longestMs: number }): BodySource {
  const send = (socket: Socket) => {
    let last = performance.now();
    return forEachPiece(
      sizeBytes,
      (piece) =>
        new Promise((resolve, reject) => {
          socket.write(piece, (error) => {
            const now = performance.now();
            pause.longestMs = Math.max(pause.longestMs, now - last);
            last = now;
            if (error) reject(error);
            else resolve();
          });
        }),
    );
  };
  return { sizeBytes, send };
}

await main();
