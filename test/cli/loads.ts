/** A program for a test: runs `promptd ls --json` against the server of PROMPTD_URL and tells what was loaded for it. */
import { registerHooks } from 'node:module';

const loaded: string[] = [];
registerHooks({
  load(url, context, next) {
    loaded.push(url);
    return next(url, context);
  },
});

const { runCli } = await import('../../src/cli/run-cli.ts');
const { connect } = await import('../../src/client/client.ts');
const refuse = (): Promise<never> => Promise.reject(new Error('not in this test'));
const sink = { write: () => true, once: () => undefined, on: () => undefined, off: () => undefined };
let stderr = '';

const code = await runCli({
  argv: ['ls', '--json'],
  env: {},
  cwd: '/',
  version: '1',
  stdout: sink,
  stderr: { ...sink, write: (text) => ((stderr += text), true) },
  stdin: (async function* () {})(),
  isTty: { stdin: false, stdout: false, stderr: false },
  now: () => 0,
  timers: { after: () => ({ cancel: () => undefined }), soon: () => undefined },
  onInterrupt: () => () => undefined,
  findWorkspace: () => Promise.resolve(null),
  connect: () => Promise.resolve(connect({ url: process.argv[2] ?? '' })),
  ensureServer: refuse,
  serve: refuse,
  instance: refuse,
  init: refuse,
  quickWorkspace: refuse,
  validate: refuse,
  workOf: refuse,
  openJob: refuse,
  testEndpoint: refuse,
  lookup: { resultsOf: refuse, jobOf: refuse },
  rebuild: refuse,
  examine: () => {
    throw new Error('not in this test');
  },
  verify: refuse,
});
const { moduleLoadList: builtin } = process as unknown as { moduleLoadList: readonly string[] };
process.stdout.write(JSON.stringify({ code, stderr, loaded, builtin }));
