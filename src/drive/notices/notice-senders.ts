/** The two ways out for a notice: a program, run without a shell, and a webhook. Both end at their deadline. */
import { spawn } from 'node:child_process';
import { basename } from 'node:path';
import type { NoticeTarget } from '../../config/operator-file.js';

/** Throws, in words without secrets, unless it was taken. */
export async function sendNotice(target: NoticeTarget, notice: object, signal: AbortSignal): Promise<void> {
  const body = `${JSON.stringify(notice)}\n`;
  if ('command' in target) await runWith(target.command, body, signal);
  else await post(target.webhook, body, signal);
}

/** Without parameters and paths, which may hold secrets. */
export function targetName(target: NoticeTarget): string {
  return 'command' in target
    ? `the command ${basename(target.command[0]!)}`
    : `the webhook at ${hostOf(target.webhook)}`;
}

function runWith(command: readonly string[], body: string, signal: AbortSignal): Promise<void> {
  const [program, ...parameters] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program!, parameters, { stdio: ['pipe', 'ignore', 'ignore'], windowsHide: true });
    const kill = () => child.kill('SIGKILL');
    const end = (problem?: string) => {
      signal.removeEventListener('abort', kill);
      if (problem === undefined) resolve();
      else reject(new Error(problem));
    };
    signal.addEventListener('abort', kill, { once: true });
    if (signal.aborted) kill();
    child.once('error', (error: NodeJS.ErrnoException) => end(`it cannot be run (${error.code ?? 'no reason given'})`));
    child.once('close', (code) => {
      if (signal.aborted) end('it did not end in time');
      else end(code === 0 ? undefined : `it ended with ${code ?? 'a signal'}`);
    });
    // A program that does not read its input is no failure.
    child.stdin.on('error', () => undefined);
    child.stdin.end(body);
  });
}

async function post(webhook: string, body: string, signal: AbortSignal): Promise<void> {
  let response: Response;
  try {
    const headers = { 'content-type': 'application/json' };
    response = await fetch(webhook, { method: 'POST', headers, body, signal, redirect: 'error' });
  } catch (error) {
    // Messages of fetch name the address.
    throw new Error(signal.aborted ? 'it did not answer in time' : `it cannot be reached${reasonOf(error)}`);
  }
  await response.body?.cancel();
  if (!response.ok) throw new Error(`it answered ${response.status}`);
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : '';
}

function hostOf(webhook: string): string {
  return URL.canParse(webhook) ? new URL(webhook).host : 'an address that is none';
}
