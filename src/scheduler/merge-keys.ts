/** Joins what several decisions miss into one load. */
import type { LoadKeys } from '../core/ports/store.ts';

export function mergeKeys(all: readonly LoadKeys[]): LoadKeys {
  const due = all.find((keys) => keys.due !== undefined)?.due;
  return {
    names: distinct(all.flatMap((keys) => keys.names ?? [])),
    runs: all.flatMap((keys) => keys.runs ?? []),
    ids: distinct(all.flatMap((keys) => keys.ids ?? [])),
    asked: distinctBy(
      all.flatMap((keys) => keys.asked ?? []),
      (one) => `${one.name} ${one.digest}`,
    ),
    digests: distinct(all.flatMap((keys) => keys.digests ?? [])),
    followers: all.flatMap((keys) => keys.followers ?? []),
    claims: all.flatMap((keys) => keys.claims ?? []),
    attempts: distinct(all.flatMap((keys) => keys.attempts ?? [])),
    results: distinct(all.flatMap((keys) => keys.results ?? [])),
    ranks: distinctBy(
      all.flatMap((keys) => keys.ranks ?? []),
      (one) => `${one.lane}\n${one.batch}`,
    ),
    epochs: distinct(all.flatMap((keys) => keys.epochs ?? [])),
    options: distinct(all.flatMap((keys) => keys.options ?? [])),
    ...(due === undefined ? {} : { due }),
  };
}

function distinct<T>(items: readonly T[]): T[] {
  return [...new Set(items)];
}

function distinctBy<T>(items: readonly T[], key: (item: T) => string): T[] {
  return [...new Map(items.map((item) => [key(item), item])).values()];
}
