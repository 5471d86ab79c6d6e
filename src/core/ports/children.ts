/**
 * Programs of the user, as children of an instance: scripts, commands, AI packages. They are spawned by a guard, a process
 * of its own, each as the leader of a process group; when the instance is gone, however it went, the guard kills every group.
 */
export interface ChildSpec {
  /** The program by its absolute path, and its arguments. No shell, no search for an interpreter. */
  readonly argv: readonly [program: string, ...args: string[]];
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Where it runs; null: a fresh folder, removed when it has ended. */
  readonly cwd: string | null;
  /** Of stdout; beyond it the child is killed. stderr is passed on and never kept. */
  readonly output_bytes_max: number;
}

export interface ChildEvents {
  /** It runs, with this pid, which is the id of its process group too. */
  started?(pid: number): void;
  /** Bytes of stdout as they come, in order. */
  stdout(piece: Uint8Array): void;
  stderr(piece: Uint8Array): void;
}

/** How a child ended. Its whole process group is gone when this is said, and its output has been told. */
export type ChildEnd =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'killed'; readonly signal: string }
  | { readonly kind: 'output_too_large' }
  /** It never ran: `ENOENT`, `EACCES`, `ENOEXEC` (no first line that names an interpreter), … */
  | { readonly kind: 'not_started'; readonly code: string; readonly message: string }
  /** The guard went away; every child of it is dead. */
  | { readonly kind: 'guard_lost' };

export interface Child {
  /** Resolves, never rejects. */
  readonly ended: Promise<ChildEnd>;
  write(bytes: Uint8Array): void;
  /** No more stdin. */
  closeStdin(): void;
  /** SIGTERM to its process group, SIGKILL after the grace; with a grace of 0 SIGKILL at once. Idempotent. */
  kill(grace_ms: number): void;
}

export interface Children {
  /** Starts the guard with the first child. Never throws: what cannot be started ends as `not_started`. */
  spawn(spec: ChildSpec, events: ChildEvents): Child;
  /** Kills what is left and ends the guard. */
  close(): Promise<void>;
}
