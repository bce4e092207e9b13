/** The control connection of a qemu program (QMP): one command at a time, JSON lines over a socket. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface, type Interface } from 'node:readline';

interface Reply {
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
  readonly QMP?: unknown;
}

export class Monitor {
  readonly #socket: Socket;
  readonly #lines: Interface;
  readonly #waiting: ((reply: Reply) => void)[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    // The other side dies when a test kills it.
    socket.on('error', () => undefined);
    this.#lines = createInterface({ input: socket });
    this.#lines.on('line', (line) => {
      const reply = JSON.parse(line) as Reply;
      if ('return' in reply || reply.error || reply.QMP) this.#waiting.shift()?.(reply);
    });
    socket.once('close', () => {
      for (const answer of this.#waiting.splice(0)) answer({ error: { desc: 'the connection ended' } });
    });
  }

  static async connect(path: string): Promise<Monitor> {
    const socket = connect(path);
    await once(socket, 'connect');
    const monitor = new Monitor(socket);
    await monitor.#reply();
    await monitor.execute('qmp_capabilities');
    socket.unref();
    return monitor;
  }

  async execute(command: string, options?: object): Promise<unknown> {
    this.#socket.write(`${JSON.stringify({ execute: command, ...(options ? { arguments: options } : {}) })}\n`);
    const reply = await this.#reply();
    if (reply.error) throw new Error(`${command}: ${reply.error.desc}`);
    return reply.return;
  }

  close(): void {
    this.#lines.close();
    this.#socket.destroy();
  }

  #reply(): Promise<Reply> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
