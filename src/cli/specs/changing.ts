/** Commands that wait for jobs or change what becomes of them. */
import { type CommandSpec, SELECTION, SELECTION_TO_CHANGE, YES } from '../command-spec.ts';

export const CHANGING: readonly CommandSpec[] = [
  {
    name: 'wait',
    args: '[names...]',
    group: 'Changing:',
    summary: 'wait until jobs have ended',
    about:
      'The exit code tells the worst end: 0 all completed, 11 some cancelled, 10 some failed, 124 the time was up.',
    options: [...SELECTION, { flags: '--timeout <duration>', about: 'wait no longer than this' }],
    examples: [
      ['promptd wait faq-17', 'one job'],
      ['promptd wait --batch trial --timeout 1h', 'a batch, an hour at most'],
    ],
    load: async () => (await import('../commands/wait.ts')).wait,
  },
  {
    name: 'cancel',
    args: '[names...]',
    group: 'Changing:',
    summary: 'cancel jobs that have not ended',
    about: `What waits is cancelled at once. What runs is told to stop; the call returns when that is on record, and the job ends
when its instance confirms.`,
    options: [...SELECTION_TO_CHANGE, YES],
    examples: [
      ['promptd cancel faq-17', 'one job'],
      ['promptd cancel --batch trial --yes', 'what has not ended of a batch, without asking'],
    ],
    load: async () => (await import('../commands/cancel.ts')).cancel,
  },
  {
    name: 'retry',
    args: '[names...]',
    group: 'Changing:',
    summary: 'ask again what failed or was cancelled',
    about: 'An answer that came late is taken instead of paying again. New options hold from then on.',
    options: [
      ...SELECTION_TO_CHANGE,
      { flags: '--priority <n>', about: 'its new priority' },
      { flags: '--timeout <duration>', about: 'its new time limit of one attempt' },
      { flags: '--max-attempts <n>', about: 'its new number of attempts' },
      YES,
    ],
    examples: [
      ['promptd retry faq-17 --timeout 20m', 'one job, with more time'],
      ['promptd retry --reason ProviderError --yes', 'everything that failed for one reason'],
    ],
    load: async () => (await import('../commands/retry.ts')).retry,
  },
  {
    name: 'rerun',
    args: '[names...]',
    group: 'Changing:',
    summary: 'a fresh draw: ask what has ended once more, as the next run',
    about: `What is asked is what was stored: an edited file changes nothing here (for that: promptd run). The answers before stay.
Of several jobs that are the same work, one is asked and all get its answer.`,
    options: [
      ...SELECTION_TO_CHANGE,
      { flags: '--priority <n>', about: 'its priority' },
      { flags: '--timeout <duration>', about: 'its time limit of one attempt' },
      { flags: '--max-attempts <n>', about: 'its number of attempts' },
      YES,
    ],
    examples: [
      ['promptd rerun faq-17', 'one job; its next run'],
      ['promptd rerun faq-17@1', 'what its first run asked'],
      ['promptd rerun --batch trial --yes', 'a whole batch once more, without asking'],
    ],
    load: async () => (await import('../commands/rerun.ts')).rerun,
  },
];
