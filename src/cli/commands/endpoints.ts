import { EXIT, Problem } from '../../core/errors.ts';
import type { EndpointStatus } from '../../core/ports/scheduler.ts';
import type { Context } from '../context.ts';
import type { Output } from '../output.ts';
import { tableText } from '../table.ts';
import { endpointTest } from './endpoint-test.ts';

export async function endpoints(context: Context): Promise<number> {
  const { out } = context;
  const [action, name] = context.args;
  if (action === 'test') return endpointTest(context, name);
  if (action !== undefined)
    throw new Problem('InvalidRequest', `endpoints: expected test, got ${JSON.stringify(action)}.`);
  const client = await context.client();
  const all = await client.endpoints({ signal: context.signal });
  if (out.json) {
    await out.value({ endpoints: all });
    return EXIT.ok;
  }
  if (all.length === 0) out.notice('No endpoint is configured: "endpoints" in promptd.config.json.');
  else await out.line(await endpointTable(out, all));
  return EXIT.ok;
}

export function endpointTable(out: Output, all: readonly EndpointStatus[]): Promise<string> {
  return tableText<EndpointStatus>(
    [
      { head: 'ENDPOINT', text: (one) => one.name, max: 40 },
      { head: 'KIND', text: (one) => one.kind },
      { head: 'RUNNING', text: (one) => `${one.running}/${one.max_concurrent}`, align: 'right' },
      {
        head: 'GATE',
        text: (one) => (one.paused ? 'paused' : one.gate),
        color: (text, one) =>
          one.gate === 'open' && !one.paused ? out.out.green(text) : out.out.yellow(text),
      },
      {
        head: 'REASON',
        text: (one) => (one.reason === null ? '' : `${one.reason.code}: ${one.reason.message}`),
      },
    ],
    all,
    { head: out.out.dim, width: out.width },
  );
}
