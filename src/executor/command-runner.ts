/**
 * The command of a job: what its script prints, an HTTP request to the job's endpoint or a program, or the program of a job
 * of type `command`. A command takes the place of the platform's provider and is asked once per attempt.
 */
import type { AttemptObserver, AttemptOrder } from '../core/attempt.ts';
import { SERVERLESS } from '../core/endpoints.ts';
import type { HttpCommands } from '../core/ports/http-command.ts';
import type { ProviderAnswer, ProviderCall } from '../core/ports/provider.ts';
import type { CommandExec } from './command-exec.ts';
import { noCommand, noServer } from './command-failures.ts';
import { commandInput, stdinOf } from './command-input.ts';
import { readCommand } from './command-output.ts';
import type { Scripts } from './scripts.ts';
import type { CommandRunner } from './steps.ts';

export interface CommandsOptions {
  readonly scripts: Pick<Scripts, 'run'>;
  readonly exec: Pick<CommandExec, 'run'>;
  readonly http: HttpCommands;
}

export class Commands implements CommandRunner {
  readonly #options: CommandsOptions;

  constructor(options: CommandsOptions) {
    this.#options = options;
  }

  async run(
    order: AttemptOrder,
    call: ProviderCall,
    observer: AttemptObserver,
    signal: AbortSignal,
  ): Promise<ProviderAnswer> {
    const { scripts, exec, http } = this.#options;
    const { command: script, argv } = order;
    const limits = {
      time_limit_ms: order.attempt_timeout_ms,
      stall_timeout_ms: order.stall_timeout_ms,
      result_bytes_max: call.result_bytes_max,
    };
    if (script === null) {
      if (argv === null) throw new Error('an order without a command was given to the command runner');
      return exec.run({ argv, stdin: stdinOf(call.messages), env: {} }, limits, observer, signal);
    }
    const printed = await scripts.run(script, commandInput(order, call, script), { observer, signal });
    signal.throwIfAborted();
    const command = readCommand(printed);
    if (command.kind === 'none') throw noCommand(script.script, command.faults);
    if (command.kind === 'exec') return exec.run(command.exec, limits, observer, signal);
    const { name, kind } = call.endpoint;
    if (SERVERLESS.has(kind)) throw noServer(script.script, name, kind);
    // Without its query, where somebody may have put something that is nobody's business.
    observer.log(
      'info',
      `${command.http.method} ${command.http.path.split('?', 1)[0] ?? ''}, as ${script.script} says`,
    );
    return http.send(command.http, call, observer, signal);
  }
}
