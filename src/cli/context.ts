/** What a command is run with. The workspace is looked for, and the server connected to, when it first asks. */
import type { Client } from '../client/client.ts';
import { nobodyListens } from '../client/unreachable.ts';
import { Problem } from '../core/errors.ts';
import type { CliDeps, Workspace } from './deps.ts';
import type { Given } from './given.ts';
import type { Output } from './output.ts';

export interface ContextOptions {
  readonly deps: CliDeps;
  readonly out: Output;
  readonly given: Given;
  readonly args: readonly string[];
  /** Aborts when the command is to be left: its reader has gone. */
  readonly signal: AbortSignal;
}

export const SERVER_STARTED =
  'Started a server in the background; it ends by itself when idle (stay with it: promptd serve).';

/** Resolves with the exit code. Problems are thrown: the caller shows them. */
export type Command = (context: Context) => Promise<number>;

export class Context {
  readonly deps: CliDeps;
  readonly out: Output;
  readonly given: Given;
  readonly args: readonly string[];
  readonly signal: AbortSignal;
  #workspace: Promise<Workspace | null> | null = null;
  #client: Promise<Client> | null = null;
  #server: Promise<Client> | null = null;

  constructor(options: ContextOptions) {
    this.deps = options.deps;
    this.out = options.out;
    this.given = options.given;
    this.args = options.args;
    this.signal = options.signal;
  }

  workspace(): Promise<Workspace | null> {
    this.#workspace ??= this.deps.findWorkspace(this.deps.cwd, this.given.text('workspace'));
    return this.#workspace;
  }

  /** Takes a workspace that was not found but made. */
  settle(workspace: Workspace): void {
    this.#workspace = Promise.resolve(workspace);
  }

  async needWorkspace(): Promise<Workspace> {
    const workspace = await this.workspace();
    if (workspace !== null) return workspace;
    throw new Problem(
      'NoWorkspace',
      `There is no workspace here: no promptd.config.json in ${this.deps.cwd} or above it.`,
      {
        hint: 'Make one with: promptd init. Or name one with: --workspace DIR.',
      },
    );
  }

  /** The client of PROMPTD_URL, or of the workspace's own socket. Whether a server answers shows at its first call. */
  client(): Promise<Client> {
    this.#client ??= this.workspace().then((workspace) => this.deps.connect({ workspace }));
    return this.#client;
  }

  /**
   * A client of a server that answers: where none runs in the workspace, one is started in the background, and a notice says
   * so. A server named by PROMPTD_URL is never started from here; nor does starting help where this user may not open the
   * socket.
   */
  server(): Promise<Client> {
    this.#server ??= this.#serverThatAnswers();
    return this.#server;
  }

  async #serverThatAnswers(): Promise<Client> {
    const client = await this.client();
    const workspace = this.isRemote ? null : await this.workspace();
    if (workspace === null) return client;
    try {
      await client.healthz({ signal: this.signal });
      return client;
    } catch (error) {
      if (!nobodyListens(error)) throw error;
    }
    const ensured = await this.deps.ensureServer(workspace, { signal: this.signal });
    await this.adopt(ensured.client);
    if (ensured.started) this.out.notice(SERVER_STARTED);
    if (ensured.notice !== null) this.out.notice(ensured.notice);
    return ensured.client;
  }

  /** Takes over a client that was made elsewhere, so that it is closed with this context. */
  async adopt(client: Client): Promise<void> {
    const before = this.#client;
    this.#client = Promise.resolve(client);
    const old = await before?.catch(() => undefined);
    if (old !== client) old?.close();
  }

  async close(): Promise<void> {
    const client = await this.#client?.catch(() => undefined);
    client?.close();
  }

  /** Whether the server is named by PROMPTD_URL: it then reads no files of this machine, and is never started from here. */
  get isRemote(): boolean {
    return (this.deps.env['PROMPTD_URL'] ?? '') !== '';
  }
}
