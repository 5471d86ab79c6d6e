/** Starts a server that outlives the command that needed it, and waits until it answers. It ends by itself when idle. */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type Client } from '../client/client.ts';
import type { EnsuredServer, Workspace } from '../cli/deps.ts';
import { EXIT, Problem } from '../core/errors.ts';
import { tryLock } from '../stores/sqlite/file-lock.ts';
import { layoutOf } from '../workspace/layout.ts';
import type { Environment } from './environment.ts';
import { isServerGone, isVisible, readServerFile, SERVE_LOCK, type ServerFile } from './server-info.ts';
import { changedSince } from './settings-trace.ts';
import { unmarkedEnvironment } from '../platform/marked-processes.ts';
import { systemTimers } from '../platform/timers.ts';

const START_MS = 20_000;
/** Held by the command that asks a background server to make way; its name in the state folder. */
const MAKE_WAY_LOCK = `${SERVE_LOCK}-way`;
const LOOK_MS = 25;
/** Longer than a server answers before it has told who it is, or after it has begun to stop. */
const UNNAMED_MS = 5_000;
/** A server that is started is refused where somebody holds the workspace at that moment. */
const TRIES_MAX = 5;

/**
 * `state` is the workspace's state folder. A background server that was started with other settings makes way for a new one
 * where it runs nothing; any other goes on, and its user is told.
 */
export async function ensureServer(
  workspace: Workspace,
  state: string,
  env: Environment,
  signal?: AbortSignal,
): Promise<EnsuredServer> {
  const client = connect({ socket: workspace.socket }, systemTimers);
  const answering = await answeringServer(client, state, signal);
  if (answering !== null) {
    const { server } = answering;
    const old = server === null ? null : await changedSettings(server, workspace, state, env);
    if (old === null) return { client, started: false, notice: null };
    const runs = await running(client);
    if (runs !== null && (runs > 0 || !old.server.detached || !isVisible(old.server)))
      return { client, started: false, notice: noticeOf(old) };
    await endServer(old.server, state, signal);
  }
  return startServer(workspace, state, client, signal);
}

interface ChangedSettings {
  readonly server: ServerFile;
  /** The file or the variable. */
  readonly changed: string;
}

async function changedSettings(
  server: ServerFile,
  workspace: Workspace,
  state: string,
  env: Environment,
): Promise<ChangedSettings | null> {
  const { config } = layoutOf(workspace.root, state);
  // A server of an earlier version says nothing of it.
  if (server.settings === undefined) return null;
  const changed = await changedSince(server.settings, config, server.detached ? env : {});
  return changed === null ? null : { server, changed };
}

/** How many run; null where it has just ended. */
async function running(client: Client): Promise<number | null> {
  try {
    const counts = await client.counts(['state'], { state: ['running'] });
    return counts.reduce((sum, { runs }) => sum + runs, 0);
  } catch (error) {
    if (await answers(client)) throw error;
    return null;
  }
}

function noticeOf({ server: { detached }, changed }: ChangedSettings): string {
  return detached
    ? `${changed} was changed since the background server started; that goes on as it was until nothing runs.`
    : `${changed} was changed since the server started; start it again to use that.`;
}

/** Resolves when it has let go of the workspace, or will not. Of several commands one asks: asked twice, it ends at once. */
async function endServer(server: ServerFile, state: string, signal?: AbortSignal): Promise<void> {
  const turn = tryLock(join(state, MAKE_WAY_LOCK));
  try {
    if (turn !== null && isVisible(server) && !isServerGone(server)) process.kill(server.pid, 'SIGTERM');
    const until = performance.now() + START_MS;
    while (!isServerGone(server) && performance.now() < until) {
      signal?.throwIfAborted();
      await sleep(LOOK_MS);
    }
  } finally {
    turn?.release();
  }
}

async function startServer(
  workspace: Workspace,
  state: string,
  client: Client,
  signal?: AbortSignal,
): Promise<EnsuredServer> {
  mkdirSync(state, { recursive: true });
  const errors = join(state, 'detached.err');
  let started = spawnServer(workspace, errors);
  let tries = 1;
  let until = performance.now() + START_MS;
  while (performance.now() < until) {
    signal?.throwIfAborted();
    // Where its folder was deleted, it makes its database from all the files first.
    if (isRebuilding(state)) until = performance.now() + START_MS;
    const server = (await answers(client)) ? await announced(state) : null;
    if (server !== null) {
      const isOwn = server.pid === started.child.pid;
      // One that has lost to another may still wait for its place.
      if (!isOwn) started.child.kill('SIGKILL');
      started.child.unref();
      return { client, started: isOwn, notice: null };
    }
    if (started.exit !== null && !anotherHolds(state)) {
      if (started.exit !== EXIT.conflict || tries === TRIES_MAX) throw await failure(errors, started.exit);
      // Whoever held the workspace then has let go of it, and serves nobody.
      started = spawnServer(workspace, errors);
      tries += 1;
    }
    await sleep(LOOK_MS);
  }
  throw new Problem('Unreachable', `The server that was started did not answer within ${START_MS / 1000} s`, {
    hint: `See ${errors} and ${state}/logs/serve.log`,
  });
}

interface Started {
  readonly child: ChildProcess;
  /** Its exit code; null as long as it runs. */
  exit: number | null;
}

/** `errors`: the file for what it says on stderr. */
function spawnServer(workspace: Workspace, errors: string): Started {
  const log = openSync(errors, 'w', 0o600);
  const bin = fileURLToPath(new URL('../../bin/promptd.js', import.meta.url));
  const child = spawn(process.execPath, [bin, 'serve', '--workspace', workspace.root, '--detached'], {
    cwd: workspace.root,
    // Where a script of a job ran the command, the server does not end with that.
    env: unmarkedEnvironment(),
    stdio: ['ignore', 'ignore', log],
    detached: true,
  });
  closeSync(log);
  const started: Started = { child, exit: null };
  child.once('exit', (code) => {
    started.exit = code ?? 1;
  });
  return started;
}

/**
 * The server that answers, and what its file says; null where none answers. Between two looks another one may have come into
 * its place, or none: so that is read once. One whose file somebody has deleted serves all the same.
 */
async function answeringServer(
  client: Client,
  state: string,
  signal?: AbortSignal,
): Promise<{ readonly server: ServerFile | null } | null> {
  const until = performance.now() + UNNAMED_MS;
  while (await answers(client)) {
    const server = await announced(state);
    if (server !== null || performance.now() > until) return { server };
    signal?.throwIfAborted();
    await sleep(LOOK_MS);
  }
  return null;
}

/** The server that serves, which says so a moment after it answers; null until then. */
async function announced(state: string): Promise<ServerFile | null> {
  const server = await readServerFile(layoutOf('/', state).server);
  return server === null || isServerGone(server) ? null : server;
}

function isRebuilding(state: string): boolean {
  return existsSync(`${layoutOf('/', state).database}-rebuilt`);
}

async function answers(client: Client): Promise<boolean> {
  try {
    await client.healthz();
    return true;
  } catch {
    return false;
  }
}

/** Another server holds the workspace already, and will answer as soon as it has started. */
function anotherHolds(state: string): boolean {
  const lock = tryLock(join(state, SERVE_LOCK));
  lock?.release();
  return lock === null;
}

async function failure(errors: string, exit: number): Promise<Problem> {
  const text = (await readFile(errors, 'utf8').catch(() => '')).trim();
  const said = text === '' ? `it ended with ${exit}` : text;
  return new Problem('Unreachable', `The server could not be started: ${said}`);
}
