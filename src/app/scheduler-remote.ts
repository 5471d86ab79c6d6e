/** The scheduler as the main thread sees it: the same port, over IPC. */
import { extname } from 'node:path';
import { Worker, type MessagePort } from 'node:worker_threads';
import type { AdoptionVerdict } from '../core/adoption.ts';
import { Problem } from '../core/errors.ts';
import type { LiveState } from '../core/attempt.ts';
import type { CrashPoint } from '../core/ports/crashpoint.ts';
import type {
  CancelVerdict,
  FollowEnd,
  LaneStatus,
  LogPiece,
  RetryVerdict,
  RunAnswer,
  RunChange,
  Scheduler,
  SchedulerStatus,
} from '../core/ports/scheduler.ts';
import type { SubmitReceipt } from '../core/submission.ts';
import { openChannel, type Channel } from './rpc.ts';
import type { SchedulerFunctions, SchedulerListener, SchedulerThreadData } from './scheduler-thread.ts';

export interface SchedulerThread extends Scheduler {
  readonly store_id: string;
  /** Where instances connect. */
  readonly address: { readonly host: string; readonly port: number };
  /** Whether nothing runs. */
  quiet(): Promise<boolean>;
  stop(): Promise<void>;
}

export interface SchedulerThreadOptions {
  readonly data: Omit<SchedulerThreadData, 'publisher'>;
  readonly publisher: MessagePort;
  readonly onFatal: SchedulerListener['fatal'];
  readonly crashpoint: CrashPoint;
  readonly note: SchedulerListener['note'];
}

/** Rejects with the Problem that kept it from starting, e.g. StoreRefused. */
export async function startSchedulerThread(options: SchedulerThreadOptions): Promise<SchedulerThread> {
  const { publisher, crashpoint } = options;
  const workerData: SchedulerThreadData = { ...options.data, publisher };
  const worker = new Worker(new URL(`./scheduler-thread${extname(import.meta.url)}`, import.meta.url), {
    workerData,
    transferList: [publisher],
    name: 'scheduler',
  });
  const listeners = new Set<(changes: readonly RunChange[]) => void>();
  const pieces = new Map<number, (piece: LogPiece) => void>();
  const channel = openChannel<SchedulerFunctions, SchedulerListener>(worker as unknown as MessagePort, {
    changes(changes) {
      crashpoint('events.before_fan_out');
      for (const listener of listeners) listener(changes);
    },
    piece: (follow, piece) => pieces.get(follow)?.(piece),
    note: options.note,
    fatal: options.onFatal,
  });
  let stopping = false;
  const died = new Promise<never>((_, reject) => {
    worker.on('error', (error: Error) => reject(error));
    worker.on('exit', (code) => reject(new Error(`the scheduler thread ended with ${code}`)));
  });
  died.catch((error: Error) => {
    if (!stopping) options.onFatal(error.stack ?? error.message);
  });
  const started = await Promise.race([channel.remote.start(), died]).catch(async (error: unknown) => {
    stopping = true;
    await worker.terminate();
    throw error;
  });
  return remoteScheduler(channel, started, {
    listeners,
    pieces,
    died,
    crashpoint,
    async end() {
      stopping = true;
      await channel.remote.stop();
      await worker.terminate();
    },
  });
}

interface Parts {
  readonly listeners: Set<(changes: readonly RunChange[]) => void>;
  readonly pieces: Map<number, (piece: LogPiece) => void>;
  readonly died: Promise<never>;
  readonly crashpoint: CrashPoint;
  end(): Promise<void>;
}

function remoteScheduler(
  channel: Channel<SchedulerFunctions>,
  started: { readonly store_id: string; readonly host: string; readonly port: number },
  parts: Parts,
): SchedulerThread {
  const { remote } = channel;
  let stopping = false;
  let nextFollow = 1;
  /** A call that the thread can no longer answer must not wait for ever. */
  const call = async <T>(answer: Promise<unknown>): Promise<T> => {
    if (stopping) throw new Problem('ShuttingDown', 'The server is stopping. Nothing was done.');
    return (await Promise.race([answer, parts.died])) as T;
  };
  return {
    store_id: started.store_id,
    address: { host: started.host, port: started.port },
    async submit(jobs, onInvalid) {
      parts.crashpoint('submit.before_turn');
      const receipt = await call<SubmitReceipt>(remote.submit(jobs, onInvalid));
      parts.crashpoint('submit.before_answer');
      return receipt;
    },
    cancel: (runs) => call<readonly RunAnswer<CancelVerdict>[]>(remote.cancel(runs)),
    retry: (runs, options) => call<readonly RunAnswer<RetryVerdict>[]>(remote.retry(runs, options)),
    adopt: (adoptions) => call<readonly AdoptionVerdict[]>(remote.adopt(adoptions)),
    publishJobs: (runs) => call<void>(remote.publishJobs(runs)),
    live: (name, run, wait_ms) => call<LiveState | null>(remote.live(name, run, wait_ms)),
    lanes: () => call<readonly LaneStatus[]>(remote.lanes()),
    status: () => call<SchedulerStatus>(remote.status()),
    quiet: () => call<boolean>(remote.quiet()),
    putKey: (key) => call<void>(remote.putKey(key)),
    async follow(name, run, from, onPiece, stop) {
      const id = nextFollow;
      nextFollow += 1;
      parts.pieces.set(id, onPiece);
      const abandon = (): void => channel.tell('unfollow', id);
      stop.addEventListener('abort', abandon, { once: true });
      try {
        return await call<FollowEnd>(remote.follow(id, name, run, from));
      } finally {
        stop.removeEventListener('abort', abandon);
        parts.pieces.delete(id);
      }
    },
    onChanges(fn) {
      parts.listeners.add(fn);
      return () => parts.listeners.delete(fn);
    },
    async stop() {
      if (stopping) return;
      stopping = true;
      await parts.end();
    },
  };
}
