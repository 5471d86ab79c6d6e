/** What the queue knows of files by their names alone. */
import { droppedName } from './dropped-file.ts';

/** The queue, as whoever lists files sees it. */
export interface KnownNames {
  /** Those of the names that have runs; one look for many. */
  named(names: readonly string[]): ReadonlySet<string>;
  hasBatch(batch: string): boolean;
}

/** Those of the files that are called like no job and no batch that the queue knows. */
export function unknownAmong(known: KnownNames, files: readonly string[]): ReadonlySet<string> {
  const named = known.named(files.map((file) => droppedName(file)?.base ?? ''));
  return new Set(
    files.filter((file) => {
      const name = droppedName(file);
      if (name === null) return false;
      return name.kind === 'job' ? !named.has(name.base) : !known.hasBatch(name.base);
    }),
  );
}
