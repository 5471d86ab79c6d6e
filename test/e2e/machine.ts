/**
 * Real processes for end-to-end tests: a workspace in a temporary folder, `promptd serve`, further instances, commands, and
 * the scripted model server inside the test's own process. Everything ends with the test.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { connect, type Client } from '../../src/client/client.ts';
import { systemTimers } from '../../src/platform/timers.ts';
import { processGone } from '../../src/app/process-gone.ts';
import { startModelServer, type ModelServer } from '../support/model-server.ts';
import { until } from '../support/until.ts';

export const BIN = fileURLToPath(new URL('../../bin/promptd.js', import.meta.url));

type OnFinished = (fn: () => Promise<void> | void) => void;

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Serving {
  readonly process: ChildProcess;
  readonly client: Client;
  /** Ends it politely; resolves with its exit code. */
  stop(): Promise<number | null>;
  kill(): Promise<void>;
}

export class Machine {
  readonly root: string;
  readonly model: ModelServer;
  /** Runs something when the test has ended; what was given last is run first. */
  readonly onFinished: OnFinished;
  readonly #env: Readonly<Record<string, string>>;

  constructor(
    root: string,
    model: ModelServer,
    env: Readonly<Record<string, string>>,
    onFinished: OnFinished,
  ) {
    this.root = root;
    this.model = model;
    this.onFinished = onFinished;
    this.#env = env;
  }

  path(...parts: string[]): string {
    return join(this.root, ...parts);
  }

