/** Programs of users: what they are given, how they end, and what of theirs counts. */
import type { Mutant } from './mutant.ts';

const GUARD = 'test/executor/guard.test.ts';
const PROGRAMS = 'test/executor/programs.test.ts';
const SCRIPTS = 'test/executor/scripts.test.ts';
const USER_PROGRAMS = 'test/app/user-programs.test.ts';

export const PROGRAM_MUTANTS: readonly Mutant[] = [
  {
    name: 'environment-handed-down',
    breaks: 'gives programs the whole environment of the instance, keys included',
    file: 'src/app/child-environment.ts',
    from: 'NEEDED.includes(name) ||',
    to: "name !== '' ||",
    killed_by: [USER_PROGRAMS],
  },
  {
    name: 'environment-of-guard',
    breaks: 'adds the environment of the guard to that of each program',
    file: 'src/platform/guarded-child.ts',
    from: 'env: { ...spec.env },',
    to: 'env: { ...process.env, ...spec.env },',
    killed_by: [GUARD],
  },
  {
    name: 'output-limit-doubled',
    breaks: 'hands on more of what a program prints than it may print',
    file: 'src/platform/guarded-child.ts',
    from: 'return this.#stdout_bytes > this.#options.spec.output_bytes_max;',
    to: 'return this.#stdout_bytes > 2 * this.#options.spec.output_bytes_max;',
    killed_by: [GUARD],
  },
  {
    name: 'program-without-limit',
    breaks: 'lets a program run for longer than its time limit',
    file: 'src/executor/programs.ts',
    from: '      is_late = true;\n      child.kill(KILL_GRACE_MS);\n',
    to: '      is_late = true;\n',
    killed_by: [PROGRAMS],
  },
  {
    name: 'cancel-spares-programs',
    breaks: 'ends an attempt and leaves its program running',
    file: 'src/executor/programs.ts',
    from: 'const onAbort = (): void => child.kill(KILL_GRACE_MS);',
    to: 'const onAbort = (): void => undefined;',
    killed_by: [PROGRAMS],
  },
  {
    name: 'kill-without-end',
    breaks: 'asks a deaf program to end, again and again',
    file: 'src/platform/guarded-child.ts',
    from: "systemTimers.after(grace_ms, () => killGroup(pid, 'SIGKILL'))",
    to: "systemTimers.after(grace_ms, () => killGroup(pid, 'SIGTERM'))",
    killed_by: [GUARD],
  },
  {
    name: 'group-survives',
    breaks: 'leaves alive what a program has started when that ends',
    file: 'src/platform/guarded-child.ts',
    from: "    this.#kill?.cancel();\n    if (child.pid !== undefined) killGroup(child.pid, 'SIGKILL');\n",
    to: '    this.#kill?.cancel();\n',
    killed_by: [GUARD],
  },
  {
    name: 'guard-lets-go',
    breaks: 'leaves programs running whose instance was killed',
    file: 'src/platform/child-guard.ts',
    from: '  for (const child of children.values()) child.kill(0);\n',
    to: '',
    killed_by: [GUARD],
  },
  {
    name: 'output-mended',
    breaks: 'puts something else in the place of bytes of a script that are no text',
    file: 'src/executor/scripts.ts',
    from: "new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })",
    to: "new TextDecoder('utf-8', { ignoreBOM: true })",
    killed_by: [SCRIPTS],
  },
  {
    name: 'exit-code-ignored',
    breaks: 'takes what a failed program had printed for its answer',
    file: 'src/executor/programs.ts',
    from: 'if (end.code !== 0) throw fail.exited(name, end.code, tail);',
    to: 'if (end.code < 0) throw fail.exited(name, end.code, tail);',
    killed_by: [PROGRAMS],
  },
  {
    name: 'stderr-unheard',
    breaks: 'keeps what a program complains of out of the log of its attempt',
    file: 'src/executor/programs.ts',
    from: 'stderr: (piece) => stderr.add(piece)',
    to: 'stderr: () => undefined',
    killed_by: [PROGRAMS],
  },
  {
    name: 'pure-script-edited',
    breaks: 'runs a pure script that is no longer the one whose answer may be shared',
    file: 'src/executor/scripts.ts',
    from: '    if (call.pure) await checkUnchanged(call, bytes, links);\n',
    to: '',
    killed_by: [SCRIPTS, 'test/executor/prompt-builder.test.ts'],
  },
  {
    name: 'input-edited',
    breaks: 'runs a pure script on an input that has changed since its job was accepted',
    file: 'src/executor/scripts.ts',
    from: '    if (sha256(now) !== accepted) throw changed(file);\n',
    to: '',
    killed_by: [SCRIPTS],
  },
];
