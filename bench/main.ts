/**
 * `npm run bench`: what promptd does on this machine, with every process real: `serve` (three threads), its local instance,
 * and this client. The simulator stands in for a model and answers at once, so that what is measured is promptd alone.
 *
 *   npm run bench                      flow, single and pickup
 *   npm run bench -- --jobs 50000      more jobs
 *   npm run bench -- flow|single|pickup   one part
 *   npm run bench -- folders           a workspace of 100,000 job files and as many results; --files 1000000 for more
 *   npm run bench -- publisher         files a second beside a bare loop of the same system calls
 *   npm run bench -- isolation         attempts in processes of their own beside attempts in the instance's
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Argument } from 'commander';
import { program, wholeNumber } from '../test/support/program.ts';
import { flow } from './flow.ts';
import { folders } from './folders.ts';
import { isolation } from './isolation.ts';
import { pickup } from './pickup.ts';
import { publisher } from './publisher.ts';
import { simulatorConfig, startServe } from './serve-process.ts';
import { single } from './single.ts';

const parts = { flow, single, pickup };
/** Those that make workspaces of their own; run only where they are named. */
const apart = { folders, isolation, publisher };
const command = program('bench', 'What promptd does on this machine, with every process real.')
  .addArgument(
    new Argument('[parts...]', 'which parts; flow, single and pickup where none is named').choices([
      ...Object.keys(parts),
      ...Object.keys(apart),
    ]),
  )
  .option('--jobs <n>', 'jobs of the flow', wholeNumber(1), 30_000)
  .option('--files <n>', 'job files of the folders', wholeNumber(1_000), 100_000)
  .option('--folder <path>', 'where the workspaces are made', tmpdir())
  .option('--slots <n>', 'slots of the instance, and max_concurrent of the endpoint', wholeNumber(1), 100)
  .parse();
const { jobs, files, folder, slots } = command.opts<{
  readonly jobs: number;
  readonly files: number;
  readonly folder: string;
  readonly slots: number;
}>();
const wanted = command.args.length === 0 ? Object.keys(parts) : command.args;
console.log(`Node ${process.version}, ${cpus().length} cores, simulator without delay`);
if (Object.keys(parts).some((name) => wanted.includes(name))) await served();
for (const [name, part] of Object.entries(apart)) if (wanted.includes(name)) await part({ files, folder });

async function served(): Promise<void> {
  const root = await mkdtemp(join(folder, 'promptd-bench-'));
  await writeFile(join(root, 'promptd.config.json'), JSON.stringify(simulatorConfig(slots)));
  console.log(`${slots} slots, max_concurrent ${slots}`);
  const serve = await startServe(root);
  try {
    for (const [name, part] of Object.entries(parts)) {
      if (wanted.includes(name)) await part({ client: serve.client, jobs });
    }
  } finally {
    await serve.stop();
    await rm(root, { recursive: true, force: true });
  }
}
