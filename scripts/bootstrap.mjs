// Runs one of the project's tasks on the project's own Node, installing everything first where that is needed:
//
//   node scripts/bootstrap.mjs TASK [arguments]
//
// Every npm script goes through this file, so each of them works in a bare clone and on a machine whose Node is too
// old for promptd itself. That is why it is written in the syntax of Node 12 and imports nothing but Node.
import { spawn } from 'child_process';
import fs from 'fs';
import path from 'path';
import { fileURLToPath } from 'url';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');
const bin = path.join(root, 'node_modules', '.bin');

/** npm leaves out optional packages that do not want the Node it runs on, and says nothing; among them are the native
 * parts of the test runner, which want this. (Tried: Node 16 with npm 8 installs a test runner that cannot start.) */
function canInstall(version) {
  const [major, minor] = version.split('.').map(Number);
  return (major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22;
}

const vitest = ['node_modules/vitest/vitest.mjs', 'run'];
const lint = [
  ['node_modules/oxfmt/bin/oxfmt', '--check'],
  ['node_modules/oxlint/bin/oxlint'],
  ['node_modules/typescript/bin/tsc'],
  ['node_modules/knip/bin/knip.js'],
];

// A task is a list of programs for Node. All of them run, and the task fails if one did; only the last is given the
// arguments of the command line.
const tasks = {
  test: [vitest],
  'test:slow': [vitest.concat('--config', 'vitest.slow.config.ts')],
  lint,
  check: lint.concat([vitest.concat('--project', 'unit')]),
  format: [['node_modules/oxfmt/bin/oxfmt']],
  demo: [['scripts/demo.mjs']],
  bench: [['bench/main.ts']],
  sim: [['test/sim/main.ts']],
  chaos: [['test/chaos/main.ts']],
  mutants: [['test/mutants/main.ts']],
  build: [
    ['-e', "require('fs').rmSync('dist', { recursive: true, force: true })"],
    ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'],
    // Not TypeScript, and started by its path.
    ['-e', "require('fs').copyFileSync('src/packages/bridge.py', 'dist/packages/bridge.py')"],
  ],
  promptd: [['bin/promptd.js']],
};

function fail(sentence) {
  console.error(sentence);
  process.exit(1);
}

/** Runs a program to its end and gives its exit code; a signal that would end this process is passed on instead. */
function run(command, args, cwd) {
  return new Promise((resolve, reject) => {
    const env = Object.assign({}, process.env, { PATH: bin + path.delimiter + process.env.PATH });
    const child = spawn(command, args, { cwd, env, stdio: 'inherit', shell: command === 'npm.cmd' });
    // A terminal sends SIGINT to the child as well, so that one is only survived here.
    const passed = {
      SIGINT: () => undefined,
      SIGTERM: () => child.kill('SIGTERM'),
      SIGHUP: () => child.kill('SIGHUP'),
    };
    Object.keys(passed).forEach((signal) => process.on(signal, passed[signal]));
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      Object.keys(passed).forEach((name) => process.removeListener(name, passed[name]));
      resolve(signal === null ? code : 1);
    });
  });
}

function lockedPackages(file) {
  return JSON.parse(fs.readFileSync(path.join(root, file), 'utf8')).packages;
}

/** Says why node_modules is not what package-lock.json asks for, or nothing where it is. Contents are compared, not
 * dates: a checkout touches the lock file without changing it. */
function whyInstall() {
  let installed;
  try {
    installed = lockedPackages('node_modules/.package-lock.json');
  } catch {
    return 'node_modules is missing';
  }
  const wanted = lockedPackages('package-lock.json');
  const stale = Object.keys(wanted).find((name) => {
    if (name === '') return false;
    // npm leaves out what was made for other platforms.
    if (installed[name] === undefined) return !wanted[name].optional;
    return installed[name].version !== wanted[name].version;
  });
  return stale === undefined ? undefined : `${stale} is not as package-lock.json has it`;
}

async function install() {
  const reason = whyInstall();
  if (reason === undefined) return;
  if (!canInstall(process.versions.node)) {
    fail(
      `promptd brings its own Node, but Node ${process.versions.node} cannot install it: run this on Node 20.19, 22.12 or ` +
        'newer, or use the published package with npx -y -p node@24 -p promptd promptd …',
    );
  }
  console.error(`promptd: installing with npm ci, because ${reason} …`);
  // The warnings left out say only that this machine's Node is older than what is being installed.
  const code = await run(process.platform === 'win32' ? 'npm.cmd' : 'npm', ['ci', '--loglevel=error'], root);
  if (code !== 0) fail(`promptd: npm ci failed with exit code ${code}; its message is above.`);
}

async function main() {
  const name = process.argv[2];
  const task = Object.prototype.hasOwnProperty.call(tasks, name) ? tasks[name] : undefined;
  if (task === undefined) fail(`Expected a task (${Object.keys(tasks).join(', ')}), got ${name}.`);
  await install();
  const node = path.join(bin, 'node');
  if (!fs.existsSync(node)) {
    fail(
      'promptd: node_modules/.bin/node is missing: npm was told to run no install scripts (ignore-scripts); allow them and run npm ci.',
    );
  }
  // promptd works on the folder its user is in, every other task on this checkout.
  const cwd = name === 'promptd' ? process.env.INIT_CWD || process.cwd() : root;
  let exitCode = 0;
  for (const [index, program] of task.entries()) {
    const file = name === 'promptd' ? [path.join(root, program[0])] : program;
    const args = index === task.length - 1 ? file.concat(process.argv.slice(3)) : file;
    const code = await run(node, args, cwd);
    if (code !== 0 && task.length > 1)
      console.error(`promptd: ${program.join(' ')} failed with exit code ${code}.`);
    exitCode = exitCode || code;
  }
  process.exitCode = exitCode;
}

main().catch((error) => fail(error.stack));
