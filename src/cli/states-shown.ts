/** How states look: one colour each, the same in every table. */
import type { RunState } from '../core/states.ts';
import type { Colors } from './output.ts';

export function stateColor(state: RunState, colors: Colors): (text: string) => string {
  switch (state) {
    case 'completed':
      return colors.green;
    case 'failed':
      return colors.red;
    case 'running':
      return colors.cyan;
    case 'retrying':
    case 'cancelled':
      return colors.yellow;
    default:
      return colors.dim;
  }
}

/** `blocked` is called what it means to a person: it takes the answer of the same work under another name. */
export function stateWord(state: RunState): string {
  return state === 'blocked' ? 'shared' : state;
}
