/** The publisher's own thread: it reads committed rows and writes the files of the workspace. */
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { systemClock } from '../platform/clock.ts';
import { systemFiles } from '../platform/files.ts';
import { systemRandom } from '../platform/random.ts';
import { systemTimers } from '../platform/timers.ts';
import { openReadStore } from '../stores/sqlite/read-store.ts';
import type { WorkspaceLayout } from '../workspace/layout.ts';
import { createPublisher, type PublisherStats } from '../workspace/publisher.ts';
import type { PublisherTrouble } from '../workspace/publisher-trouble.ts';
import { environment } from './environment.ts';
import { crashPointOf } from './crash.ts';
import { openChannel } from './rpc.ts';
import type { PublisherFunctions, PublisherListener } from './scheduler-thread.ts';

export interface PublisherThreadData {
  readonly database: string;
  readonly layout: WorkspaceLayout;
  /** To the scheduler's thread. */
  readonly scheduler: MessagePort;
}

/** What the main thread calls here. */
export interface PublisherControl {
  /** Resolves when every committed answer stands as a file. */
  idle(): Promise<void>;
  stats(): PublisherStats;
  stop(): Promise<void>;
}

export interface PublisherNotes {
  fatal(message: string): void;
  /** What keeps files from being written, with its code; null: nothing does any more. */
  trouble(trouble: Pick<PublisherTrouble, 'code' | 'message'> | null): void;
}

function run(port: MessagePort, data: PublisherThreadData): void {
  const reads = openReadStore({ path: data.database });
  let busy = false;
  const scheduler = openChannel<PublisherListener, PublisherFunctions>(data.scheduler, {
    poke: () => publisher.poke(),
    busy(is) {
      busy = is;
    },
  });
  const main = openChannel<PublisherNotes, PublisherControl>(port, {
    idle: () => publisher.idle(),
    stats: () => publisher.stats(),
    async stop() {
      await publisher.stop();
      reads.close();
      scheduler.close();
      setImmediate(() => main.close());
    },
  });
  const publisher = createPublisher({
    reads,
    files: systemFiles,
    layout: data.layout,
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    onPublished: (published, conflicts) => scheduler.remote.published(published, conflicts),
    onFatal: (error) =>
      main.tell('fatal', error instanceof Error ? (error.stack ?? error.message) : String(error)),
    onTrouble: (trouble) => main.tell('trouble', trouble),
    crashpoint: crashPointOf(environment()),
    busy: () => busy,
  });
  publisher.poke();
}

if (parentPort !== null) run(parentPort, workerData as PublisherThreadData);
