/** How far it is: a bar on a terminal, a whole line every 5 s without one. All of it on stderr. */
import type { Timer } from '../../core/ports/clock.ts';
import type { CliDeps } from '../deps.ts';
import { count, duration } from '../quantities.ts';
import type { Board } from './board.ts';

const LINE_EVERY_MS = 5_000;

export interface Progress {
  /** The board has changed. */
  update(): void;
  /** Something to say in between, on a line of its own. */
  say(text: string): void;
  stop(): void;
}

export interface ProgressOptions {
  readonly deps: CliDeps;
  readonly board: Board;
  readonly quiet: boolean;
}

export async function startProgress(options: ProgressOptions): Promise<Progress> {
  if (options.quiet) return { update: () => undefined, say: () => undefined, stop: () => undefined };
  return options.deps.isTty.stderr ? startBar(options) : startLines(options);
}

/** `120 of 300 done · 16 running · 2 failed · 3.1/s · ETA 58s` */
function progressLine(board: Board, done_before: number, elapsed_ms: number): string {
  const { running, failed, rate, eta } = figures(board, done_before, elapsed_ms);
  const words = [`${count(board.ended)} of ${count(board.total)} done`, `${count(running)} running`];
  if (failed > 0) words.push(`${count(failed)} failed`);
  if (rate !== null) words.push(`${rate.toFixed(1)}/s`);
  words.push(`ETA ${eta}`);
  return words.join(' · ');
}

interface Figures {
  readonly running: number;
  readonly failed: number;
  /** Runs that ended in a second since the start; null before the first. */
  readonly rate: number | null;
  readonly eta: string;
}

function figures(board: Board, done_before: number, elapsed_ms: number): Figures {
  const ended = board.ended - done_before;
  const rate = ended > 0 && elapsed_ms > 0 ? ended / (elapsed_ms / 1000) : null;
  const left = board.total - board.ended;
  const eta = left === 0 ? '0s' : rate === null ? '-' : duration((left / rate) * 1000);
  return { running: board.count('running'), failed: board.count('failed'), rate, eta };
}

function startLines({ deps, board }: ProgressOptions): Progress {
  const started_at = deps.now();
  let done_before: number | null = null;
  let timer: Timer | null = null;
  const write = (): void => {
    if (board.total > 0)
      deps.stderr.write(`${progressLine(board, done_before ?? 0, deps.now() - started_at)}\n`);
    timer = deps.timers.after(LINE_EVERY_MS, write, false);
  };
  timer = deps.timers.after(LINE_EVERY_MS, write, false);
  return {
    update: () => void (done_before ??= board.ended),
    say: (text) => void deps.stderr.write(`${text}\n`),
    stop: () => timer?.cancel(),
  };
}

async function startBar({ deps, board }: ProgressOptions): Promise<Progress> {
  const { default: progress } = await import('cli-progress');
  const bar = new progress.SingleBar({
    stream: deps.stderr as unknown as NodeJS.WritableStream,
    format: '{bar} {value}/{total} · {running} running · {failed} failed · {speed} · ETA {left}',
    barCompleteChar: '━',
    barIncompleteChar: '─',
    barsize: 24,
    fps: 8,
    hideCursor: true,
    clearOnComplete: true,
    // Ctrl-C is the command's to handle.
    gracefulExit: false,
  });
  const started_at = deps.now();
  let done_before: number | null = null;
  const payload = (): object => {
    const { running, failed, rate, eta } = figures(board, done_before ?? 0, deps.now() - started_at);
    return { running, failed, speed: rate === null ? '-' : `${rate.toFixed(1)}/s`, left: eta };
  };
  return {
    update() {
      if (done_before === null) {
        done_before = board.ended;
        if (board.total > board.ended) bar.start(board.total, board.ended, payload());
        return;
      }
      if (!bar.isActive) return;
      bar.setTotal(board.total);
      bar.update(board.ended, payload());
    },
    say(text) {
      // The bar is drawn again below the line at its next turn.
      deps.stderr.write(`\r\u001b[K${text}\n`);
    },
    stop: () => bar.stop(),
  };
}
