/** What happens to a simulation, as data: the same seed and the same list give the same run, so a list can be cut short. */

export interface JobWish {
  readonly name: string;
  /** What is asked: the same text, and the same draw of it, is the same work. */
  readonly text: string;
  readonly draw: number;
  /** A word that makes it a fresh draw, the next run of its name. */
  readonly fresh?: string;
  /** Whether a script makes its prompt, at the attempt, where the workspace is. */
  readonly script: boolean;
  readonly endpoint: string;
  readonly model: string;
  readonly batch: string | null;
  readonly priority: number;
  /** Null: at once. */
  readonly run_in_ms: number | null;
  readonly max_attempts: number;
  readonly attempt_timeout_ms: number;
  readonly if_exists: 'same' | 'new_run';
  readonly source: 'http' | 'folder';
}

/** A file that somebody puts into `jobs/`. */
export interface Drop {
  /** Its name there. */
  readonly file: string;
  /** All of it, once it is written. */
  readonly text: string;
  /** Whether it is a file of jobs without faults. */
  readonly right: boolean;
  /** `move`: there at once, over whatever stood there. `write`: in place, one part after the other. */
  readonly how: 'move' | 'write';
  readonly parts: number;
  /** From one part to the next: less than the time that a file must rest. */
  readonly part_ms: number;
}

/** A run that another workspace tells of, in a file as promptd writes it. */
export interface ForeignRun {
  readonly kind: 'result' | 'ended';
  readonly name: string;
  /** Null where `promptd execute` made it. */
  readonly run: number | null;
  /** Of the file's name. */
  readonly epoch: number;
  /** What was asked there. */
  readonly text: string;
  readonly script: boolean;
  readonly endpoint: string;
  readonly model: string;
  /** The word of a fresh draw; null where it was none. */
  readonly fresh: string | null;
  /** What became of it there, where that was no answer. */
  readonly state: 'failed' | 'cancelled';
  readonly attempts: number;
  /** `half`: of its bytes. `changed`: another text than its hash is of. `renamed`: it says that it is of another name. */
  readonly damage: 'none' | 'half' | 'changed' | 'renamed';
}

/** Parts that stay broken until they are mended. */
export const PARTS = ['server', 'near', 'far', 'store', 'server disk', 'instance disks'] as const;
export type Part = (typeof PARTS)[number];

export type Action =
  | { readonly do: 'advance'; readonly ms: number }
  /** Handed in `times` times at once. */
  | {
      readonly do: 'submit';
      readonly jobs: readonly JobWish[];
      readonly on_invalid: 'refuse_all' | 'skip';
      readonly times: number;
    }
  /** What nobody confirmed is handed in again. */
  | { readonly do: 'insist' }
  /** The latest runs of these names. */
  | { readonly do: 'cancel'; readonly names: readonly string[] }
  | { readonly do: 'retry'; readonly names: readonly string[]; readonly max_attempts: number | null }
  /** A fresh draw under this word, asked for `times` times at once. */
  | {
      readonly do: 'rerun';
      readonly names: readonly string[];
      readonly word: string;
      readonly times: number;
    }
  | {
      readonly do: 'endpoint';
      readonly name: string;
      readonly paused: boolean;
      readonly max_concurrent: number | null;
    }
  | { readonly do: 'drop'; readonly drop: Drop }
  | { readonly do: 'remove'; readonly file: string }
  /** Somebody puts an answer into `results/`: the bare pair of a job and its text, or half of it. */
  | { readonly do: 'answer'; readonly name: string; readonly epoch: number; readonly right: boolean }
  /** Somebody copies a file of another workspace into `results/` or `ended/`. */
  | { readonly do: 'copy'; readonly of: ForeignRun }
  /** Somebody copies a result that stands there under another epoch; `which` in [0, 1) says which. */
  | { readonly do: 'copy_own'; readonly which: number; readonly epoch: number }
  /** Somebody copies the database as it stands. */
  | { readonly do: 'back_up' }
  /** Somebody ends the server, puts that copy in the place of the database, and starts it again. */
  | { readonly do: 'put_back' }
  /** Somebody ends the server, deletes `.promptd/`, and starts it again. */
  | { readonly do: 'lose_state' }
  /** `a` and `b`, both in [0, 1), say whom it hits and how hard. */
  | { readonly do: 'fault'; readonly kind: string; readonly a: number; readonly b: number }
  | { readonly do: 'mend'; readonly part: Part };

/** One line for people. */
export function sayAction(action: Action): string {
  switch (action.do) {
    case 'advance':
      return `advance ${action.ms} ms`;
    case 'submit': {
      const jobs = action.jobs.map(({ name, text, if_exists }) => `${name} "${text}" ${if_exists}`);
      return `submit ${jobs.join(', ')}${action.times > 1 ? `, ${action.times} times` : ''}`;
    }
    case 'cancel':
    case 'retry':
      return `${action.do} ${action.names.join(', ')}`;
    case 'rerun':
      return `rerun ${action.names.join(', ')} as "${action.word}"`;
    case 'endpoint':
      return `${action.paused ? 'pause' : 'set'} ${action.name}, max_concurrent ${action.max_concurrent ?? 'as configured'}`;
    case 'drop': {
      const { file, how, parts, right, text } = action.drop;
      const written = how === 'move' ? 'move there' : `write in ${parts} parts`;
      return `${written} jobs/${file}${right ? '' : ' (wrong)'}: ${text.trim()}`;
    }
    case 'answer':
      return `put results/${action.epoch}_${action.name}.json${action.right ? '' : ' (half of it)'}`;
    case 'copy': {
      const { kind, name, run, epoch, text, damage } = action.of;
      const folder = kind === 'result' ? 'results' : 'ended';
      return `copy ${folder}/${epoch}_${name}.json of run ${run ?? 'none'}, "${text}"${damage === 'none' ? '' : ` (${damage})`}`;
    }
    case 'copy_own':
      return `copy a file of results/ (${action.which.toFixed(2)}) to the epoch ${action.epoch}`;
    case 'remove':
      return `remove jobs/${action.file}`;
    case 'fault':
      return `FAULT ${action.kind} (${action.a.toFixed(2)}, ${action.b.toFixed(2)})`;
    case 'mend':
      return `mend ${action.part}`;
    case 'insist':
      return 'insist on what nobody confirmed';
    case 'back_up':
      return 'back the database up';
    case 'put_back':
      return 'put the backup back';
    case 'lose_state':
      return 'delete .promptd/';
  }
}
