/** Rules of the design, each broken in one place. A simulation that passes with one of them would prove nothing about it. */
import { runKey, type Board } from '../../src/core/board.ts';
import { decide } from '../../src/core/decide.ts';
import type { TurnEvent } from '../../src/core/turn-events.ts';
import type { Break } from './scheduler-process.ts';

function changing(change: (event: TurnEvent, board: Board) => TurnEvent): Break {
  return {
    decide: (events, board, ...rest) =>
      decide(
        events.map((event) => change(event, board)),
        board,
        ...rest,
      ),
  };
}

export const BREAKS = {
  /** An outcome counts for the attempt that runs now, whichever attempt it is of. */
  'the fence is dropped from outcomes': changing((event, board) => {
    if (event.type !== 'report') return event;
    const { name, run, attempt } = event.report;
    const current = board.leases.get(runKey(name, run))?.attempt ?? attempt;
    return { ...event, report: { ...event.report, attempt: current } };
  }),
  /** An answer is taken for any run of the name, whatever was asked. */
  'an answer is not held against its question': changing((event, board) => {
    if (event.type !== 'report') return event;
    const lease = [...board.leases.values()].find(({ name }) => name === event.report.name);
    return lease === undefined
      ? event
      : {
          ...event,
          report: { ...event.report, run: lease.run, digest: lease.digest, attempt: lease.attempt },
        };
  }),
  /** What an instance holds is forgotten at its hello. */
  'a returning instance is not asked what it holds': changing((event) =>
    event.type === 'settle' ? { ...event, held: [] } : event,
  ),
  /** Done is said before it is: the last commits of a killed scheduler are gone. */
  'a commit is told before it is on disk': {
    store: (store) => {
      const { commit } = store;
      let seen = 0;
      store.commit = async (changes) => {
        seen += 1;
        return seen % 40 === 0 && changes.every((change) => change.do !== 'put_lane')
          ? []
          : commit.call(store, changes);
      };
    },
  },
} as const satisfies Readonly<Record<string, Break>>;
