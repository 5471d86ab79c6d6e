/** AI packages: an id that is not known to be free is given to nobody, and an answer only to the attempt that asked. */
import type { Mutant } from './mutant.ts';

const ID_STATE = 'test/packages/id-state.test.ts';
const POOL = 'test/packages/pool.test.ts';

export const PACKAGE_MUTANTS: readonly Mutant[] = [
  {
    name: 'quarantine-skipped-at-start',
    breaks: 'submits to an id whose package may still be at work from before its process started',
    file: 'src/packages/id-state.ts',
    from: "state.kind === 'starting' ? quarantine(event.at) : stay(state)",
    to: "state.kind === 'starting' ? { state: { kind: 'free' }, task: 'offer' } : stay(state)",
    killed_by: [ID_STATE, POOL],
  },
  {
    name: 'quarantine-skipped-after-attempt',
    breaks: 'submits to an id that works on, for an attempt that was ended',
    file: 'src/packages/id-state.ts',
    from: "state.kind === 'taken' ? quarantine(event.at) : stay(state)",
    to: "state.kind === 'taken' ? { state: { kind: 'free' }, task: 'offer' } : stay(state)",
    killed_by: [ID_STATE, POOL],
  },
  {
    name: 'quarantine-left-with-answer',
    breaks: 'gives an id away with a finished answer of another attempt in it',
    file: 'src/packages/id-state.ts',
    from: "if (status === 1) return { state: { ...state, looked: true }, task: 'fetch' };",
    to: "if (status === 1) return { state: { kind: 'free' }, task: 'offer' };",
    killed_by: [ID_STATE, POOL],
  },
  {
    name: 'quarantine-left-in-vain',
    breaks: 'gives an id away whose finished answer could not be fetched',
    file: 'src/packages/id-state.ts',
    from: "return event.got ? { state: { kind: 'free' }, task: 'offer' }",
    to: "return event.at >= 0 ? { state: { kind: 'free' }, task: 'offer' }",
    killed_by: [ID_STATE, POOL],
  },
  {
    name: 'nonsense-is-an-answer',
    breaks: 'takes an error, or what is no answer, for the stale one that it had to put aside',
    file: 'src/packages/package-id.ts',
    from: "const got = outcome.kind === 'text' || outcome.kind === 'file' || outcome.kind === 'too_large';",
    to: "const got = outcome.kind !== 'none';",
    killed_by: [POOL],
  },
  {
    name: 'nonsense-is-not-in-use',
    breaks: 'takes an id for free whose package said what is no status',
    file: 'src/packages/package-id.ts',
    from: '      return null;\n    });\n    if (status === -1)',
    to: '      return 0;\n    });\n    if (status === -1)',
    killed_by: [POOL],
  },
  {
    name: 'quarantine-for-ever',
    breaks: 'never replaces the process of an id that says -1 for ever',
    file: 'src/packages/id-state.ts',
    from: "task: isTooLong ? 'replace' : 'look_later'",
    to: "task: isTooLong ? 'look_later' : 'look_later'",
    killed_by: [ID_STATE, POOL],
  },
  {
    name: 'quarantine-replaces-others',
    breaks: 'ends a process in which another attempt is at work',
    file: 'src/packages/package-pool.ts',
    from: "return !this.#ids.some((id) => id.state === 'taken' && id.process === process);",
    to: 'return process !== null;',
    killed_by: [POOL],
  },
  {
    name: 'id-given-twice',
    breaks: 'submits to an id while another attempt has it',
    file: 'src/packages/package-id.ts',
    from: "if (this.#state.kind !== 'free') return false;",
    to: "if (this.#state.kind !== 'free' && this.#state.kind !== 'taken') return false;",
    killed_by: [POOL],
  },
  {
    name: 'reply-to-another-call',
    breaks: 'takes what a process says to another call for the answer to this one',
    file: 'src/packages/package-process.ts',
    from: 'if (current === null || current.line.id !== line.reply)',
    to: 'if (current === null)',
    killed_by: [POOL],
  },
];