  /** Starts `serve` and waits until its local instance is connected. */
  async serve(
    options: { readonly env?: Readonly<Record<string, string>>; readonly instance?: boolean } = {},
  ): Promise<Serving> {
    const child = this.spawn(['serve'], options.env);
    const client = this.client();
    await until('serve to answer', async () => {
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(`serve ended with ${child.exitCode ?? child.signalCode}`);
      const instances = await client.instances().catch(() => null);
      if (instances === null || (await this.#servedBy()) !== child.pid) return false;
      return options.instance === false || instances.some((one) => one.id === 0 && one.state === 'connected');
    });
    return {
      process: child,
      client,
      async stop() {
        client.close();
        return stopChild(child, 'SIGTERM');
      },
      async kill() {
        await stopChild(child, 'SIGKILL');
      },
    };
  }

  /** Who says that it serves the workspace. */
  async #servedBy(): Promise<number | null> {
    const text = await readFile(this.path('.promptd', 'server.json'), 'utf8').catch(() => null);
    return text === null ? null : (JSON.parse(text) as { readonly pid: number }).pid;
  }

  /** Speaks to whoever serves the workspace at the moment. */
  client(): Client {
    const client = connect({ socket: this.path('.promptd', 'http.sock') }, systemTimers);
    this.onFinished(() => client.close());
    return client;
  }

  /** A further instance of this workspace, connected over TCP. */
  async instance(
    name: string,
    client: Client,
    options: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
  ): Promise<ChildProcess> {
    const info = JSON.parse(await readFile(this.path('.promptd', 'server.json'), 'utf8')) as {
      instances: { port: number };
    };
    const child = this.spawn(
      ['instance', '--connect', `127.0.0.1:${info.instances.port}`, '--name', name, ...options],
      env,
    );
    await until(`instance ${name} to connect`, async () => {
      const instances = await client.instances();
      return instances.some((one) => one.name === name && one.state === 'connected');
    });
    return child;
  }

  spawn(
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    how: { readonly cwd?: string; readonly through?: readonly string[] } = {},
  ): ChildProcess {
    const [command = '', ...rest] = [...(how.through ?? []), process.execPath, BIN, ...args];
    const child = spawn(command, rest, {
      cwd: how.cwd ?? this.root,
      env: { ...process.env, ...this.#env, ...env },
      stdio: ['ignore', 'ignore', process.env['PROMPTD_TEST_OUTPUT'] === undefined ? 'ignore' : 'inherit'],
    });
    this.onFinished(async () => {
      await stopChild(child, 'SIGKILL');
    });
    return child;
  }

  /** Runs one command to its end. */
  async promptd(...args: string[]): Promise<Finished> {
    return new Promise((resolve) => {
      const env = { ...process.env, NO_COLOR: '1', ...this.#env };
      execFile(
        process.execPath,
        [BIN, ...args],
        { cwd: this.root, env, maxBuffer: 64 * 1024 * 1024 },
        (error, stdout, stderr) => {
          const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
          resolve({ code, stdout, stderr });
        },
      );
    });
  }

  async files(folder: string): Promise<string[]> {
    return (await readdir(this.path(folder))).toSorted();
  }

  async writeJobs(jobs: Readonly<Record<string, unknown>>): Promise<void> {
    await mkdir(this.path('jobs'), { recursive: true });
    for (const [name, job] of Object.entries(jobs)) {
      await writeFile(this.path('jobs', `${name}.json`), `${JSON.stringify(job, null, 2)}\n`);
    }
  }

  /** Pids of this workspace's local instances that live. */
  async localInstances(): Promise<number[]> {
    const pids: number[] = [];
    for (const entry of await readdir('/proc')) {
      if (!/^\d+$/.test(entry)) continue;
      const command = await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '');
      if (
        command.includes('local-instance-child') &&
        command.includes(this.root) &&
        !processGone(Number(entry))
      )
        pids.push(Number(entry));
    }
    return pids;
  }

  /** Ends whatever outlived a killed `serve`. */
  async endOrphans(): Promise<void> {
    for (const pid of await this.localInstances()) process.kill(pid, 'SIGKILL');
    await until('orphans to be gone', async () => (await this.localInstances()).length === 0);
  }
}

export interface MachineOptions {
  readonly config?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
  /** Further endpoints of the scripted model server, in OpenAI's protocol, e.g. for one that throttles. */
  readonly endpoints?: readonly string[];
  /** That of the test's context, where tests run beside each other. */
  readonly onFinished?: OnFinished;
}

/** A fresh workspace whose endpoints `ollama` and `openai` are the scripted model server. */
export async function setup(options: MachineOptions = {}): Promise<Machine> {
  const root = await mkdtemp(join(tmpdir(), 'promptd-e2e-'));
  const model = await startModelServer();
  const onFinished = options.onFinished ?? onTestFinished;
  const machine = new Machine(root, model, options.env ?? {}, onFinished);
  onFinished(async () => {
    await machine.endOrphans();
    await model.close();
    await rm(root, { recursive: true, force: true });
  });
  const openai = { kind: 'openai-compatible', base_url: `${model.url}/v1`, max_concurrent: 16 };
  const config = {
    default_endpoint: 'ollama',
    endpoints: {
      ollama: { kind: 'ollama', base_url: model.url, max_concurrent: 16, sticky_models: false },
      openai,
      ...Object.fromEntries((options.endpoints ?? []).map((name) => [name, openai])),
      simulator: { kind: 'simulator', tokens_per_second: 0 },
    },
    http: { port: 0 },
    instances: { port: 0 },
    // What a test puts into jobs/ is for the commands that it tries; those of the watcher say otherwise.
    watch: { enabled: false },
    ...options.config,
  };
  await writeFile(join(root, 'promptd.config.json'), JSON.stringify(config, null, 2));
  return machine;
}

async function stopChild(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
  return child.exitCode;
}

/** 100 jobs over each protocol, each with a prompt of its own. */
export function mixedJobs(
  count: number,
  script = '',
): { name: string; prompt: string; configuration: { LLM_name: string; temperature: number } }[] {
  return Array.from({ length: count }, (_, i) => ({
    name: `mixed-${i}`,
    prompt: `question ${i}?${script}`,
    configuration: { LLM_name: i % 2 === 0 ? 'ollama:test-model' : 'openai:test-model', temperature: 0 },
  }));
}

/** Ends the server that `run` started in the background, and waits until it and its instance are gone. */
export async function endServerOf(root: string): Promise<void> {
  const text = await readFile(join(root, '.promptd', 'server.json'), 'utf8').catch(() => null);
  if (text === null) return;
  const { pid } = JSON.parse(text) as { pid: number };
  if (!processGone(pid)) process.kill(pid, 'SIGTERM');
  await until('the server to be gone', () => processGone(pid));
}
