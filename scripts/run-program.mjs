/** Runs a built program in place of this process: same terminal, signals passed on, its exit code kept. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';

/** One Ctrl-C arrives here twice, from the terminal and from npm; a second one of the user's comes later than this. */
const usualEchoMs = 500;

/** `args`: for Node. Ends this process when the program ends. */
export function runProgram(args, env = process.env, echoMs = usualEchoMs) {
  const windows = process.platform === 'win32';
  // In a session of its own, the program gets each signal once, from here. Windows has no such thing: its console
  // gives Ctrl-C to every process by itself.
  const child = spawn(process.execPath, args, { stdio: 'inherit', env, detached: !windows });
  const lastSent = new Map();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      const now = performance.now();
      if (windows || now - (lastSent.get(signal) ?? -echoMs) < echoMs) return;
      lastSent.set(signal, now);
      child.kill(signal);
    });
  }
  child.on('error', (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : code));
}
