/** Why runs that are waited for do not move: the commonest reason among them, as the server tells it now. */
import type { Client } from '../../client/client.ts';
import type { RunState } from '../../core/states.ts';
import { clip, plainLine } from '../plain-text.ts';
import { count } from '../quantities.ts';
import type { Board } from './board.ts';

export interface Waiting {
  readonly code: string;
  readonly message: string;
  /** How many of the board's runs wait for it. */
  readonly runs: number;
  /** Whether that is reckoned from some of them: there are more than one question tells. */
  readonly isReckoned: boolean;
}

const WAITING: readonly RunState[] = ['scheduled', 'queued', 'blocked', 'retrying'];
const ASKED_MAX = 500;

/** How it always is while others are asked: worth a word only where nothing runs. */
const ORDINARY: ReadonlySet<string> = new Set(['WaitingForSlot', 'WaitingForModel', 'SameAs']);

/** Null where none waits, or only as runs always do. Rejects as the client does. */
export async function commonestWait(
  client: Client,
  board: Board,
  signal: AbortSignal,
): Promise<Waiting | null> {
  const page = await client.jobsPage({ state: WAITING }, { limit: ASKED_MAX, signal });
  const ours = page.jobs.filter((job) => board.has(job));
  const groups = new Map<string, { runs: number; readonly message: string }>();
  for (const { reason } of ours) {
    if (reason === null) continue;
    const known = groups.get(reason.code);
    if (known === undefined) groups.set(reason.code, { runs: 1, message: reason.message });
    else known.runs++;
  }
  const [commonest] = [...groups]
    .filter(([code]) => !ORDINARY.has(code) || board.count('running') === 0)
    .toSorted(([, a], [, b]) => b.runs - a.runs);
  if (commonest === undefined) return null;
  const [code, { runs, message }] = commonest;
  const isReckoned = page.next_cursor !== null;
  const waiting = WAITING.reduce((sum, state) => sum + board.count(state), 0);
  return {
    code,
    message,
    runs: isReckoned ? Math.max(runs, Math.round((waiting * runs) / ours.length)) : runs,
    isReckoned,
  };
}

/** `3 wait: EndpointUnreachable` */
export function waitingWords({ code, runs, isReckoned }: Waiting): string {
  return `${isReckoned ? 'about ' : ''}${count(runs)} ${runs === 1 ? 'waits' : 'wait'}: ${plainLine(code)}`;
}

/** `3 wait: EndpointUnreachable — gpu: nothing listens there. …` */
export function waitingSentence(waiting: Waiting): string {
  return `${waitingWords(waiting)} — ${clip(plainLine(waiting.message), 400)}`;
}
