import { EXIT } from '../../core/errors.ts';
import type { BatchView } from '../../core/views.ts';
import type { Context } from '../context.ts';
import type { Output } from '../output.ts';
import { costText, count, duration } from '../quantities.ts';
import { tableText } from '../table.ts';

export async function batches(context: Context): Promise<number> {
  const { out } = context;
  const client = await context.server();
  const all = await client.batches({ signal: context.signal });
  if (out.json) for (const batch of all) await out.value(batch);
  else if (all.length === 0) out.notice('There is no batch yet. One is made with: promptd run --batch NAME');
  else await out.line(await batchTable(out, all));
  return EXIT.ok;
}

export function batchTable(out: Output, all: readonly BatchView[]): Promise<string> {
  const waiting = ({ counts }: BatchView): number =>
    counts.scheduled + counts.queued + counts.blocked + counts.retrying;
  const failed = ({ counts }: BatchView): number => counts.failed + counts.cancelled;
  return tableText<BatchView>(
    [
      { head: 'BATCH', text: (one) => one.batch, max: 50 },
      { head: 'DONE', text: (one) => count(one.counts.completed), align: 'right' },
      { head: 'RUNNING', text: (one) => count(one.counts.running), align: 'right' },
      { head: 'WAITING', text: (one) => count(waiting(one)), align: 'right' },
      {
        head: 'FAILED',
        text: (one) => count(failed(one)),
        align: 'right',
        color: (text, one) => (failed(one) > 0 ? out.out.red(text) : text),
      },
      { head: 'TOTAL', text: (one) => count(one.total), align: 'right' },
      {
        head: 'ETA',
        text: (one) =>
          one.ended === one.total ? 'ended' : one.eta_s === null ? '-' : duration(one.eta_s * 1000),
        align: 'right',
      },
      {
        head: 'TOKENS',
        text: (one) => `${count(one.tokens.input)} in, ${count(one.tokens.output)} out`,
        align: 'right',
      },
      { head: 'COST', text: costText, align: 'right' },
    ],
    all,
    { head: out.out.dim, width: out.width },
  );
}
