import type { Context } from '../context.ts';

const PORTS = { min: 0, max: 65_535 };

export async function serve(context: Context): Promise<number> {
  const { given } = context;
  const host = given.text('host');
  const port = given.whole('port', PORTS);
  const instancesPort = given.whole('instancesPort', PORTS);
  const slots = given.whole('slots', { min: 0, max: 100_000 });
  return context.deps.serve({
    workspace: await context.needWorkspace(),
    detached: given.flag('detached'),
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
    ...(instancesPort === undefined ? {} : { instances_port: instancesPort }),
    ...(slots === undefined ? {} : { slots }),
  });
}
