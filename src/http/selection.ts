/** A selection of runs as it comes in a query or a body, made a filter of the read store. */
import { RUN_STATES, type RunState } from '../core/states.ts';
import type { RunFilter } from '../core/ports/read-store.ts';
import { refuse } from './problems.ts';

/** Fields of a selection as text. */
export interface SelectionIn {
  readonly batch?: string | undefined;
  readonly reason?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly model?: string | undefined;
  readonly tag?: string | undefined;
  readonly key?: string | undefined;
  readonly since?: string | undefined;
  readonly prefix?: string | undefined;
}

/** Throws InvalidRequest where a time is none. `part` names where the selection stood: `query` or `body`. */
export function filterOf(
  given: SelectionIn,
  states: readonly RunState[] | undefined,
  latest: boolean,
  part: string,
): RunFilter {
  const { batch, reason, endpoint, model, tag, key, since, prefix } = given;
  const texts = { batch, reason, endpoint, model, tag, key, prefix };
  const present = Object.entries(texts).filter(([, value]) => value !== undefined);
  return {
    ...(Object.fromEntries(present) as Partial<Record<keyof typeof texts, string>>),
    ...(states === undefined || states.length === 0 ? {} : { state: states }),
    ...(since === undefined ? {} : { since: timeOf(since, `${part}.since`) }),
    latest,
  };
}

/** The words of a comma list, each one of `allowed`. */
export function wordsOf<W extends string>(
  list: string | undefined,
  allowed: readonly W[],
  path: string,
): W[] {
  return (list ?? '')
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '')
    .map((word) => {
      const known = allowed.find((one) => one === word);
      if (known === undefined) throw refuse(path, `one or more of ${allowed.join(', ')}`, word);
      return known;
    });
}

export function statesOf(list: string | undefined): RunState[] {
  return wordsOf(list, RUN_STATES, 'query.state');
}

function timeOf(text: string, path: string): number {
  const at = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at)) throw refuse(path, 'a time in RFC 3339, e.g. 2026-12-01T08:00:00Z', text);
  return at;
}
