/** A publisher over a real folder, with rows in memory and a scheduler that drops what it is told. */
import { onTestFinished } from 'vitest';
import type { CrashPoint } from '../../src/core/ports/crashpoint.ts';
import type { Files } from '../../src/core/ports/files.ts';
import type { PublicationRow } from '../../src/core/rows.ts';
import { systemFiles } from '../../src/platform/files.ts';
import type { WorkspaceLayout } from '../../src/workspace/layout.ts';
import { createPublisher, type Publisher } from '../../src/workspace/publisher.ts';
import type { PublisherTrouble } from '../../src/workspace/publisher-trouble.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { PublicationRows } from './publication-rows.ts';

export interface PublishingParts {
  readonly layout: WorkspaceLayout;
  readonly rows?: PublicationRows;
  readonly files?: Files;
  readonly clock?: FakeClock;
  readonly seed?: number;
  readonly in_flight?: number;
  readonly batch_max?: number;
  readonly crashpoint?: CrashPoint;
  /** Replaces the scheduler that drops and renews at once. */
  readonly onPublished?: (
    published: readonly PublicationRow[],
    conflicts: readonly PublicationRow[],
  ) => Promise<void>;
}

export interface Publishing {
  readonly publisher: Publisher;
  readonly rows: PublicationRows;
  readonly clock: FakeClock;
  readonly told: PublicationRow[];
  readonly conflicts: PublicationRow[];
  readonly fatal: unknown[];
  readonly troubles: (PublisherTrouble | null)[];
}

export function publishing(parts: PublishingParts): Publishing {
  const { layout, rows = new PublicationRows(), files = systemFiles, clock = new FakeClock() } = parts;
  const told: PublicationRow[] = [];
  const conflicts: PublicationRow[] = [];
  const fatal: unknown[] = [];
  const troubles: (PublisherTrouble | null)[] = [];
  const drop = async (published: readonly PublicationRow[], taken: readonly PublicationRow[]) => {
    rows.drop(published);
    rows.renew(taken);
    publisher.poke();
  };
  const publisher = createPublisher({
    reads: rows,
    files,
    layout,
    clock,
    timers: clock,
    random: new SeededRandom(parts.seed ?? 1),
    ...(parts.in_flight === undefined ? {} : { in_flight: parts.in_flight }),
    ...(parts.batch_max === undefined ? {} : { batch_max: parts.batch_max }),
    ...(parts.crashpoint === undefined ? {} : { crashpoint: parts.crashpoint }),
    onPublished: async (published, taken) => {
      told.push(...published);
      conflicts.push(...taken);
      await (parts.onPublished ?? drop)(published, taken);
    },
    onFatal: (error) => fatal.push(error),
    onTrouble: (trouble) => troubles.push(trouble),
  });
  onTestFinished(() => publisher.stop());
  return { publisher, rows, clock, told, conflicts, fatal, troubles };
}

/** Pokes and waits until everything that can stand, stands. */
export async function publishAll(one: Publishing): Promise<void> {
  one.publisher.poke();
  await one.publisher.idle();
}
