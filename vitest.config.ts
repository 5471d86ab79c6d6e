import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/support/sequencer.ts';

export default defineConfig({
  test: {
    reporters: ['./test/support/reporter.ts'],
    // What a file leaves behind is blamed on that file: each has a process of its own.
    pool: 'forks',
    isolate: true,
    // A test that was focused while somebody worked on it would hide all the others.
    allowOnly: false,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**', 'test/slow/**'],
          setupFiles: ['./test/support/leaks.ts', './test/support/children.ts'],
          // Vitest would leave one of two cores idle, and run these last.
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          setupFiles: ['./test/support/leaks.ts', './test/support/children.ts'],
          // Longer than `until` waits, so that what was waited for is said.
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // They mostly wait for other processes: a file takes two fifths of a core. Many more of them at once would measure
          // the machine, not promptd.
          maxWorkers: 4,
          // After the unit tests, so that a broken unit is reported before the minutes that e2e takes.
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
