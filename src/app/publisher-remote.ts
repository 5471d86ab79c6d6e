/** The publisher as the main thread sees it. */
import { extname } from 'node:path';
import { Worker, type MessagePort } from 'node:worker_threads';
import { openChannel } from './rpc.ts';
import type { PublisherControl, PublisherNotes, PublisherThreadData } from './publisher-thread.ts';

export interface PublisherThread {
  /** Waits until everything committed is published, at most so long. */
  idle(at_most_ms: number): Promise<void>;
  stop(): Promise<void>;
}

export function startPublisherThread(data: PublisherThreadData, notes: PublisherNotes): PublisherThread {
  const worker = new Worker(new URL(`./publisher-thread${extname(import.meta.url)}`, import.meta.url), {
    workerData: data,
    transferList: [data.scheduler],
    name: 'publisher',
  });
  const channel = openChannel<PublisherControl, PublisherNotes>(worker as unknown as MessagePort, notes);
  let stopping = false;
  worker.on('error', (error: Error) => notes.fatal(error.stack ?? error.message));
  worker.on('exit', (code) => {
    if (!stopping) notes.fatal(`the publisher thread ended with ${code}`);
  });
  return {
    async idle(at_most_ms) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, at_most_ms);
      });
      await Promise.race([channel.remote.idle(), late]);
      clearTimeout(timer);
    },
    async stop() {
      stopping = true;
      await channel.remote.stop();
      await worker.terminate();
    },
  };
}
