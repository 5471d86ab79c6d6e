/** Those who put files into `jobs/`: what they wrote, and what they may expect of it. */
import { sha256 } from '../../src/core/identity.ts';
import { canonicalJson, isJsonObject, type Json, type JsonObject } from '../../src/core/json.ts';
import type { Timer } from '../../src/core/ports/clock.ts';
import { jobOf } from '../scheduler/prepared-job.ts';
import type { Action, Drop } from './actions.ts';
import { LAYOUT, type ServerProcess } from './server-process.ts';
import type { World } from './world.ts';

/** A job in a file. */
export interface WrittenJob {
  /** Null: called after what it asks, which is for its batch to know. */
  readonly name: string | null;
  readonly batch: string | null;
  readonly spec_sha256: string;
  /** As far as it asks a text of a model. */
  readonly digest: string | null;
}

interface Writing {
  readonly timer: Timer;
  /** How often somebody had set the wall clock when it began. */
  readonly jumps: number;
}

export class FolderUsers {
  /** What somebody put there last, by file. */
  readonly standing = new Map<string, Drop>();
  /** Paths of published files that somebody took away, or moved another over. */
  readonly removed = new Set<string>();
  /** Told of every path that somebody changed. */
  onChange: (path: string) => void = () => undefined;
  /** Every file that was ever dropped. */
  readonly ever = new Set<string>();
  readonly #world: World;
  readonly #server: ServerProcess;
  readonly #writing = new Map<string, Writing>();

  constructor(world: World, server: ServerProcess) {
    this.#world = world;
    this.#server = server;
  }

  /** Files that are not whole yet. */
  get writing(): number {
    return this.#writing.size;
  }

  act(action: Extract<Action, { do: 'drop' | 'remove' }>): void {
    if (action.do === 'remove') return this.#remove(action.file);
    const { drop } = action;
    this.#stopWriting(drop.file);
    this.#world.hit(`a file was dropped: ${drop.right ? 'right' : 'wrong'}`);
    this.#note(drop.file);
    this.standing.set(drop.file, drop);
    this.ever.add(drop.file);
    if (drop.how === 'write') return this.#write(drop, 1, this.#world.jumps);
    this.#server.folder.put(drop.file, Buffer.from(drop.text));
    return this.#whole(drop, false);
  }

  #note(file: string): void {
    const path = pathOf(file);
    const { foreign, folder } = this.#server;
    if (foreign.has(path) || folder.peek(file) === null) return;
    this.#world.hit('a published file was replaced');
    this.removed.add(path);
  }

  #write(drop: Drop, part: number, jumps: number): void {
    const { file, text, parts, part_ms } = drop;
    const cut = Math.ceil((text.length * part) / parts);
    // Now and then just behind a line, so that what is there looks whole.
    const end = part % 2 === 1 && file.endsWith('.jsonl') ? text.indexOf('\n', cut - 1) + 1 : cut;
    const bytes = Buffer.from(text.slice(0, end));
    this.#server.folder.write(file, bytes);
    if (part === parts) {
      this.#writing.delete(file);
      return this.#whole(drop, this.#world.jumps !== jumps);
    }
    this.#changed(file, bytes);
    const timer = this.#world.clock.after(part_ms, () => this.#write(drop, part + 1, jumps));
    this.#writing.set(file, { timer, jumps });
    return undefined;
  }

  /**
   * `doubtful`: somebody set the wall clock meanwhile, so that the parts before may have looked as if they had rested, and
   * their lines may have been taken.
   */
  #whole(drop: Drop, doubtful: boolean): void {
    this.#changed(drop.file, Buffer.from(drop.text));
    if (!drop.right && !doubtful) return;
    for (const { spec_sha256 } of jobsIn(drop)) this.#world.asked.add(spec_sha256);
  }

  #remove(file: string): void {
    this.#stopWriting(file);
    if (this.#server.folder.peek(file) === null) return;
    this.#world.hit('a file was removed');
    this.removed.add(pathOf(file));
    this.#server.folder.remove(file);
    this.#server.foreign.delete(pathOf(file));
    this.standing.delete(file);
    this.onChange(pathOf(file));
  }

  #changed(file: string, bytes: Uint8Array): void {
    this.#server.foreign.set(pathOf(file), bytes);
    this.onChange(pathOf(file));
  }

  #stopWriting(file: string): void {
    this.#writing.get(file)?.timer.cancel();
    this.#writing.delete(file);
  }
}

function pathOf(file: string): string {
  return `${LAYOUT.jobs}/${file}`;
}

/** The jobs in a file, as far as its lines are any. */
export function jobsIn({ file, text }: Pick<Drop, 'file' | 'text'>): WrittenJob[] {
  const isBatch = file.endsWith('.jsonl');
  const base = file.slice(0, file.lastIndexOf('.'));
  const texts = isBatch ? text.split('\n').filter((line) => line !== '') : [text];
  return texts.flatMap((one) => {
    const value = parsed(one);
    if (value === null) return [];
    const { prompt = null, configuration = null, name, key } = value;
    const spec_sha256 = sha256(canonicalJson({ type: 'llm', prompt, configuration }));
    const batch = isBatch ? base : null;
    const called = isBatch ? (typeof key === 'string' ? `${base}.${key}` : null) : base;
    const digest = digestOfWritten(prompt, configuration);
    return [{ name: typeof name === 'string' ? name : called, batch, spec_sha256, digest }];
  });
}

function digestOfWritten(prompt: Json, configuration: Json): string | null {
  const asked = isJsonObject(configuration) ? configuration['LLM_name'] : null;
  if (typeof asked !== 'string' || typeof prompt !== 'string') return null;
  const [endpoint = '', model = ''] = asked.split(':');
  return jobOf('any', { text: prompt, endpoint, model }).digest;
}

function parsed(text: string): JsonObject | null {
  try {
    const value = JSON.parse(text) as Json;
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}
