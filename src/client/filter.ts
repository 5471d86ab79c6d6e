/** A selection of runs, as it travels: in a query, or in the body of a bulk change. */
import type { RunState } from '../core/states.ts';

/** Every field narrows the selection; none is everything. */
export interface JobFilter {
  readonly state?: readonly RunState[];
  readonly batch?: string;
  readonly reason?: string;
  readonly endpoint?: string;
  readonly model?: string;
  readonly tag?: string;
  readonly key?: string;
  /** Submitted at or after this: RFC 3339. */
  readonly since?: string;
  /** Names that begin with this. */
  readonly prefix?: string;
  /** Only the latest run of each name. */
  readonly latest?: boolean;
}

export type QueryValue = string | number | boolean | readonly string[] | undefined;

/** `?a=1&b=2`, or '' where nothing is given. Lists are joined by commas. */
export function queryOf(values: Readonly<Record<string, QueryValue>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) continue;
    const text = typeof value === 'object' ? value.join(',') : String(value);
    if (text !== '') query.set(name, text);
  }
  const text = query.toString();
  return text === '' ? '' : `?${text}`;
}
