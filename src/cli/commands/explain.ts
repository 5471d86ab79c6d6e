import { type Difference, differences, type Work } from '../../core/differences.ts';
import { EXIT, Problem } from '../../core/errors.ts';
import { canonicalJson, type Json } from '../../core/json.ts';
import type { Context } from '../context.ts';
import { filesWrong, showFaults } from '../intake/fault-text.ts';
import { collectJobs } from '../intake/collect.ts';
import type { FileFault, SourceJob } from '../intake/source-job.ts';
import { clip, plainLine } from '../plain-text.ts';
import { resolveName } from '../selection.ts';

/** One of the two, with what it asks. */
interface Side {
  readonly job: string;
  readonly digest: string;
  readonly work: Work;
}

/** What makes two jobs different work: jobs of the server by name, or files. */
export async function explain(context: Context): Promise<number> {
  const { out, args } = context;
  const [first, second] = args;
  if (first === undefined || second === undefined || args.length > 2)
    throw new Problem('InvalidRequest', 'Which two jobs? Give two names or files: promptd explain A B');
  const [a, b] = [await sideOf(context, first), await sideOf(context, second)];
  if (!('work' in a) || !('work' in b)) {
    const faults = [a, b].flatMap((side) => ('work' in side ? [] : side));
    showFaults(out, faults);
    out.complain(`${filesWrong(faults)}.`);
    return EXIT.invalid_job;
  }
  const found = differences(a.work, b.work);
  const same = a.digest === b.digest;
  if (out.json) {
    const [sideA, sideB] = [a, b].map(({ job, digest }) => ({ job, digest }));
    await out.value({ same, a: sideA, b: sideB, differs: found });
    return EXIT.ok;
  }
  for (const line of same ? sameLines(a) : differLines(found)) await out.line(line);
  return EXIT.ok;
}

async function sideOf(context: Context, given: string): Promise<Side | readonly FileFault[]> {
  return /[/\\]|\.jsonl?(#|$)/.test(given) ? sideOfFile(context, given) : sideOfName(context, given);
}

async function sideOfName(context: Context, given: string): Promise<Side> {
  const ref = await resolveName(context, given);
  const client = await context.server();
  const job = await client.job(ref, { with: ['request', 'spec', 'prompt'], signal: context.signal });
  const [request, spec, prompt] = [job.with?.request, job.with?.spec, job.with?.prompt].map(canonicalJson);
  return {
    job: `${job.name}@${job.run}`,
    digest: job.digest,
    work: { request: request ?? '', spec: spec ?? '', prompt: prompt ?? '' },
  };
}

/** `jobs/faq-17.json`, or `questions.jsonl#faq-17`. */
async function sideOfFile(context: Context, given: string): Promise<Side | readonly FileFault[]> {
  const [file = given, key] = given.split('#', 2);
  const { jobs, faults } = await collectJobs({
    cwd: context.deps.cwd,
    paths: [file],
    jobs_dir: null,
    defaults: { options: {}, tags: [] },
    stdin: context.deps.stdin,
    limit: null,
  });
  const meant = key === undefined ? jobs : jobs.filter(({ job }) => job.key === key || job.name === key);
  const [only, another] = meant;
  if (only === undefined && faults.length > 0) return faults;
  if (only === undefined || another !== undefined) throw notOneJob(file, key, meant.length);
  return prepared(context, given, only);
}

async function prepared(
  context: Context,
  given: string,
  source: SourceJob,
): Promise<Side | readonly FileFault[]> {
  const made = await context.deps.workOf(await context.workspace(), source.job);
  if (!made.ok) return made.faults.map((fault) => ({ file: source.file, fault: source.place(fault) }));
  return { job: given, digest: made.digest, work: made.work };
}

function notOneJob(file: string, key: string | undefined, count: number): Problem {
  const which = key === undefined ? '' : ` with the key ${JSON.stringify(key)}`;
  return new Problem('InvalidRequest', `${file}: expected one job${which}, got ${count}.`, {
    hint: 'Name one line of a batch by its key: questions.jsonl#faq-17',
  });
}

function sameLines({ digest }: Side): string[] {
  return [`The same work: ${digest}`, 'It is asked once, and both have that answer.'];
}

const WHY: Readonly<Record<string, string>> = {
  fresh: 'a fresh draw shares no answer but with its own word',
  name: 'a script in it is not pure: it is the same work only as itself',
  'prompt.data': 'the text is the same, and what was read or made for it is not',
};

function differLines(found: readonly Difference[]): string[] {
  const lines = found.flatMap(({ path, a, b }) => {
    const why = WHY[path];
    return [
      `  ${plainLine(path)}${why === undefined ? '' : ` (${why})`}`,
      `    A ${short(a)}`,
      `    B ${short(b)}`,
    ];
  });
  return ['Different work. What differs:', ...lines];
}

function short(value: Json): string {
  return value === null
    ? '-'
    : clip(plainLine(typeof value === 'string' ? value : JSON.stringify(value)), 100);
}
