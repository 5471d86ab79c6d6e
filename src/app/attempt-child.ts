/**
 * The process of one attempt: `node attempt-child.ts`. It is told what to run on stdin and says what comes of it on stdout,
 * in frames; when stdin ends, nobody is there to hear it any more.
 */
import { LIMITS } from '../core/limits.ts';
import type { AbortReason } from '../core/ports/runner.ts';
import { ATTEMPT_FRAME_BYTES_MAX, type FromAttempt, type ToAttempt } from '../executor/isolated-messages.ts';
import { RelayedChildren } from '../executor/relayed-children.ts';
import { systemTimers } from '../platform/timers.ts';
import { encodeFrame, FrameDecoder } from '../wire/frame.ts';
import { ownRunner, type OwnedRunner } from './attempt-runner.ts';
import { environment } from './environment.ts';

const write = process.stdout.write.bind(process.stdout);
// Whatever else is printed in this process is no frame.
process.stdout.write = process.stderr.write.bind(process.stderr);
// Signals to a whole service are for its instance, which then ends its attempts as it sees fit.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

const abort = new AbortController();
const children = new RelayedChildren(say);
const decoder = new FrameDecoder(ATTEMPT_FRAME_BYTES_MAX);
let own: OwnedRunner | null = null;
let pieces: string[] = [];
/** What the log of an attempt does not hold is not said either. */
let log_left = LIMITS.log_bytes_max;

/** In order: text that waits goes before. */
function say(message: FromAttempt): void {
  flush();
  write(encodeFrame(message));
}

function flush(): void {
  if (pieces.length === 0) return;
  const text = pieces;
  pieces = [];
  write(encodeFrame({ t: 'text', pieces: text } satisfies FromAttempt));
}

async function run({ order, place }: Extract<ToAttempt, { t: 'run' }>): Promise<void> {
  const { endpoint } = place;
  own = ownRunner({
    ...place,
    endpoints: new Map([[endpoint.name, endpoint]]),
    env: environment(),
    children,
  });
  const observer = {
    phase: (phase: Extract<FromAttempt, { t: 'phase' }>['phase']) => say({ t: 'phase', phase }),
    text: (piece: string) => {
      // Pieces that came together are said together.
      if (pieces.length === 0) systemTimers.soon(flush);
      pieces.push(piece);
    },
    log: (stream: 'info' | 'stdout' | 'stderr', text: string) => {
      if (log_left > 0) say({ t: 'log', stream, text });
      log_left -= text.length;
    },
  };
  const report = await own.runner.run(order, observer, abort.signal);
  const last = { t: 'report', report: report as Extract<FromAttempt, { t: 'report' }>['report'] } as const;
  flush();
  // More than a pipe holds is on its way until somebody has read it.
  write(encodeFrame(last), () => process.exit(0));
}

function hear(message: ToAttempt): void {
  if (message.t === 'run') void run(message);
  else if (message.t === 'abort') abort.abort(message.reason satisfies AbortReason);
  else if (message.t === 'drain') own?.drain();
  else children.hear(message);
}

process.stdin.on('data', (bytes) =>
  decoder.push(bytes, (value) => {
    hear(value as ToAttempt);
    return true;
  }),
);
process.stdin.once('end', () => process.exit(1));
process.stdin.once('error', () => process.exit(1));
