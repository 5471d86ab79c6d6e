// npm run demo: the quickstart of examples/, asked to the end in demo/, a folder of this checkout that git ignores.
//
// What lies in demo/ is never overwritten, so a second run asks nothing again, and so does the first one of somebody who
// has tried things there. The server that it starts is ended again; one that ran before is left alone.
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, globSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadConfig } from '../src/app/config.ts';
import { ollamaModels } from '../src/app/ollama-models.ts';
import { processGone } from '../src/app/process-gone.ts';

const ROOT = path.join(import.meta.dirname, '..');
const DEMO = path.join(ROOT, 'demo');
const JOBS = path.join(DEMO, 'jobs');
const STAND_IN = 'simulator:demo';
const SHOWN = 'summary';
const INTERRUPTED = 130;
/** A graceful stop has 30 s; what is still there after this hangs. */
const STOP_MS = 40_000;

function say(sentence = '') {
  process.stderr.write(`${sentence}\n`);
}

/** Runs a command of promptd in demo/, on this terminal; resolves with its exit code. */
function promptd(...args) {
  say(`\n$ promptd ${args.join(' ')}`);
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [path.join(ROOT, 'bin/promptd.js'), ...args], {
      cwd: DEMO,
      env: ownWorkspace(),
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(signal === null ? code : INTERRUPTED));
  });
}

/** A server or a workspace that the environment names is not the one of this folder. */
function ownWorkspace() {
  const { PROMPTD_URL: _url, PROMPTD_KEY: _key, PROMPTD_WORKSPACE: _workspace, ...rest } = process.env;
  return rest;
}

/** The first model that an Ollama has, models that only embed left out. */
async function localModel() {
  const { endpoints } = await loadConfig(DEMO, process.env);
  const [url] = endpoints.get('ollama')?.base_urls ?? [];
  const models = url === undefined ? null : await ollamaModels(url);
  return { url, answers: models !== null, model: models?.find((name) => !/embed|minilm|bge-/i.test(name)) };
}

/** Adds what is missing of the quickstart, and says who will be asked. */
async function prepare() {
  const isNew = !existsSync(JOBS);
  const source = path.join(ROOT, 'examples/quickstart');
  const files = globSync('**/*', { cwd: source, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes(`${path.sep}.promptd`))
    .map((entry) => path.relative(source, path.join(entry.parentPath, entry.name)))
    .filter((file) => /^(jobs|data)\b|^promptd\.config\.json$/.test(file));
  const missing = files.filter((file) => !existsSync(path.join(DEMO, file)));
  for (const file of missing)
    cpSync(path.join(source, file), path.join(DEMO, file), { force: false, errorOnExist: true });
  const { url, answers, model } = await localModel();
  const asked = isNew ? (model === undefined ? STAND_IN : `ollama:${model}`) : askedBefore();
  for (const file of missing.filter((one) => one.startsWith('jobs')))
    replaceModel(path.join(DEMO, file), asked);
  say(
    `${isNew ? 'Made' : 'Found'} demo/, a workspace with the jobs of examples/quickstart. They ask ${asked}.`,
  );
  if (asked === STAND_IN) sayStandIn(answers, url, model);
  else if (!answers)
    say(`No Ollama answers at ${url}: what is not answered yet waits for it. Ctrl-C stops waiting.`);
}

function sayStandIn(answers, url, model) {
  say('That is a stand-in which makes its answers up, so that this runs without a model.');
  if (model !== undefined)
    say(
      `Ollama at ${url} has ${model}. To ask it: sed -i 's/${STAND_IN}/ollama:${model}/' demo/jobs/*, and again.`,
    );
  else if (answers) say(`Ollama answers at ${url} and has no model yet: ollama pull llama3.2:3b.`);
  else say(`No Ollama answers at ${url}.`);
}

/** Whom the files of an earlier demo ask; they are their user's now and may say anything. */
function askedBefore() {
  for (const file of readdirSync(JOBS)) {
    const [, model] = /"LLM_name": *"([^"]+)"/.exec(readFileSync(path.join(JOBS, file), 'utf8')) ?? [];
    if (model !== undefined) return model;
  }
  return STAND_IN;
}

function replaceModel(file, model) {
  writeFileSync(
    file,
    readFileSync(file, 'utf8').replaceAll(STAND_IN, () => model),
  );
}

function serverPid() {
  try {
    return JSON.parse(readFileSync(path.join(DEMO, '.promptd/server.json'), 'utf8')).pid;
  } catch {
    return undefined;
  }
}

async function stopServer(pid) {
  if (pid === undefined || processGone(pid)) return;
  process.kill(pid, 'SIGTERM');
  const until = performance.now() + STOP_MS;
  while (!processGone(pid) && performance.now() < until) await sleep(25);
  if (!processGone(pid)) say(`The server (pid ${pid}) does not stop; its log: demo/.promptd/logs/serve.log`);
}

/** The file of each job's answer, read as anybody would: without promptd. */
function answers(jobs) {
  const files = readdirSync(path.join(DEMO, 'results'));
  return jobs.map(({ name }) => {
    const file = files
      .filter((one) => one.replace(/^\d+_/, '') === `${name}.json`)
      .toSorted()
      .at(-1);
    if (file === undefined) return undefined;
    const { job, result } = JSON.parse(readFileSync(path.join(DEMO, 'results', file), 'utf8'));
    return typeof job === 'string' && typeof result === 'string' ? file : undefined;
  });
}

/** What this workspace has answered, by now or long ago. */
function completedJobs() {
  const bin = path.join(ROOT, 'bin/promptd.js');
  const lines = execFileSync(process.execPath, [bin, 'ls', '--state', 'completed', '--json'], {
    cwd: DEMO,
    env: ownWorkspace(),
    encoding: 'utf8',
  });
  return lines
    .trim()
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

async function main() {
  await prepare();
  const before = serverPid();
  const isForeign = before !== undefined && !processGone(before);
  let jobs = [];
  let code;
  try {
    code = await promptd('run');
    if (code === 0) {
      jobs = completedJobs();
      code = await promptd('result', SHOWN, '--render');
    } else if (code !== INTERRUPTED) await promptd('why');
  } finally {
    if (!isForeign) await stopServer(serverPid());
  }
  if (code !== 0) {
    if (code === INTERRUPTED) say('\nStopped; nothing is lost. npm run demo goes on where this one ended.');
    else
      say(
        `\nNot everything is answered (exit code ${code}). A failed job is asked again when its file has changed.`,
      );
    return code;
  }
  const found = answers(jobs);
  if (found.includes(undefined)) {
    say('\nExpected a result file in demo/results/ for each job; some are missing.');
    return 13;
  }
  sayNext(found);
  return 0;
}

function sayNext(found) {
  say(`
${found.length} answers lie in demo/results/, a file each, e.g. demo/results/${found.at(-1)}.
Try next:
  npm run demo                     again: everything is answered, so nothing is asked
  edit demo/jobs/haiku.json        then npm run demo: that job alone is asked, and its first answer stays
  npm run promptd -- run -m ${STAND_IN} -p "Say hello"
  docs/getting-started.md          from a loop to promptd in ten minutes`);
}

// A terminal sends Ctrl-C to the command that runs here as well: that one ends, and this one still ends the server.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
try {
  process.exitCode = await main();
} catch (error) {
  say(`promptd demo: ${error.message}`);
  process.exitCode = 1;
}
