import { EXIT } from '../../core/errors.ts';
import type { InstanceStatus } from '../../core/ports/scheduler.ts';
import type { Context } from '../context.ts';
import { duration } from '../quantities.ts';
import { shortRef } from '../short-ref.ts';
import { tableText } from '../table.ts';

type Running = InstanceStatus['running'][number] & {
  readonly instance: number;
  readonly instance_name: string;
};

export async function ps(context: Context): Promise<number> {
  const { out } = context;
  const client = await context.client();
  const all = await client.instances({ signal: context.signal });
  const running = all.flatMap((one) =>
    one.running.map((attempt): Running => ({ ...attempt, instance: one.id, instance_name: one.name })),
  );
  if (out.json) {
    for (const attempt of running) await out.value(attempt);
    return EXIT.ok;
  }
  if (running.length === 0) {
    out.notice('Nothing runs now.');
    return EXIT.ok;
  }
  await out.line(
    await tableText<Running>(
      [
        { head: 'NAME', text: (one) => shortRef(one), max: 60 },
        { head: 'ATTEMPT', text: (one) => String(one.attempt), align: 'right' },
        { head: 'INSTANCE', text: (one) => one.instance_name, max: 30 },
        { head: 'LANE', text: (one) => `${one.endpoint}:${one.model}`, max: 40 },
        { head: 'PID', text: (one) => (one.pid === null ? '-' : String(one.pid)), align: 'right' },
        { head: 'ELAPSED', text: (one) => duration(one.elapsed_ms), align: 'right' },
        { head: 'TIMEOUT', text: (one) => duration(one.timeout_ms), align: 'right' },
      ],
      running,
      { head: out.out.dim, width: out.width },
    ),
  );
  return EXIT.ok;
}
