/** A program that has children and waits to be killed: `node guarded-parent.ts MARK`. It says their pids once they all run. */
import { GuardedChildren } from '../../src/platform/children.ts';
import { fixture, guardEnvironment, marksFrom, PATH } from './child-processes.ts';

const children = new GuardedChildren({ env: guardEnvironment(), random: marksFrom(process.argv[2] ?? '') });
const pids: number[] = [];
const programs: [string, ...string[]][] = [
  [fixture('sleeps.sh')],
  [fixture('stubborn.sh')],
  [fixture('polite.sh')],
  // Nothing but its group tells of this one.
  ['/bin/sh', '-c', 'echo ready >&2; exec env -i sleep 600'],
];
for (const argv of programs) {
  let pid = 0;
  children.spawn(
    { argv, env: { PATH }, cwd: null, output_bytes_max: 1_000 },
    {
      started: (it) => {
        pid = it;
      },
      stdout: () => undefined,
      // Each says that it is ready, and nothing else.
      stderr: () => {
        pids.push(pid);
        if (pids.length === programs.length) console.log(JSON.stringify(pids));
      },
    },
  );
}
