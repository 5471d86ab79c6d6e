/** What runs attempts, with everything that it needs of this machine: for an instance, and for `promptd execute`. */
import type { EndpointConfig, Isolation } from '../core/endpoints.ts';
import { LIMITS } from '../core/limits.ts';
import type { Children } from '../core/ports/children.ts';
import type { AttemptRunner } from '../core/ports/runner.ts';
import { CommandExec } from '../executor/command-exec.ts';
import { Commands } from '../executor/command-runner.ts';
import { IsolatedRunner } from '../executor/isolated-runner.ts';
import { ScriptedPrompts } from '../executor/prompt-builder.ts';
import { createRunner } from '../executor/runner.ts';
import { AiPackageProvider } from '../packages/ai-package-provider.ts';
import { systemClock } from '../platform/clock.ts';
import { systemTimers } from '../platform/timers.ts';
import { Connections, type ConnectionsOptions } from '../providers/exchange.ts';
import { HttpCommandSender } from '../providers/http-command.ts';
import { createProviders } from '../providers/providers.ts';
import { WorkspaceLinkReader } from '../workspace/link-reader.ts';
import { AnswerCheckThread } from './answer-checker.ts';
import { attemptChildSpec } from './attempt-child-spec.ts';
import type { Environment } from './environment.ts';
import type { Rehearsal } from './rehearsal.ts';
import { secretsOf } from './secrets.ts';
import { userPrograms, type UserPrograms } from './user-programs.ts';

export interface AttemptRunnerOptions {
  readonly endpoints: ReadonlyMap<string, EndpointConfig>;
  readonly env: Environment;
  /** The workspace's folder, for scripts; null where there is none. */
  readonly root: string | null;
  /** Whether commands of jobs may run here. */
  readonly allow_exec: boolean;
  /** Names of environment variables that programs of the user get. */
  readonly pass_env: readonly string[];
  /** Of its children: see {@link UserProgramsOptions}. */
  readonly owner?: string;
  /** Where attempts run; without it all of them here, whatever an endpoint says. */
  readonly isolation?: Isolation;
  /** See {@link UserProgramsOptions}. */
  readonly children?: Children;
  /** Writes down what would be asked, instead of asking. */
  readonly rehearsal?: Rehearsal;
}

export interface OwnedRunner {
  readonly runner: AttemptRunner;
  /** The instance is ending: programs that are killed from now on are interrupted, and have not failed. */
  drain(): void;
  /** Ends what it started: children, threads. */
  close(): Promise<void>;
}

export function ownRunner(options: AttemptRunnerOptions): OwnedRunner {
  const { endpoints, env, root, rehearsal } = options;
  const { children, programs, scripts, env: childEnv } = userPrograms(options);
  const machine = machineOf(rehearsal);
  const packages = new AiPackageProvider({
    ...machine,
    children,
    env: childEnv,
    unlessInterrupted: async (end, signal) => programs.unlessInterrupted('the AI package', end, signal),
  });
  const checker = new AnswerCheckThread(systemTimers);
  const providers = new Map([...createProviders(machine), ['ai-package' as const, packages]]);
  const secrets = rehearsal ?? secretsOf(env);
  const inline = createRunner({
    endpoints,
    providers: rehearsal === undefined ? providers : rehearsal.providers(providers),
    secrets,
    clock: systemClock,
    timers: systemTimers,
    result_bytes_max: LIMITS.result_bytes_max,
    prompts: root === null ? null : new ScriptedPrompts({ scripts }),
    commands: root === null ? null : commandsIn(root, options, { programs, scripts }),
    checker,
  });
  const isolated =
    options.isolation === undefined
      ? null
      : new IsolatedRunner({
          inline,
          endpoints,
          isolation: options.isolation,
          place: { root, allow_exec: options.allow_exec, pass_env: options.pass_env },
          children,
          specOf: (endpoint) => attemptChildSpec(options, endpoint),
          clock: systemClock,
          timers: systemTimers,
          unlessInterrupted: async (end, signal) => programs.unlessInterrupted('the attempt', end, signal),
          secrets,
        });
  const drain = (): void => {
    programs.drain();
    isolated?.drain();
  };
  return {
    runner: isolated ?? inline,
    drain,
    close: async () => {
      drain();
      await packages.close();
      await Promise.all([children.close(), checker.close()]);
    },
  };
}

function machineOf(rehearsal: Rehearsal | undefined): ConnectionsOptions {
  const machine = { clock: systemClock, timers: systemTimers };
  return rehearsal === undefined ? machine : { ...machine, fetch: rehearsal.fetch };
}

function commandsIn(
  root: string,
  { allow_exec, rehearsal }: Pick<AttemptRunnerOptions, 'allow_exec' | 'rehearsal'>,
  { programs, scripts }: Pick<UserPrograms, 'programs' | 'scripts'>,
): Commands {
  const links = new WorkspaceLinkReader({ root });
  return new Commands({
    scripts,
    exec: rehearsal?.exec ?? new CommandExec({ programs, links, timers: systemTimers, allow_exec }),
    http: new HttpCommandSender(new Connections(machineOf(rehearsal))),
  });
}
