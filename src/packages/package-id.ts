/**
 * One instance id of a package: its state, its process, and the looks that bring it out of quarantine. What is nobody's
 * answer ends here.
 */
import type { AttemptObserver } from '../core/attempt.ts';
import type { Clock, Timer, Timers } from '../core/ports/clock.ts';
import { PackageFaultError, shownOutcome, traceOf, type PackageFault } from './faults.ts';
import { ASLEEP, stepId, type IdEvent, type IdState, type IdTask } from './id-state.ts';
import type { PackageProcess, PrintStream } from './package-process.ts';
import { PrintLines } from './print-lines.ts';
import type { CallLine, CallOutcome } from './protocol.ts';

/** What an attempt is told of the time before it: the last notes only. */
const NOTES_MAX = 20;
/** After a process that could not start; doubled each time. */
const REST_MIN_MS = 1_000;
const REST_MAX_MS = 60_000;

export interface PackageIdOptions {
  readonly number: number;
  readonly poll_ms: number;
  readonly quarantine_ms: number;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Gives the process of this id, started anew where it has none. */
  readonly start: () => PackageProcess;
  /** Whether the process may be replaced now: in a shared one others may be at work. */
  readonly mayReplace: () => boolean;
  /** Its state has changed. */
  readonly onChange: () => void;
  /** Called before the change that it causes. */
  readonly onTrouble: (fault: PackageFault) => void;
}

export class PackageId {
  readonly number: number;
  /** What is wrong with it; null where nothing is known to be. */
  trouble: PackageFault | null = null;
  /** A process that could not start is not tried again at once. */
  isResting = false;
  readonly #options: PackageIdOptions;
  #state: IdState = ASLEEP;
  #process: PackageProcess | null = null;
  #timer: Timer | null = null;
  #rest: Timer | null = null;
  #rest_ms = REST_MIN_MS;
  #notes: string[] = [];
  /** To the log of the attempt that has it. */
  #prints: PrintLines | null = null;
  #lost: PromiseWithResolvers<never> | null = null;
  /** Tells the attempt that has it that its process is not there for it any more. */
  #unseen: () => void = () => undefined;

  constructor(options: PackageIdOptions) {
    this.number = options.number;
    this.#options = options;
  }

  get state(): IdState['kind'] {
    return this.#state.kind;
  }

  /** Soon it is known whether it is free. */
  get isComing(): boolean {
    return this.#state.kind === 'starting' || (this.#state.kind === 'quarantined' && !this.#state.looked);
  }

  get process(): PackageProcess | null {
    return this.#process;
  }

  /** For the attempt that has it: rejects with a PackageFaultError when the process ends, or is told to. */
  get lost(): Promise<never> {
    return this.#lost?.promise ?? Promise.reject(new PackageFaultError({ kind: 'replaced' }));
  }

  wake(): void {
    this.#tell({ kind: 'wake' });
  }

