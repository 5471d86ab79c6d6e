/** Files that are to be read, in groups of what is read and handed to the queue at a time. */
import type { FileVersion } from '../core/ports/job-folder.ts';
import type { DroppedName } from './dropped-file.ts';

/** A file that is to be read, and has been as it is for so long. */
export interface Due {
  readonly file: string;
  readonly name: DroppedName;
  readonly version: FileVersion;
  readonly unchanged_ms: number;
  /** When it was first seen so. */
  readonly seen_m: number;
}

const BYTES_AT_ONCE = 64 * 1024 * 1024;
/** What a job is made into takes some KiB, however short its line is. */
const BYTES_OF_A_BATCH = 16;

/** As many at once as fit into memory, as jobs of the queue too; a large one is alone. */
export function* groupsOf(due: readonly Due[]): Generator<Due[]> {
  let group: Due[] = [];
  let bytes = 0;
  for (const one of due) {
    const weight = one.version.bytes * (one.name.kind === 'batch' ? BYTES_OF_A_BATCH : 1);
    if (group.length > 0 && bytes + weight > BYTES_AT_ONCE) {
      yield group;
      group = [];
      bytes = 0;
    }
    group.push(one);
    bytes += weight;
  }
  if (group.length > 0) yield group;
}
