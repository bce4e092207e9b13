/**
 * Where a command's words go: results to `out`, everything else (errors, log, progress) to `err`. Colour only on a
 * terminal and without NO_COLOR; `main.ts` decides, tests record.
 */
import { styleText } from 'node:util';

export type Tone = 'good' | 'warning' | 'bad' | 'strong' | 'faint';

export interface TextSink {
  readonly isTty: boolean;
  /** Columns of the terminal; 80 when unknown. */
  readonly columns: number;
  write(text: string): void;
}

const styles = { good: 'green', warning: 'yellow', bad: 'red', strong: 'bold', faint: 'dim' } as const;

export class Terminal {
  readonly #out: TextSink;
  readonly #err: TextSink;
  readonly #colour: boolean;

  constructor(options: { readonly out: TextSink; readonly err: TextSink; readonly colour: boolean }) {
    this.#out = options.out;
    this.#err = options.err;
    this.#colour = options.colour;
  }

  get err(): TextSink {
    return this.#err;
  }

  /** One line (or several, joined by line ends) of the result. */
  print(text: string): void {
    this.#out.write(`${text}\n`);
  }

  /** One JSON document on one line. */
  printJson(value: unknown): void {
    this.#out.write(`${JSON.stringify(value)}\n`);
  }

  /** One line beside the result. */
  note(text: string): void {
    this.#err.write(`${text}\n`);
  }

  /** Styles text meant for `print`. */
  style(tone: Tone, text: string): string {
    return this.#colour && this.#out.isTty ? styleText(styles[tone], text) : text;
  }

  /** Styles text meant for `note`. */
  styleNote(tone: Tone, text: string): string {
    return this.#colour && this.#err.isTty ? styleText(styles[tone], text) : text;
  }
}
