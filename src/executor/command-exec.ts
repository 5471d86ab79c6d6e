/** Programs that a job names itself. They can do what the instance's user can, so they are off unless the instance allows them. */
import path from 'node:path';
import type { AttemptObserver } from '../core/attempt.ts';
import type { Timer, Timers } from '../core/ports/clock.ts';
import { LinkError, type LinkReader } from '../core/ports/link-reader.ts';
import { ProviderError, type ProviderAnswer } from '../core/ports/provider.ts';
import { noProgram, noText, strangeProgram } from './command-failures.ts';
import type { ExecCommand } from './command-output.ts';
import { commandsOff } from './failures.ts';
import type { Programs } from './programs.ts';
import { LONGEST_MS } from './watch.ts';

export interface CommandExecOptions {
  readonly programs: Pick<Programs, 'run'>;
  readonly links: Pick<LinkReader, 'script'>;
  readonly timers: Timers;
  readonly allow_exec: boolean;
}

/** How often a running program counts as alive, within the limit for silence. */
const SIGNS_OF_LIFE = 3;

export interface ExecLimits {
  readonly time_limit_ms: number;
  readonly stall_timeout_ms: number;
  readonly result_bytes_max: number;
}

export class CommandExec {
  readonly #options: CommandExecOptions;

  constructor(options: CommandExecOptions) {
    this.#options = options;
  }

  async run(
    command: Omit<ExecCommand, 'argv'> & { readonly argv: readonly string[] },
    limits: ExecLimits,
    observer: AttemptObserver,
    signal: AbortSignal,
  ): Promise<ProviderAnswer> {
    const { programs, allow_exec } = this.#options;
    if (!allow_exec) throw new ProviderError(commandsOff());
    const [named = '', ...args] = command.argv;
    const program = await this.#programOf(named);
    signal.throwIfAborted();
    observer.log('info', `runs ${named}`);
    const alive = new Alive(this.#options.timers, observer, limits.stall_timeout_ms / SIGNS_OF_LIFE);
    try {
      const { stdout } = await programs.run(
        {
          name: named,
          argv: [program, ...args],
          env: command.env,
          cwd: null,
          stdin: Buffer.from(command.stdin),
          time_limit_ms: limits.time_limit_ms,
          output_bytes_max: limits.result_bytes_max,
        },
        { observer, signal },
      );
      const text = textOf(named, stdout);
      observer.text(text);
      return answerOf(text);
    } finally {
      alive.stop();
    }
  }

  /** A file of the workspace by its own path; an absolute path, and a name for the PATH, as they are. */
  async #programOf(named: string): Promise<string> {
    if (path.isAbsolute(named) || (named !== '' && !named.includes('/'))) return named;
    if (!/^(?:commands|prompts)\//.test(named)) throw strangeProgram(named);
    try {
      return (await this.#options.links.script(named)).file;
    } catch (error) {
      if (error instanceof LinkError) throw noProgram(named, error);
      throw error;
    }
  }
}

function textOf(program: string, stdout: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(stdout);
  } catch (error) {
    throw noText(program, error);
  }
}

/**
 * A program is not a model that tells its answer token by token: while it runs it is alive, and only the attempt's own limit
 * of time counts.
 */
class Alive {
  readonly #timers: Timers;
  readonly #observer: AttemptObserver;
  readonly #every_ms: number;
  #timer: Timer | null = null;

  constructor(timers: Timers, observer: AttemptObserver, every_ms: number) {
    this.#timers = timers;
    this.#observer = observer;
    this.#every_ms = Math.min(every_ms, LONGEST_MS);
    this.#tell();
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #tell(): void {
    this.#observer.phase('streaming');
    this.#timer = this.#timers.after(this.#every_ms, () => this.#tell());
  }
}

function answerOf(text: string): ProviderAnswer {
  return {
    text,
    reasoning: null,
    model_answered: null,
    finish_reason: 'stop',
    usage: null,
    parameters_sent: {},
    warnings: [],
  };
}
