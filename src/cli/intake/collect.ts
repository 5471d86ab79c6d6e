/** From what the user names to jobs: files, folders, batches, or jobs/ where nothing is named. */
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { messageOf, Problem } from '../../core/errors.ts';
import { isName, NAME_EXPECTED } from '../../core/names.ts';
import { readAnyJobs, readBatchFile, readJobFile, type ReadJobs } from './read-jobs.ts';
import type { FileFault, Intake, JobDefaults, SourceJob } from './source-job.ts';

export interface CollectOptions {
  readonly cwd: string;
  readonly paths: readonly string[];
  /** The folder that is meant where nothing is named; null: something must be named. */
  readonly jobs_dir: string | null;
  readonly defaults: JobDefaults;
  readonly stdin: AsyncIterable<Uint8Array | string>;
  /** At most so many jobs; null: all. */
  readonly limit: number | null;
}

/** Rejects with `NotFound` where a path leads nowhere. What is wrong inside files comes back as faults. */
export async function collectJobs(options: CollectOptions): Promise<Intake> {
  const jobs: SourceJob[] = [];
  const faults: FileFault[] = [];
  const files = await filesOf(options);
  for (const file of files) {
    if (options.limit !== null && jobs.length >= options.limit) break;
    const read = await readOne(options, file);
    jobs.push(...read.jobs);
    faults.push(...read.faults);
  }
  const taken = options.limit === null ? jobs : jobs.slice(0, options.limit);
  return { jobs: taken, faults: [...faults, ...namesTwice(taken)], files: files.length };
}

/** The files that are meant, as the user would name them; `-` is stdin. */
export async function filesOf(
  options: Pick<CollectOptions, 'cwd' | 'paths' | 'jobs_dir'>,
): Promise<readonly string[]> {
  const { jobs_dir: jobsDir } = options;
  if (options.paths.length > 0)
    return (await Promise.all(options.paths.map((given) => expand(options.cwd, given)))).flat();
  if (jobsDir === null)
    throw new Problem(
      'InvalidRequest',
      'Which jobs? Name files, folders, or - for stdin; or give -m MODEL -p PROMPT.',
    );
  return expand(options.cwd, path.relative(options.cwd, jobsDir) || '.');
}

/** A folder stands for the job files directly in it, by name. */
async function expand(cwd: string, given: string): Promise<string[]> {
  if (given === '-') return ['-'];
  const whole = path.resolve(cwd, given);
  const facts = await stat(whole).catch((cause: unknown) => {
    throw new Problem('NotFound', `${given}: there is no such file or folder.`, { cause });
  });
  if (!facts.isDirectory()) return [given];
  const names = (await readdir(whole)).filter((name) => /\.jsonl?$/.test(name) && !name.startsWith('.'));
  return names.toSorted(byNumbersToo).map((name) => path.join(given, name));
}

/** `faq-2` before `faq-10`, and `faq` before `faq-2`: it is names of jobs that are ordered, and not names of files. */
function byNumbersToo(a: string, b: string): number {
  const [one, other] = [path.parse(a).name, path.parse(b).name];
  return one.localeCompare(other, 'en', { numeric: true }) || (a < b ? -1 : 1);
}

async function readOne(options: CollectOptions, file: string): Promise<ReadJobs> {
  const { defaults } = options;
  if (file === '-') return readAnyJobs({ file: 'stdin', bytes: await readAll(options.stdin) }, defaults);
  const bytes = await readFile(path.resolve(options.cwd, file)).catch((error: unknown) => {
    const why = messageOf(error);
    throw new Problem('NotFound', `${file}: it cannot be read: ${why}`, { cause: error });
  });
  const isBatch = file.endsWith('.jsonl');
  const name = path.basename(file).replace(/\.jsonl?$/, '');
  const read = isBatch
    ? readBatchFile({ file, bytes, batch: name }, defaults)
    : readJobFile({ file, bytes, name }, defaults);
  const isNeeded = isBatch ? defaults.batch === undefined : read.jobs.some(({ job }) => job.name === name);
  if (!isNeeded || isName(name)) return read;
  const hint = isBatch
    ? 'Rename the file, or give --batch NAME.'
    : 'Rename the file, or give the job a "name".';
  const fault = {
    code: 'InvalidJob',
    path: '(file name)',
    expected: NAME_EXPECTED,
    got: JSON.stringify(name),
    hint,
  } as const;
  return { jobs: [], faults: [...read.faults, { file, fault }] };
}

async function readAll(stdin: AsyncIterable<Uint8Array | string>): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of stdin) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** Two jobs of one name in one submission would be two runs of it: nobody means that. */
function namesTwice(jobs: readonly SourceJob[]): FileFault[] {
  const first = new Map<string, SourceJob>();
  return jobs.flatMap((one) => {
    const { name } = one.job;
    if (typeof name !== 'string') return [];
    const before = first.get(name);
    if (before === undefined) {
      first.set(name, one);
      return [];
    }
    const hint = `It is also in ${before.file}. Rename one of them.`;
    const fault = one.place({
      code: 'InvalidJob',
      path: 'name',
      expected: 'a name that is used once',
      got: JSON.stringify(name),
      hint,
    });
    return [{ file: one.file, fault }];
  });
}
