/**
 * `npm run bench`: what promptd does on this machine, with every process real: `serve` (three threads), its local instance,
 * and this client. The simulator stands in for a model and answers at once, so that what is measured is promptd alone.
 *
 *   npm run bench                      all of it
 *   npm run bench -- --jobs 50000      more jobs
 *   npm run bench -- flow|single|pickup   one part
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Argument } from 'commander';
import { program, wholeNumber } from '../test/support/program.ts';
import { flow } from './flow.ts';
import { pickup } from './pickup.ts';
import { startServe } from './serve-process.ts';
import { single } from './single.ts';

const parts = { flow, single, pickup };
const command = program('bench', 'What promptd does on this machine, with every process real.')
  .addArgument(new Argument('[parts...]', 'which parts; all where none is named').choices(Object.keys(parts)))
  .option('--jobs <n>', 'jobs of the flow', wholeNumber(1), 30_000)
  .option('--slots <n>', 'slots of the instance, and max_concurrent of the endpoint', wholeNumber(1), 100)
  .parse();
const { jobs, slots } = command.opts<{ readonly jobs: number; readonly slots: number }>();
const wanted = command.args.length === 0 ? Object.keys(parts) : command.args;
const root = await mkdtemp(join(tmpdir(), 'promptd-bench-'));
await writeFile(
  join(root, 'promptd.config.json'),
  JSON.stringify({
    default_endpoint: 'simulator',
    endpoints: { simulator: { kind: 'simulator', tokens_per_second: 0, max_concurrent: slots } },
    http: { port: 0 },
    instances: { port: 0 },
    instance: { slots },
  }),
);
console.log(
  `Node ${process.version}, ${cpus().length} cores, ${slots} slots, max_concurrent ${slots}, simulator without delay`,
);
const serve = await startServe(root);
try {
  for (const [name, part] of Object.entries(parts)) {
    if (wanted.includes(name)) await part({ client: serve.client, jobs });
  }
} finally {
  await serve.stop();
  await rm(root, { recursive: true, force: true });
}
