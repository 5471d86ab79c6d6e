/** `promptd execute FILE`: one attempt of one job in this process, without a server. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { EXIT, Problem } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json.ts';
import type { Usage } from '../../core/usage.ts';
import type { Context } from '../context.ts';
import type { Executed, ReadyJob, Workspace } from '../deps.ts';
import { AttemptProgress } from '../following/attempt-progress.ts';
import { waitForInterrupts } from '../following/interrupts.ts';
import { collectJobs } from '../intake/collect.ts';
import { rehearsalLines, rehearsalView } from '../rehearsal-shown.ts';
import { filesWrong, showFaults } from '../intake/fault-text.ts';
import type { FileFault, SourceJob } from '../intake/source-job.ts';
import { plainLine, plainText } from '../plain-text.ts';
import { count, duration, many } from '../quantities.ts';

export async function execute(context: Context): Promise<number> {
  const { out, args } = context;
  const { source, faults: wrong } = await readOne(context, args[0] ?? '');
  if (source === null) return refused(context, wrong);
  const workspace = await workspaceOf(context, source);
  const folder = folderOf(context, source);
  const opened = await context.deps.openJob({
    workspace,
    folder,
    job: source.job,
    link: linkOf(context, source, workspace),
    allow_exec: context.given.flag('allowExec'),
  });
  if (!opened.ok)
    return refused(
      context,
      opened.faults.map((fault) => ({ file: source.file, fault: source.place(fault) })),
    );
  const { job } = opened;
  for (const warning of job.warnings) out.notice(plainLine(warning));
  if (workspace === null) out.notice(withoutWorkspace(folder, job));
  return context.given.flag('dryRun') ? dryRun(context, job) : attempt(context, job);
}

function withoutWorkspace(folder: string, { results_dir }: ReadyJob): string {
  return `No workspace here: the endpoints that there are by themselves (ollama, simulator), links from ${folder}, the result in ${results_dir}.`;
}

function refused(context: Context, faults: readonly FileFault[]): number {
  showFaults(context.out, faults);
  context.out.complain(`${filesWrong(faults)}; nothing was executed.`);
  return EXIT.invalid_job;
}

async function attempt(context: Context, job: ReadyJob): Promise<number> {
  const { out, given, deps } = context;
  const who = plainLine(`${job.name} by ${job.endpoint}:${job.model}`);
  const progress = new AttemptProgress(context, who, given.flag('verbose'));
  const interrupts = waitForInterrupts(context);
  const began_at = deps.now();
  try {
    const ended = await job.attempt(progress, interrupts.signal);
    progress.end();
    return await told({ context, job, ended, progress, elapsed_ms: deps.now() - began_at });
  } finally {
    progress.end();
    interrupts.stop();
    if (interrupts.cause === 'interrupted') out.notice('Stopped.');
  }
}

interface Told {
  readonly context: Context;
  readonly job: ReadyJob;
  readonly ended: Executed;
  readonly progress: AttemptProgress;
  readonly elapsed_ms: number;
}

async function told({ context, job, ended, progress, elapsed_ms }: Told): Promise<number> {
  const { out, deps } = context;
  if (ended.kind === 'stopped') return EXIT.interrupted;
  if (ended.kind === 'failed') return failed(context, job, ended, progress);
  await print(context, ended.result);
  if (ended.kind === 'unwritten') {
    out.complain(`The answer is not kept: its file could not be written: ${plainLine(ended.trouble)}`);
    return EXIT.error;
  }
  for (const warning of ended.result['warnings'] as readonly string[]) progress.warning(plainLine(warning));
  const file = path.relative(deps.cwd, ended.file);
  out.notice(`${plainLine(job.name)} answered in ${duration(elapsed_ms)}${spentOn(ended.result)}: ${file}`);
  return EXIT.ok;
}

async function failed(
  { out }: Context,
  job: ReadyJob,
  { reason }: Extract<Executed, { readonly kind: 'failed' }>,
  progress: AttemptProgress,
): Promise<number> {
  progress.showLog(reason.code);
  if (out.json) await out.value({ job: job.link, result: null, name: job.name, reason });
  out.complain(plainText(`${job.name} failed: ${reason.code}: ${reason.message}`));
  return EXIT.job_failed;
}

async function dryRun(context: Context, job: ReadyJob): Promise<number> {
  const { out, given } = context;
  const progress = new AttemptProgress(context, plainLine(job.name), given.flag('verbose'));
  const interrupts = waitForInterrupts(context);
  try {
    const ended = await job.rehearse(progress, interrupts.signal);
    progress.end();
    if (ended.kind === 'stopped') return EXIT.interrupted;
    if (ended.kind === 'failed') return await failed(context, job, ended, progress);
    if (out.json) await out.value(rehearsalView(job, ended));
    else for (const line of rehearsalLines(job, ended)) await out.line(line);
    out.notice('Nobody was asked, and nothing was written.');
    return EXIT.ok;
  } finally {
    progress.end();
    interrupts.stop();
  }
}

async function print({ out, deps }: Context, result: JsonObject): Promise<void> {
  if (out.json) return out.value(result);
  const given = result['result'] as string;
  // Into a file or a pipe as the model gave it; a terminal would obey what stands in it.
  const text = deps.isTty.stdout ? plainText(given) : given;
  return out.data(text.endsWith('\n') || !deps.isTty.stdout ? text : `${text}\n`);
}

function spentOn(result: JsonObject): string {
  const usage = result['usage'] as unknown as Usage | null;
  if (usage === null || (usage.input === null && usage.output === null)) return '';
  const side = (tokens: number | null): string => (tokens === null ? '?' : count(tokens));
  return `, ${side(usage.input)} tokens in and ${side(usage.output)} out`;
}

interface One {
  readonly source: SourceJob | null;
  readonly faults: readonly FileFault[];
}

/** The one job of `FILE`, or the one that `FILE#KEY` names in a batch file. */
async function readOne(context: Context, given: string): Promise<One> {
  const { deps } = context;
  const isThere = given === '-' || (await exists(path.resolve(deps.cwd, given)));
  const at = isThere ? -1 : given.lastIndexOf('#');
  const [file, key] = at < 0 ? [given, null] : [given.slice(0, at), given.slice(at + 1)];
  const intake = await collectJobs({
    cwd: deps.cwd,
    paths: [file],
    jobs_dir: null,
    defaults: { options: {}, tags: [] },
    stdin: deps.stdin,
    limit: null,
  });
  const named = intake.jobs.filter(({ job }) => key === null || String(job.key) === key || job.name === key);
  const [source, ...others] = named;
  if (source !== undefined && others.length === 0 && (key !== null || intake.faults.length === 0))
    return { source, faults: [] };
  if (intake.faults.length > 0) return { source: null, faults: intake.faults };
  if (key !== null)
    throw new Problem('NotFound', `${file}: expected one job with the key "${key}", found ${named.length}.`);
  throw new Problem(
    'InvalidRequest',
    `${file} holds ${many(named.length, 'job')}; one is executed at a time.`,
    {
      hint: `Name one by its key: promptd execute '${file}#KEY'. All of them: promptd run ${file}`,
    },
  );
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}

function folderOf({ deps }: Context, { file }: SourceJob): string {
  return file === 'stdin' ? deps.cwd : path.dirname(path.resolve(deps.cwd, file));
}

/** The one that is named; else found upward from the file, whose links belong there; else upward from here. */
async function workspaceOf(context: Context, source: SourceJob): Promise<Workspace | null> {
  const { deps, given } = context;
  if (given.text('workspace') !== undefined) return context.workspace();
  return (await deps.findWorkspace(folderOf(context, source))) ?? context.workspace();
}

function linkOf({ deps }: Context, { file }: SourceJob, workspace: Workspace | null): string | null {
  if (file === 'stdin') return null;
  if (workspace === null) return path.basename(file);
  return path.relative(workspace.jobs_dir, path.resolve(deps.cwd, file)).split(path.sep).join('/');
}
