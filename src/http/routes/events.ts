/** `GET /events`: changes of runs as they are committed, in batches. */
import type { RunChange } from '../../core/ports/scheduler.ts';
import type { RunEventView } from '../../core/views.ts';
import { problemOut, textOf } from '../answer-schemas.ts';
import type { App } from '../app.ts';
import type { HttpContext } from '../http-context.ts';
import { eventsQuery } from '../schemas.ts';

export function eventRoutes(app: App, context: HttpContext): void {
  const texts = new EventTexts();
  app.get(
    '/events',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Changes of runs, as server-sent events',
        description:
          'First `hello`: what is committed from then on is told. Then `runs [{name, run, batch, state, attempt, reason}]`. After `gap` the stream ends: you read too slowly; connect again and read again what matters. `closing`: the server stops.',
        querystring: eventsQuery,
        response: { 200: textOf('A stream of events', 'text/event-stream'), '4xx': problemOut },
      },
    },
    (request, reply) =>
      context.stream(request, reply, async (stream, life) => {
        const { version, reads } = context.options;
        const { batch } = request.query;
        stream.send('hello', JSON.stringify({ version, store_id: reads.store_id }));
        const stop = context.hub.onAll((changes) => {
          const text = batch === undefined ? texts.all(changes) : texts.of(changes, batch);
          if (text !== null) stream.send('runs', text);
          if (!stream.isBehind) return;
          stream.send(
            'gap',
            '{"message":"You read more slowly than runs change. Connect again, and read again what matters."}',
          );
          stream.end();
        });
        if (!life.aborted)
          await new Promise((resolve) => life.addEventListener('abort', resolve, { once: true }));
        stop();
        stream.send('closing', '{"code":"ShuttingDown"}');
      }),
  );
}

/** The same changes go to every reader: their text is made once. */
class EventTexts {
  #changes: readonly RunChange[] | null = null;
  #text = '';

  all(changes: readonly RunChange[]): string {
    if (this.#changes !== changes) {
      this.#changes = changes;
      this.#text = JSON.stringify(changes.map(eventView));
    }
    return this.#text;
  }

  of(changes: readonly RunChange[], batch: string): string | null {
    const some = changes.filter((change) => change.batch === batch);
    return some.length === 0 ? null : JSON.stringify(some.map(eventView));
  }
}

function eventView({ name, run, batch, state, attempt, reason_code }: RunChange): RunEventView {
  return { name, run, batch, state, attempt, reason: reason_code };
}
