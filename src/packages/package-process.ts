/** One process that has loaded an AI package: calls its functions one after the other, and ends it when one hangs. */
import { fileURLToPath } from 'node:url';
import { extname } from 'node:path';
import { LIMITS } from '../core/limits.ts';
import type { Child, Children } from '../core/ports/children.ts';
import type { Timer, Timers } from '../core/ports/clock.ts';
import { PackageFaultError, type PackageFault } from './faults.ts';
import { LineCutter, readLine, type CallLine, type CallOutcome, type PackageLine } from './protocol.ts';

/** A package that was loaded gets to tidy up before it is killed. */
const KILL_GRACE_MS = 1_000;
/** What is kept of stderr for the message about a process that died. */
const SAID_CHARS = 1_000;
/** The longest answer as JSON, and room for a line around it. */
const LINE_BYTES_MAX = 2 * LIMITS.result_bytes_max + 1024 * 1024;
/**
 * Moves the process's stdout to descriptor 3, which is the line to the pool, and sends whatever is written to stdout without
 * asking (by a library, by a program that the package starts) to stderr. Node has no dup(2).
 */
const APART = 'exec "$0" "$@" 3>&1 1>&2';

export interface PackageTimes {
  readonly call_timeout_ms: number;
  readonly start_timeout_ms: number;
}

export interface PackageProcessOptions extends PackageTimes {
  readonly module: string;
  readonly children: Children;
  readonly env: Readonly<Record<string, string>>;
  readonly timers: Timers;
  /** What the package prints; `instance` null where that is not known. */
  readonly onPrint: (stream: PrintStream, text: string, instance: number | null) => void;
  /** It can be called no more; said before anybody who waits for it is rejected, and before it is gone. */
  readonly onFault: (fault: PackageFault) => void;
}

export type PrintStream = 'stdout' | 'stderr';

interface Pending {
  readonly line: CallLine;
  readonly resolve: (outcome: CallOutcome) => void;
  readonly reject: (error: PackageFaultError) => void;
}

export class PackageProcess {
  /** Resolves when the package is loaded; rejects with a PackageFaultError where it cannot be. */
  readonly ready: Promise<void>;
  /** Resolves when the process is gone. */
  readonly ended: Promise<void>;
  readonly #options: PackageProcessOptions;
  readonly #child: Child;
  readonly #cutter = new LineCutter(LINE_BYTES_MAX);
  readonly #stderr = new TextDecoder();
  readonly #started = Promise.withResolvers<void>();
  readonly #waiting: Pending[] = [];
  #current: Pending | null = null;
  #isReady = false;
  #timer: Timer | null = null;
  #fault: PackageFault | null = null;
  #said = '';
  #lastId = 0;
  #pid: number | null = null;

  constructor(options: PackageProcessOptions) {
    this.#options = options;
    this.ready = this.#started.promise;
    this.ready.catch(() => undefined);
    this.#child = options.children.spawn(
      {
        argv: ['/bin/sh', '-c', APART, ...commandOf(options.module)],
        env: options.env,
        cwd: null,
        output_bytes_max: Number.MAX_SAFE_INTEGER,
      },
      {
        started: (pid) => {
          this.#pid = pid;
        },
        stdout: (piece) => this.#heard(piece),
        stderr: (piece) => this.#heardStderr(piece),
      },
    );
    const { start_timeout_ms } = options;
    this.#timer = options.timers.after(start_timeout_ms, () =>
      this.kill({ kind: 'slow_start', limit_ms: start_timeout_ms }),
    );
    this.ended = this.#child.ended.then((end) => this.#fail({ kind: 'died', end, said: this.#said.trim() }));
  }

  /** Null until it runs. */
  get pid(): number | null {
    return this.#pid;
  }

  /**
   * Calls one of the three functions when those before have returned. Rejects with a PackageFaultError when the process ends
   * first; what the function does is in the outcome.
   */
  async call(line: Omit<CallLine, 'id'>): Promise<CallOutcome> {
    if (this.#fault !== null) throw new PackageFaultError(this.#fault);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ line: { ...line, id: (this.#lastId += 1) }, resolve, reject });
      this.#next();
    });
  }

  /** Ends it; whatever was asked of it is rejected with this fault at once. Idempotent, the first fault counts. */
  kill(fault: PackageFault): void {
    this.#fail(fault);
    this.#child.kill(KILL_GRACE_MS);
  }

  #next(): void {
    if (this.#current !== null || !this.#isReady) return;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.#current = next;
    const { call, instance } = next.line;
    const limit_ms = this.#options.call_timeout_ms;
    this.#timer = this.#options.timers.after(limit_ms, () =>
      this.kill({ kind: 'hung', call, instance, limit_ms }),
    );
    this.#child.write(Buffer.from(`${JSON.stringify(next.line)}\n`));
  }

  #heard(piece: Uint8Array): void {
    const lines = this.#cutter.lines(piece);
    if (lines === null) return this.kill({ kind: 'broken_line', got: `more than ${LINE_BYTES_MAX} bytes` });
    for (const text of lines) {
      if (this.#fault !== null) return undefined;
      const line = readLine(text);
      if (line === null) return this.kill({ kind: 'broken_line', got: text.slice(0, 200) });
      this.#obey(line);
    }
    return undefined;
  }

  #obey(line: PackageLine): void {
    if ('print' in line) return this.#printed(line.print, line.text, line.instance);
    if ('failed' in line) return this.kill({ kind: 'not_loaded', ...line.failed });
    this.#timer?.cancel();
    if ('ready' in line) {
      this.#isReady = true;
      this.#started.resolve();
    } else {
      const current = this.#current;
      if (current === null || current.line.id !== line.reply)
        return this.kill({ kind: 'broken_line', got: `an answer to call ${line.reply}` });
      this.#current = null;
      current.resolve(line.outcome);
    }
    return this.#next();
  }

  #heardStderr(piece: Uint8Array): void {
    this.#printed('stderr', this.#stderr.decode(piece, { stream: true }), null);
  }

  #printed(stream: PrintStream, text: string, instance: number | null): void {
    if (stream === 'stderr') this.#said = (this.#said + text).slice(-SAID_CHARS);
    this.#options.onPrint(stream, text, instance);
  }

  #fail(fault: PackageFault): void {
    if (this.#fault !== null) return;
    this.#fault = fault;
    this.#timer?.cancel();
    this.#options.onFault(fault);
    const error = new PackageFaultError(fault);
    this.#started.reject(error);
    const shared: PackageFault = fault.kind === 'hung' ? { kind: 'replaced' } : fault;
    this.#current?.reject(error);
    for (const { reject } of this.#waiting.splice(0)) reject(new PackageFaultError(shared));
  }
}

/** The bridge for Python, the host for everything that Node runs. */
function commandOf(module: string): readonly [string, ...string[]] {
  if (extname(module) === '.py')
    return ['python3', fileURLToPath(new URL('./bridge.py', import.meta.url)), module];
  const host = new URL(`./host${extname(import.meta.url)}`, import.meta.url);
  return [process.execPath, fileURLToPath(host), module];
}
