/** The program: gives the command line what it needs and exits with its code. What is heavy is loaded when it is used. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { CliDeps, InstanceOptions, ServeOptions, Workspace } from '../cli/deps.ts';
import { runCli } from '../cli/run-cli.ts';
import { systemTimers } from '../platform/timers.ts';
import { environment } from './environment.ts';
import { version } from './version.ts';

const env = environment();

async function serve(options: ServeOptions): Promise<number> {
  const { loadConfig } = await import('./config.ts');
  const { serve: serveWorkspace } = await import('./serve.ts');
  const { workspace, detached, host, port, instances_port, slots } = options;
  const flags = {
    ...(host && { host }),
    ...(port !== undefined && { port }),
    ...(instances_port !== undefined && { instances_port }),
    ...(slots !== undefined && { slots }),
  };
  const config = await loadConfig(workspace.root, env, flags);
  return serveWorkspace({ config, detached, say: (sentence) => void process.stderr.write(`${sentence}\n`) });
}

async function instance(options: InstanceOptions): Promise<number> {
  const { runRemoteInstance } = await import('./remote-instance.ts');
  return runRemoteInstance(options, env);
}

async function quickWorkspace(): Promise<Workspace> {
  const { mkdir } = await import('node:fs/promises');
  const { workspaceAt } = await import('./workspace.ts');
  const root = join(env['XDG_DATA_HOME'] ?? join(homedir(), '.local', 'share'), 'promptd');
  await mkdir(root, { recursive: true });
  return workspaceAt(root, env);
}

const deps: CliDeps = {
  argv: process.argv.slice(2),
  env,
  cwd: process.cwd(),
  version: version(),
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  isTty: { stdin: process.stdin.isTTY, stdout: process.stdout.isTTY, stderr: process.stderr.isTTY },
  now: Date.now,
  timers: systemTimers,
  onInterrupt(fn) {
    process.on('SIGINT', fn);
    return () => process.off('SIGINT', fn);
  },
  async findWorkspace(start, explicit) {
    const { openWorkspace } = await import('./workspace.ts');
    return openWorkspace(start, explicit, env);
  },
  async connect({ workspace }) {
    const { connect } = await import('../client/client.ts');
    const { Problem } = await import('../core/errors.ts');
    const url = env['PROMPTD_URL'];
    if (url !== undefined && url !== '') return connect({ url, key: env['PROMPTD_KEY'] }, systemTimers);
    if (workspace === null)
      throw new Problem('NoWorkspace', 'No workspace here, and PROMPTD_URL is not set', {
        hint: 'Make one with: promptd init',
      });
    return connect({ socket: workspace.socket }, systemTimers);
  },
  async ensureServer(workspace, { signal }) {
    const { ensureServer } = await import('./detached.ts');
    const { stateFolderOf } = await import('./workspace.ts');
    return ensureServer(workspace, await stateFolderOf(workspace.root, env), env, signal);
  },
  serve,
  instance,
  async init(dir, options) {
    const { init } = await import('./init.ts');
    return init(dir, options, env);
  },
  quickWorkspace,
  async validate(workspace, files) {
    const { validateFiles } = await import('./validate.ts');
    return validateFiles(workspace, files, env);
  },
  async workOf(workspace, job) {
    const { workOf } = await import('./work-of.ts');
    return workOf(workspace, job, env);
  },
  async openJob(options) {
    const { openJob } = await import('./execute.ts');
    return openJob(options, env);
  },
  async testEndpoint(options, signal) {
    const { testEndpoint } = await import('./endpoint-test.ts');
    return testEndpoint(options, env, signal);
  },
  lookup: {
    async resultsOf(results, name) {
      const { systemFolderNames } = await import('../platform/folder-names.ts');
      const { Lookup } = await import('../workspace/lookup.ts');
      return new Lookup({ layout: { results }, names: systemFolderNames }).resultsOf(name);
    },
    async jobOf(file) {
      return (await import('../workspace/lookup.ts')).jobOf(file);
    },
  },
  async rebuild(workspace, observer) {
    const { rebuild } = await import('./rebuild.ts');
    return rebuild(workspace, env, observer);
  },
  async *examine(workspace) {
    const { examine } = await import('./doctor.ts');
    yield* examine(workspace, env);
  },
  async verify(options, observer, signal) {
    const { verify } = await import('./verify.ts');
    return verify(options, env, observer, signal);
  },
};

process.exitCode = await runCli(deps);
