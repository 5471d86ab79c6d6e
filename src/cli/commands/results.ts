import { EXIT, Problem } from '../../core/errors.ts';
import { isName, jobFileName } from '../../core/names.ts';
import type { ResultNameView } from '../../core/views.ts';
import type { Context } from '../context.ts';
import { localTime } from '../quantities.ts';
import { tableText } from '../table.ts';
import { theName } from './show.ts';

/** Every result of a job by the names in results/: no file is opened, and no server is needed. */
export async function results(context: Context): Promise<number> {
  const { out } = context;
  const name = theName(context);
  if (!isName(name))
    throw new Problem('InvalidRequest', `expected the name of a job (faq-17), got ${JSON.stringify(name)}.`);
  const found = context.isRemote ? await namesThere(context, name) : await namesHere(context, name);
  if (found.length === 0) {
    if (out.json) await out.value({ job: jobFileName(name), result: null });
    else out.notice(`${name} has no result.`);
    return EXIT.ok;
  }
  if (out.json) for (const one of found) await out.value(one);
  else await out.line(await tableOf(context, found));
  return EXIT.ok;
}

async function namesThere(context: Context, name: string): Promise<readonly ResultNameView[]> {
  const client = await context.client();
  return (await client.resultsOf(name, { signal: context.signal })).results;
}

/** Which run a file is of is no part of its name: the server knows it, where one runs and answers. */
async function namesHere(context: Context, name: string): Promise<readonly ResultNameView[]> {
  const workspace = await context.needWorkspace();
  const found = await context.deps.lookup.resultsOf(workspace.results_dir, name);
  const isServed = found.length > 0 && (await workspace.server()) !== null;
  const known = isServed ? await namesThere(context, name).catch(() => []) : [];
  const runs = new Map(known.map(({ file, run }) => [file, run]));
  return found.map((one) => ({ ...one, run: runs.get(one.file) ?? null }));
}

function tableOf({ out }: Context, found: readonly ResultNameView[]): Promise<string> {
  return tableText<ResultNameView>(
    [
      { head: 'FILE', text: (one) => one.file },
      { head: 'RUN', text: (one) => (one.run === null ? '-' : String(one.run)), align: 'right' },
      { head: 'PUBLISHED', text: (one) => localTime(one.epoch) },
    ],
    found,
    { head: out.out.dim, width: out.width },
  );
}
