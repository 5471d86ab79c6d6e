/** The command line from arguments to exit code. */
import { EXIT, Problem } from '../core/errors.ts';
import { Context } from './context.ts';
import type { CliDeps } from './deps.ts';
import { Given } from './given.ts';
import { Output } from './output.ts';
import type { Picked } from './program.ts';
import { refusedBySystem } from './refused-by-system.ts';

/** Runs one command to its end. Never rejects: what goes wrong is said on stderr and told by the exit code. */
export async function runCli(deps: CliDeps): Promise<number> {
  const [first] = deps.argv;
  if (deps.argv.length === 1 && (first === '--version' || first === '-V')) {
    deps.stdout.write(`${deps.version}\n`);
    return EXIT.ok;
  }
  const leave = new AbortController();
  // The reader of a pipe has gone (`promptd ls | head`): nothing more to say, and nothing wrong.
  let onBroken: (error: NodeJS.ErrnoException) => void = () => undefined;
  const broken = new Promise<number>((resolve) => {
    onBroken = (error) => {
      leave.abort();
      resolve(error.code === 'EPIPE' ? EXIT.ok : EXIT.error);
    };
  });
  deps.stdout.on('error', onBroken);
  try {
    return await Promise.race([parseAndRun(deps, leave.signal), broken]);
  } finally {
    deps.stdout.off('error', onBroken);
    leave.abort();
  }
}

async function parseAndRun(deps: CliDeps, signal: AbortSignal): Promise<number> {
  const picked = await parse(deps);
  if (typeof picked === 'number') return picked;
  const given = new Given(picked.values);
  const shown = picked.values['color'] === false ? { ...deps, env: { ...deps.env, NO_COLOR: '1' } } : deps;
  const out = new Output(shown, { json: given.flag('json'), quiet: given.flag('quiet') });
  const context = new Context({ deps: shown, out, given, args: picked.args, signal });
  try {
    const command = await picked.spec.load();
    return await command(context);
  } catch (error) {
    if (signal.aborted) return EXIT.ok;
    return fail(out, error);
  } finally {
    await context.close();
  }
}

/** The command that was named, or the exit code where there is nothing left to run (help, usage error). */
async function parse(deps: CliDeps): Promise<Picked | number> {
  const { buildProgram } = await import('./program.ts');
  const width = deps.isTty.stdout ? Math.min(deps.stdout.columns || 80, 120) : 100;
  let picked: Picked | null = null;
  const program = buildProgram({
    stdout: deps.stdout,
    stderr: deps.stderr,
    version: deps.version,
    width,
    onPick: (one) => (picked = one),
  });
  const argv = isBare(deps.argv) ? await bareCommand(deps) : deps.argv;
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (error instanceof Error && 'exitCode' in error) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    throw error;
  }
  return picked ?? EXIT.usage;
}

/** Whether only options stand there that every command takes, so that no command is named. */
function isBare(argv: readonly string[]): boolean {
  for (let i = 0; i < argv.length; i++) {
    const arg = argv[i] ?? '';
    if (arg === '-C' || arg === '--workspace') i++;
    else if (!/^(--workspace=.*|-C.+|--json|-q|--quiet|--no-color)$/.test(arg)) return false;
  }
  return true;
}

/** In a workspace, or with a server named by the environment, the status; elsewhere the help. */
async function bareCommand(deps: CliDeps): Promise<readonly string[]> {
  if (deps.argv.length > 0 || (deps.env['PROMPTD_URL'] ?? '') !== '') return ['status', ...deps.argv];
  const workspace = await deps.findWorkspace(deps.cwd).catch(() => null);
  return workspace === null ? ['--help'] : ['status'];
}

function fail(out: Output, error: unknown): number {
  const problem = error instanceof Problem ? error : refusedBySystem(error);
  if (problem !== null) {
    out.problem(problem);
    return problem.exit;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  out.complain(`This is an error of promptd itself; please report it with what follows.\n${stack}`);
  return EXIT.error;
}