  /** Gives it to an attempt, whose log is told what happened before. False where it is not free. */
  take(observer: AttemptObserver): boolean {
    if (this.#state.kind !== 'free') return false;
    this.#prints = new PrintLines(observer);
    this.#lost = Promise.withResolvers();
    this.#lost.promise.catch(() => undefined);
    for (const note of this.#notes.splice(0)) observer.log('info', note);
    const pid = this.#process?.pid ?? null;
    if (pid !== null) {
      observer.process?.(pid, 'runs');
      this.#unseen = () => observer.process?.(pid, 'is_gone');
    }
    this.#tell({ kind: 'take' });
    return true;
  }

  /** The attempt's end. */
  release(how: 'answered' | 'given_up'): void {
    this.#prints?.close();
    this.#prints = null;
    this.#lost = null;
    this.#unseen();
    this.#unseen = () => undefined;
    this.#tell(how === 'answered' ? { kind: how } : { kind: how, at: this.#options.clock.monotonic() });
  }

  /** Calls a function for the attempt that has it, or to look. Rejects with a PackageFaultError. */
  async call(line: Omit<CallLine, 'id' | 'instance'>): Promise<CallOutcome> {
    if (this.#process === null) throw new PackageFaultError({ kind: 'replaced' });
    return this.#process.call({ ...line, instance: this.number });
  }

  /** Its process ends, or was told to. */
  doomed(fault: PackageFault): void {
    const wasOfUse = this.#state.kind === 'free' || this.#state.kind === 'taken';
    if (!wasOfUse && fault.kind !== 'replaced' && fault.kind !== 'closed') this.#troubled(fault);
    this.#tell({ kind: 'replace' });
    this.#lost?.reject(new PackageFaultError(fault));
  }

  print(stream: PrintStream, text: string): void {
    this.#prints?.add(stream, text);
  }

  /** Kept for the next attempt that takes it. */
  note(text: string): void {
    this.#notes.push(`id ${this.number}: ${text}`);
    if (this.#notes.length > NOTES_MAX) this.#notes.shift();
  }

  close(): void {
    this.#timer?.cancel();
    this.#rest?.cancel();
  }

  #tell(event: IdEvent): void {
    const before = this.#state;
    const { state, task } = stepId(before, event, this.#options.quarantine_ms);
    this.#state = state;
    if (state.kind !== before.kind) this.#timer?.cancel();
    if (state.kind === 'free') this.#well();
    this.#do(task);
    this.#options.onChange();
  }

  #do(task: IdTask): void {
    if (task === 'start') this.#start();
    if (task === 'look') void this.#look();
    if (task === 'look_later')
      this.#timer = this.#options.timers.after(this.#options.poll_ms, () => void this.#look());
    if (task === 'fetch') void this.#fetch();
    if (task === 'replace') this.#replace();
  }

  #start(): void {
    const process = this.#options.start();
    this.#process = process;
    const { clock } = this.#options;
    process.ready.then(
      () => this.#tell({ kind: 'ready', at: clock.monotonic() }),
      () => undefined,
    );
    void process.ended.then(() => this.#gone());
  }

  #gone(): void {
    this.#process = null;
    this.#tell({ kind: 'gone' });
  }

  /** Nobody waits for what this finds. */
  async #look(): Promise<void> {
    const status = await this.#quietly('get_job_status', (outcome) => {
      if (outcome.kind === 'code' && [-1, 0, 1].includes(outcome.code)) return outcome.code;
      this.#troubled(
        outcome.kind === 'raised'
          ? { ...outcome, call: 'get_job_status' }
          : { kind: 'nonsense', call: 'get_job_status', expected: '-1, 0 or 1', got: shownOutcome(outcome) },
      );
      return null;
    });
    if (status === -1) this.trouble = null;
    if (status !== undefined) this.#tell({ kind: 'looked', status, at: this.#options.clock.monotonic() });
  }

  async #fetch(): Promise<void> {
    // No byte of a file is read: it is put aside unseen.
    const got = await this.#quietly('retrieve_job', (outcome) => {
      if (outcome.kind === 'raised') this.#troubled({ ...outcome, call: 'retrieve_job' });
      const got = outcome.kind === 'text' || outcome.kind === 'file' || outcome.kind === 'too_large';
      if (got) this.note('put aside a finished answer that nobody waits for any more');
      // What is no answer leaves it open whether there still is one.
      return got;
    });
    if (got !== undefined) this.#tell({ kind: 'fetched', got, at: this.#options.clock.monotonic() });
  }

  /** Undefined where the process ends meanwhile: its end tells the rest. */
  async #quietly<T>(
    call: 'get_job_status' | 'retrieve_job',
    read: (outcome: CallOutcome) => T,
  ): Promise<T | undefined> {
    try {
      return read(await this.call(call === 'retrieve_job' ? { call, bytes_max: 0 } : { call }));
    } catch (error) {
      if (error instanceof PackageFaultError) return undefined;
      throw error;
    }
  }

  #replace(): void {
    if (this.#options.mayReplace()) {
      this.note(
        `was not free ${this.#options.quarantine_ms} ms after its attempt had ended; its process is replaced`,
      );
      this.#process?.kill({ kind: 'replaced' });
    } else this.#do('look_later');
  }

  #troubled(fault: PackageFault): void {
    this.trouble = fault;
    this.#options.onTrouble(fault);
    const trace = traceOf(fault);
    this.note(`${new PackageFaultError(fault).message}${trace === '' ? '' : `\n${trace}`}`);
    if (this.isResting) return;
    this.isResting = true;
    this.#rest = this.#options.timers.after(this.#rest_ms, () => {
      this.isResting = false;
      this.#options.onChange();
    });
    this.#rest_ms = Math.min(this.#rest_ms * 2, REST_MAX_MS);
  }

  #well(): void {
    this.trouble = null;
    this.isResting = false;
    this.#rest?.cancel();
    this.#rest_ms = REST_MIN_MS;
  }
}
