/**
 * How far it is: a bar on a terminal, a whole line every 5 s without one. All of it on stderr. Where nothing ended for 5 s, it
 * is said what the others wait for: once in a sentence, from then on by its code.
 */
import type { CliDeps } from '../deps.ts';
import { count, duration } from '../quantities.ts';
import type { Board } from './board.ts';
import { Pace } from './pace.ts';
import { Standstill, type StandstillOptions } from './standstill.ts';
import { waitingSentence, waitingWords } from './waiting.ts';

export interface Progress {
  /** The board has changed. */
  update(): void;
  /** Something to say in between, on a line of its own. */
  say(text: string): void;
  stop(): void;
}

export interface ProgressOptions extends Omit<StandstillOptions, 'timers'> {
  readonly deps: CliDeps;
  readonly quiet: boolean;
}

export async function startProgress(options: ProgressOptions): Promise<Progress> {
  if (options.quiet) return { update: () => undefined, say: () => undefined, stop: () => undefined };
  return options.deps.isTty.stderr ? startBar(options) : startLines(options);
}

/** `120 of 300 done · 16 running · 2 failed · 3.1/s · ETA 58s` */
function progressLine(board: Board, pace: string, held: string): string {
  const words = [
    `${count(board.ended)} of ${count(board.total)} done`,
    `${count(board.count('running'))} running`,
  ];
  if (board.count('failed') > 0) words.push(`${count(board.count('failed'))} failed`);
  return `${words.join(' · ')}${pace}${held}`;
}

/** ` · 3.1/s · ETA 58s`, or nothing where that is not known. */
function paceWords(pace: Pace, now: number): string {
  const figures = pace.figures(now);
  return figures === null ? '' : ` · ${figures.rate.toFixed(1)}/s · ETA ${duration(figures.left_ms)}`;
}

function startLines(options: ProgressOptions): Progress {
  const { deps, board } = options;
  const pace = new Pace(board, deps.now());
  let isKnown = false;
  const standstill = new Standstill({ ...options, timers: deps.timers }, (waiting, isNew) => {
    if (board.total === 0) return;
    const held = waiting === null ? '' : ` · ${isNew ? waitingSentence(waiting) : waitingWords(waiting)}`;
    deps.stderr.write(`${progressLine(board, paceWords(pace, deps.now()), held)}\n`);
  });
  return {
    update() {
      pace.update(deps.now());
      if (!isKnown) standstill.begin();
      isKnown = true;
    },
    say: (text) => void deps.stderr.write(`${text}\n`),
    stop: () => standstill.stop(),
  };
}

async function startBar(options: ProgressOptions): Promise<Progress> {
  const { deps, board } = options;
  const { default: progress } = await import('cli-progress');
  const bar = new progress.SingleBar({
    stream: deps.stderr as unknown as NodeJS.WritableStream,
    format: '{bar} {value}/{total} · {running} running · {failed} failed{pace}{held}',
    barCompleteChar: '━',
    barIncompleteChar: '─',
    barsize: 24,
    fps: 8,
    hideCursor: true,
    clearOnComplete: true,
    // Ctrl-C is the command's to handle.
    gracefulExit: false,
  });
  const pace = new Pace(board, deps.now());
  let isKnown = false;
  let held = '';
  let drawn = 0;
  const payload = (): object => {
    const [running, failed] = [board.count('running'), board.count('failed')];
    return { running, failed, pace: paceWords(pace, deps.now()), held };
  };
  // The bar is drawn again below the line at its next turn.
  const say = (text: string): void => void deps.stderr.write(`\r\u001b[K${text}\n`);
  const standstill = new Standstill({ ...options, timers: deps.timers }, (waiting, isNew) => {
    if (waiting !== null && isNew) say(waitingSentence(waiting));
    held = waiting === null ? '' : ` · ${waitingWords(waiting)}`;
    if (bar.isActive) bar.update(board.ended, payload());
  });
  return {
    update() {
      pace.update(deps.now());
      if (!isKnown) {
        isKnown = true;
        standstill.begin();
        drawn = board.ended;
        if (board.total > board.ended) bar.start(board.total, board.ended, payload());
        return;
      }
      if (!bar.isActive) return;
      if (board.ended > drawn) held = '';
      drawn = board.ended;
      bar.setTotal(board.total);
      bar.update(board.ended, payload());
    },
    say,
    stop() {
      standstill.stop();
      bar.stop();
    },
  };
}
