/** What every route is handed: the options, and what the server holds once for all of them. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { RunRef } from '../core/names.ts';
import type { RunRow } from '../core/rows.ts';
import type { JobView } from '../core/views.ts';
import { adoptedOf } from './adopted.ts';
import type { Bodies } from './body.ts';
import type { ChangeHub } from './change-hub.ts';
import type { Doors } from './doors.ts';
import type { HttpOptions, Via } from './http-options.ts';
import type { LaneReasons } from './lane-reasons.ts';
import { NoSuchJob } from './no-such-job.ts';
import { logBug } from './problems.ts';
import { SseStream } from './sse.ts';
import { jobView, type JobViewParts, type Knowledge } from './views.ts';
import { within } from './within.ts';

export class HttpContext {
  readonly options: HttpOptions;
  readonly hub: ChangeHub;
  readonly lanes: LaneReasons;
  readonly bodies: Bodies;
  readonly doors: Doors;
  /** Aborts when the server begins to stop. */
  readonly closing: AbortSignal;

  constructor(parts: Pick<HttpContext, 'options' | 'hub' | 'lanes' | 'bodies' | 'doors' | 'closing'>) {
    this.options = parts.options;
    this.hub = parts.hub;
    this.lanes = parts.lanes;
    this.bodies = parts.bodies;
    this.doors = parts.doors;
    this.closing = parts.closing;
  }

  viaOf(request: FastifyRequest): Via {
    return this.doors.doorOf(request.raw).via;
  }

  /** Over TCP: whether it came with an admin key. */
  isAdmin(request: FastifyRequest): boolean {
    return this.doors.isAdmin(request.raw);
  }

  /** Aborts when the client is gone, or the server begins to stop. */
  lifeOf(reply: FastifyReply): AbortSignal {
    const life = new AbortController();
    const end = (): void => {
      this.closing.removeEventListener('abort', end);
      life.abort();
    };
    reply.raw.once('close', end);
    this.closing.addEventListener('abort', end, { once: true });
    if (this.closing.aborted || reply.raw.destroyed) end();
    return life.signal;
  }

  /** Serves events to one reader, and ends the stream however that ends: its head has left, so an error is only logged. */
  async stream(
    request: FastifyRequest,
    reply: FastifyReply,
    serve: (stream: SseStream, life: AbortSignal) => Promise<void>,
  ): Promise<FastifyReply> {
    const { timers, limits, log, random } = this.options;
    const life = this.lifeOf(reply);
    const stream = new SseStream({ reply, timers, limits });
    try {
      await serve(stream, life);
    } catch (error) {
      logBug(error, request, log, random);
    } finally {
      stream.end();
    }
    return reply;
  }

  /** The run that is meant; throws NotFound. */
  run(ref: RunRef): RunRow {
    const run = this.options.reads.run(ref.name, ref.run);
    if (run === null) throw new NoSuchJob(ref);
    return run;
  }

  async knowledge(): Promise<Knowledge> {
    return { reads: this.options.reads, lanes: await this.lanes.get() };
  }

  async view(run: RunRow, parts: Omit<JobViewParts, 'spec'> = {}): Promise<JobView> {
    const { reads, jobFile } = this.options;
    const known = await this.knowledge();
    return jobView(run, known, {
      ...parts,
      spec: reads.spec(run.id),
      job_file: jobFile?.(run.name) ?? null,
      adopted: adoptedOf(run, reads),
    });
  }

  /** A run and what its instance says of it now, waiting for that no longer than `live_state_wait_ms` (R25). */
  async liveView(run: RunRow): Promise<JobView> {
    if (run.state !== 'running') return this.view(run);
    const { scheduler, timers, limits, reads } = this.options;
    const wait_ms = limits.live_state_wait_ms;
    const live = await within(timers, wait_ms, scheduler.live(run.name, run.run, wait_ms), null);
    // It may have ended while its instance was asked.
    const now = reads.runById(run.id) ?? run;
    if (now.state !== 'running') return this.view(now);
    if (live !== null) return this.view(now, { live });
    const live_missing = `Instance ${now.instance ?? '?'} said nothing within ${wait_ms} ms; this is what the scheduler knows.`;
    return this.view(now, { live_missing });
  }
}
