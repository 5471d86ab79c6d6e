/** Watches the system calls of a real process, or lets chosen ones fail, by strace attached from outside. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished, type TestContext } from 'vitest';
import { track } from '../support/children.ts';

/** One finished call. Calls of several threads overlap: one came after another where it began after the other's end. */
export interface Call {
  readonly name: string;
  /** As strace prints it, with the paths of descriptors in `<…>`. */
  readonly text: string;
  readonly began: number;
  readonly ended: number;
}

export interface Tracer {
  /** Detaches; the process goes on as if nothing had been. Resolves with the calls that succeeded, in order of their ends. */
  end(): Promise<readonly Call[]>;
  /** Ends as well; the calls that failed. */
  failed(): Promise<readonly Call[]>;
}

/** Skips the test, with the reason, where no process may be traced. */
export function needsStrace(context: TestContext): void {
  const tried = spawnSync('strace', ['-o', '/dev/null', '-e', 'inject=fsync:error=EIO:when=1', 'true']);
  if (tried.error !== undefined) context.skip('strace is not installed (Debian: apt-get install strace)');
  if (tried.status !== 0) context.skip(`processes may not be traced here: ${String(tried.stderr).trim()}`);
}

/** Traces these calls of a running process and its threads. */
export function watchCalls(pid: number, calls: readonly string[]): Promise<Tracer> {
  return attach(pid, ['-e', `trace=${calls.join(',')}`]);
}

/**
 * Lets these calls fail from now on, wherever they touch one of the paths. `when`: as strace has it, `1` for the first call
 * of each thread alone; all of them otherwise.
 */
export function failCalls(
  pid: number,
  fault: {
    readonly calls: readonly string[];
    readonly error: string;
    readonly paths: readonly string[];
    readonly when?: string;
  },
): Promise<Tracer> {
  const when = fault.when === undefined ? '' : `:when=${fault.when}`;
  return attach(pid, [
    ...fault.paths.flatMap((path) => ['-P', path]),
    ...['-e', `trace=${fault.calls.join(',')}`],
    ...['-e', `inject=${fault.calls.join(',')}:error=${fault.error}${when}`],
  ]);
}

/** Runs a program from its beginning to its end; resolves with what it printed and its calls that succeeded. */
export async function callsOfProgram(
  argv: readonly string[],
  options: { readonly calls: readonly string[]; readonly cwd: string },
): Promise<{ readonly stdout: string; readonly calls: readonly Call[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'promptd-strace-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const output = join(folder, 'calls');
  const args = ['-f', '-y', '-s', '64', '-o', output, '-e', `trace=${options.calls.join(',')}`, ...argv];
  const child = track(spawn('strace', args, { cwd: options.cwd, stdio: ['ignore', 'pipe', 'inherit'] }));
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${code}`);
  return { stdout, calls: callsOf(readFileSync(output, 'utf8')).filter(({ text }) => !/ = -1 /.test(text)) };
}

async function attach(pid: number, options: readonly string[]): Promise<Tracer> {
  const folder = mkdtempSync(join(tmpdir(), 'promptd-strace-'));
  const output = join(folder, 'calls');
  const args = ['-f', '-y', '-s', '64', '-o', output, ...options, '-p', String(pid)];
  const child = track(spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] }));
  onTestFinished(async () => {
    await ended(child);
    rmSync(folder, { recursive: true });
  });
  // It says so once every thread is attached.
  await new Promise<void>((resolve, reject) => {
    child.stderr.once('data', () => resolve());
    child.once('exit', (code) => reject(new Error(`strace ended with ${code}`)));
  });
  const calls = async (failed: boolean): Promise<readonly Call[]> => {
    await ended(child);
    return callsOf(readFileSync(output, 'utf8')).filter((call) => / = -1 /.test(call.text) === failed);
  };
  return { end: () => calls(false), failed: () => calls(true) };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGINT');
  await exited;
}

const LINE = /^(\d+) +(?:<\.\.\. )?(\w+)(.*)$/;

/** A call that another thread interrupts stands on two lines: its beginning, and `resumed` with its end. */
function callsOf(output: string): Call[] {
  const open = new Map<string, { readonly text: string; readonly began: number }>();
  const calls: Call[] = [];
  for (const [at, line] of output.split('\n').entries()) {
    const [, thread, name, rest] = LINE.exec(line) ?? [];
    if (thread === undefined || name === undefined || rest === undefined) continue;
    if (rest.endsWith('<unfinished ...>')) {
      open.set(thread, { text: `${name}${rest}`, began: at });
      continue;
    }
    const begun = rest.startsWith(' resumed>') ? open.get(thread) : undefined;
    const text = begun === undefined ? `${name}${rest}` : `${begun.text} ${rest}`;
    calls.push({ name, text, began: begun?.began ?? at, ended: at });
  }
  return calls;
}
