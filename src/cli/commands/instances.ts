import { EXIT } from '../../core/errors.ts';
import type { InstanceStatus } from '../../core/ports/scheduler.ts';
import type { Context } from '../context.ts';
import { duration } from '../quantities.ts';
import { tableText } from '../table.ts';

export async function instances(context: Context): Promise<number> {
  const { out } = context;
  const client = await context.client();
  const all = await client.instances({ signal: context.signal });
  if (out.json) {
    await out.value({ instances: all });
    return EXIT.ok;
  }
  if (all.length === 0) {
    out.notice(
      'No instance has connected yet. Start one with: promptd serve, or promptd instance --connect host:port',
    );
    return EXIT.ok;
  }
  await out.line(
    await tableText<InstanceStatus>(
      [
        { head: 'ID', text: (one) => String(one.id), align: 'right' },
        { head: 'NAME', text: (one) => one.name, max: 40 },
        {
          head: 'STATE',
          text: (one) => one.state,
          color: (text, one) => (one.state === 'connected' ? out.out.green(text) : out.out.yellow(text)),
        },
        { head: 'SLOTS', text: (one) => `${one.running.length}/${one.slots}`, align: 'right' },
        { head: 'ENDPOINTS', text: (one) => one.endpoints.join(','), max: 60 },
        {
          head: 'HEARTBEAT',
          text: (one) => (one.silent_ms === null ? '-' : `${duration(one.silent_ms)} ago`),
        },
        { head: 'ADDRESS', text: (one) => one.address ?? '-' },
      ],
      all,
      { head: out.out.dim, width: out.width },
    ),
  );
  return EXIT.ok;
}
