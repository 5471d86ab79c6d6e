/** Reads a file of `jobs/` as it stands, and says what is to become of it. Remembers nothing. */
import type { Fault } from '../core/errors.ts';
import { sha256Bytes } from '../core/identity.ts';
import { LIMITS } from '../core/limits.ts';
import type { JobFolder } from '../core/ports/job-folder.ts';
import type { PreparedJob } from '../core/submission.ts';
import type { Breath } from './breath.ts';
import { faultBefore, notReadable } from './dropped-file.ts';
import type { Due } from './due-files.ts';
import { judge, type Judges } from './job-intake.ts';
import { hasCode } from './system-error.ts';

export type ReadJobs =
  /** `jobs`: those that the queue has to hear of; none where it knows them all. */
  | { readonly is: 'right'; readonly jobs: readonly PreparedJob[] }
  /** Of what was not read there is no hash. */
  | { readonly is: 'wrong'; readonly faults: readonly Fault[]; readonly sha256: string | null }
  /** The rest of it may still come: as it is, it is worth no other look for so long. */
  | { readonly is: 'unfinished'; readonly rest_ms: number };

export class JobReader {
  readonly #folder: Pick<JobFolder, 'read'>;
  readonly #breath: Breath;

  constructor({ folder, breath }: { readonly folder: Pick<JobFolder, 'read'>; readonly breath: Breath }) {
    this.#folder = folder;
    this.#breath = breath;
  }

  /** Rejects with what the system says where it cannot be read, unless that is its permissions. */
  async read(due: Due, judges: Judges): Promise<ReadJobs> {
    const { file, name, version, unchanged_ms } = due;
    const before = faultBefore(name, version);
    if (before !== null) {
      // While it is being written it is another version at each look, and would be reported as often.
      const rest_ms = version.kind === 'file' ? LIMITS.folder_rest_ms - unchanged_ms : 0;
      if (rest_ms > 0) return { is: 'unfinished', rest_ms };
      return { is: 'wrong', faults: [before], sha256: null };
    }
    // Of a batch that is being written, the lines so far are whole; one job has an end.
    if (name.kind === 'batch' && unchanged_ms < LIMITS.folder_rest_ms) return UNFINISHED;
    const bytes = await this.#bytes(due);
    if (bytes === null) return UNFINISHED;
    if (!(bytes instanceof Uint8Array)) return { is: 'wrong', faults: [bytes], sha256: null };
    const judged = await judge(judges, file, name, bytes, () => this.#breath.take());
    if (judged.is === 'right') return judged;
    const patience_ms = judged.whole ? LIMITS.folder_rest_ms : LIMITS.folder_unfinished_ms;
    if (unchanged_ms < patience_ms) return { is: 'unfinished', rest_ms: patience_ms - unchanged_ms };
    return { is: 'wrong', faults: judged.faults, sha256: sha256Bytes(bytes) };
  }

  /** Null where it is another version by now. */
  async #bytes({ file, version }: Due): Promise<Uint8Array | Fault | null> {
    try {
      return await this.#folder.read(file, version);
    } catch (error) {
      for (const code of ['EACCES', 'EPERM']) if (hasCode(error, code)) return notReadable(code);
      throw error;
    }
  }
}

const UNFINISHED: ReadJobs = { is: 'unfinished', rest_ms: 0 };
