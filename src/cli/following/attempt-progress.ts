/** What an attempt in this very process is doing: a line that changes on a terminal, sentences elsewhere. Its log is kept. */
import type { LiveState, LogStream } from '../../core/attempt.ts';
import type { Context } from '../context.ts';
import type { ExecuteObserver } from '../deps.ts';
import { plainLine } from '../plain-text.ts';
import { count, duration } from '../quantities.ts';

const REDRAW_MS = 100;
/** Lines that are shown where an attempt failed. */
const LOG_KEPT = 200;
/** The last line of the log of an attempt without an answer. */
const ENDED = /^(?!std)[a-z_]+(?: after \d+ ms)?: /;

const WORDS: Readonly<Record<LiveState['phase'], string>> = {
  starting: 'starting',
  building: 'building the prompt',
  calling: 'asking',
  streaming: 'answering',
  ending: 'ending',
};

export class AttemptProgress implements ExecuteObserver {
  readonly #context: Context;
  readonly #who: string;
  readonly #began_at: number;
  readonly #log: string[] = [];
  readonly #warned = new Set<string>();
  readonly #isVerbose: boolean;
  #phase: LiveState['phase'] = 'starting';
  #pieces = 0;
  #drawn_at = 0;
  #isDrawn = false;

  constructor(context: Context, who: string, verbose: boolean) {
    this.#context = context;
    this.#who = who;
    this.#began_at = context.deps.now();
    this.#isVerbose = verbose;
  }

  phase(phase: LiveState['phase']): void {
    this.#phase = phase;
    this.#draw(true);
  }

  text(): void {
    this.#pieces += 1;
    this.#draw(false);
  }

  log(stream: LogStream, text: string): void {
    for (const line of text.split('\n').filter((one) => one !== '')) {
      const shown = plainLine(stream === 'info' ? line : `${stream}: ${line}`);
      if (this.#isVerbose) this.#show(shown);
      else if (this.#log.push(shown) > LOG_KEPT) this.#log.shift();
    }
  }

  notice(sentence: string): void {
    this.#clear();
    this.#context.out.notice(sentence);
  }

  /** A warning of the answer, unless the log that was shown has it. */
  warning(sentence: string): void {
    if (!this.#warned.has(`warning: ${sentence}`)) this.notice(sentence);
  }

  /** What was logged and not shown yet; the line that only says how it ended is left to the sentence behind it. */
  showLog(reason_code: string): void {
    this.#clear();
    const told = this.#log
      .splice(0)
      .filter((line) => !ENDED.test(line) || !line.includes(`: ${reason_code}: `));
    for (const line of told) this.#context.out.notice(this.#context.out.err.dim(line));
  }

  end(): void {
    this.#clear();
  }

  #show(line: string): void {
    if (line.startsWith('warning: ')) this.#warned.add(line);
    this.notice(line);
  }

  #draw(isNews: boolean): void {
    const { deps, out } = this.#context;
    if (!deps.isTty.stderr || out.isQuiet || out.json) return;
    const now = deps.now();
    if (!isNews && now - this.#drawn_at < REDRAW_MS) return;
    this.#drawn_at = now;
    this.#isDrawn = true;
    const pieces = this.#pieces === 0 ? '' : `, ${count(this.#pieces)} tokens`;
    const elapsed = duration(now - this.#began_at);
    deps.stderr.write(`\r\x1b[K${this.#who}: ${WORDS[this.#phase]}${pieces}, ${elapsed}`);
  }

  #clear(): void {
    if (!this.#isDrawn) return;
    this.#isDrawn = false;
    this.#context.deps.stderr.write('\r\x1b[K');
  }
}
