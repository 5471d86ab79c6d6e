/** The folders and files of a workspace, by name. Everybody who needs a path takes it from here. */
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { Problem } from '../core/errors.ts';
import { sha256 } from '../core/identity.ts';
import type { Files } from '../core/ports/files.ts';

const CONFIG_FILE = 'promptd.config.json';
const STATE_DIR = '.promptd';

/** Absolute paths. docs/folders.md says what lies in each. */
export interface WorkspaceLayout {
  readonly root: string;
  readonly config: string;
  readonly jobs: string;
  readonly results: string;
  readonly ended: string;
  readonly rejected: string;
  readonly conflicts: string;
  readonly conflicts_jobs: string;
  readonly data: string;
  readonly prompts: string;
  readonly commands: string;
  /** `.promptd/` or the configured `state_dir`; everything below lies in it. */
  readonly state: string;
  readonly database: string;
  /** Where the Unix socket would lie by its name; {@link socketPath} says where it lies. */
  readonly socket: string;
  readonly server: string;
  readonly admin_key: string;
  readonly instance_token: string;
  readonly logs: string;
  readonly spool: string;
  readonly tmp: string;
}

/** `root` is absolute; `state_dir` is relative to it, or absolute. */
export function layoutOf(root: string, state_dir: string = STATE_DIR): WorkspaceLayout {
  if (!isAbsolute(root))
    throw new RangeError(`a workspace's root is an absolute path, got ${JSON.stringify(root)}`);
  const top = resolve(root);
  const state = resolve(top, state_dir);
  const conflicts = join(top, 'conflicts');
  return {
    root: top,
    config: join(top, CONFIG_FILE),
    jobs: join(top, 'jobs'),
    results: join(top, 'results'),
    ended: join(top, 'ended'),
    rejected: join(top, 'rejected'),
    conflicts,
    conflicts_jobs: join(conflicts, 'jobs'),
    data: join(top, 'data'),
    prompts: join(top, 'prompts'),
    commands: join(top, 'commands'),
    state,
    database: join(state, 'queue.db'),
    socket: join(state, 'http.sock'),
    server: join(state, 'server.json'),
    admin_key: join(state, 'admin.key'),
    instance_token: join(state, 'instance.token'),
    logs: join(state, 'logs'),
    spool: join(state, 'spool'),
    tmp: join(state, 'tmp'),
  };
}

/** Every folder of a workspace, parents before what lies in them. */
export function foldersOf(layout: WorkspaceLayout): readonly string[] {
  const { root, jobs, results, ended, rejected, conflicts, conflicts_jobs, data, prompts, commands } = layout;
  const { state, logs, spool, tmp } = layout;
  return [
    ...[root, jobs, results, ended, rejected, conflicts, conflicts_jobs, data, prompts, commands],
    ...[state, logs, spool, tmp],
  ];
}

/**
 * The nearest folder from `start` upward that holds a promptd.config.json or a .promptd/; null where there is none.
 * A folder with a state folder elsewhere is found by its config.
 */
export async function findWorkspace(files: Files, start: string): Promise<string | null> {
  for (let folder = resolve(start); ; folder = dirname(folder)) {
    if ((await files.facts(join(folder, CONFIG_FILE))) !== null) return folder;
    const state = await files.facts(join(folder, STATE_DIR));
    if (state !== null && (state.kind === 'directory' || state.kind === 'symlink')) return folder;
    if (dirname(folder) === folder) return null;
  }
}

/**
 * The smaller of what systems allow for a Unix socket's path without its final zero byte: 107 on Linux, 103 on macOS.
 * A longer one is cut without a word by some, and then lies where nobody looks for it.
 */
const SOCKET_PATH_BYTES_MAX = 103;

/**
 * Where the server's Unix socket lies: in the state folder, or, where that path is too long, in the temporary folder under
 * a name derived from the workspace's real path, so that two workspaces never share one. Written in server.json.
 */
export function socketPath(layout: WorkspaceLayout, real_root: string, temporary: string): string {
  if (fits(layout.socket)) return layout.socket;
  const hash = sha256(`${real_root}\0${layout.state}`);
  const short = join(temporary, `promptd-${hash.slice(0, 20)}.sock`);
  if (fits(short)) return short;
  throw new Problem(
    'InvalidConfig',
    `A Unix socket's path has at most ${SOCKET_PATH_BYTES_MAX} bytes; both ${layout.socket} and ${short} are longer`,
    { hint: 'Set TMPDIR to a folder with a short path.' },
  );
}

function fits(path: string): boolean {
  return Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX;
}
