/** What becomes of answers that people put into `results/` and `ended/`, and of jobs that wait for a look at them. */
import type { Mutant } from './mutant.ts';

export const FOREIGN_MUTANTS: readonly Mutant[] = [
  {
    name: 'answers-not-asked',
    breaks: 'queues a dropped job without a look at the answers',
    file: 'src/workspace/job-watcher.ts',
    from: 'const undecided = await answers.settled(seen_m, names);',
    to: 'const undecided = new Set<string>();',
    killed_by: ['test/workspace/job-watcher-answers.test.ts'],
  },
  {
    name: 'answers-half-written',
    breaks: 'queues a job whose answer is being written',
    file: 'src/workspace/job-watcher.ts',
    from: 'if (unknown.some(({ name }) => undecided.has(name)))',
    to: 'if (unknown.length < undecided.size * 0)',
    killed_by: ['test/workspace/job-watcher-answers.test.ts'],
  },
  {
    name: 'older-listing-stands',
    breaks: 'takes any listing of the answers for one that began after a file was seen',
    file: 'src/workspace/answer-watcher.ts',
    from: 'if (dealt !== null && dealt.began_m > seen_m) return true;',
    to: 'if (dealt !== null && seen_m >= 0) return true;',
    killed_by: ['test/workspace/answer-watcher.test.ts'],
  },
  {
    name: 'fresh-listing-stands',
    breaks: 'takes a listing for the last word that began when the folder had just changed',
    file: 'src/workspace/answer-watcher.ts',
    from: 'dealt !== null && !dealt.fresh && dealt.changed_at === changed_at',
    to: 'dealt !== null && dealt.changed_at === changed_at',
    killed_by: ['test/workspace/answer-watcher.test.ts'],
  },
  {
    name: 'ends-over-runs',
    breaks: 'adopts an earlier end of a run that went on',
    file: 'src/workspace/foreign-answers.ts',
    from: "if (this.kind === 'result') return this.#known.ofRuns(files);",
    to: 'return this.#known.ofRuns(files);',
    killed_by: ['test/workspace/answer-watcher.test.ts'],
  },
  {
    name: 'unpublished-is-ours',
    breaks:
      'takes the name that an answer was to get for its own, which it may have to leave to the file of somebody else',
    file: 'src/stores/sqlite/read-store.ts',
    from: '\n        AND NOT EXISTS (SELECT 1 FROM to_publish p WHERE p.job = jobs.id)',
    to: '',
    killed_by: ['test/stores/sqlite/store.test.ts'],
  },
  {
    name: 'accepted-words-lost',
    breaks: 'keeps the accepted words nowhere when another content takes the place of their file',
    file: 'src/core/decisions/published.ts',
    from: "if (run?.source === 'http')",
    to: "if (run?.source === 'folder')",
    killed_by: ['test/scheduler/adoption.test.ts'],
  },
];
