/** The machine behind the jobs: instances, endpoints, figures, and whether it is alive and ready. */
import { Problem } from '../../core/errors.ts';
import { type FolderView, NOT_WATCHED } from '../../core/folder-view.ts';
import type { InstanceStatus, SchedulerStatus } from '../../core/ports/scheduler.ts';
import type { InstanceRow } from '../../core/rows.ts';
import {
  endpointsOut,
  folderCountsOut,
  folderOut,
  healthOut,
  instanceOut,
  instancesOut,
  problemOut,
  readyOut,
  statsOut,
} from '../answer-schemas.ts';
import type { App } from '../app.ts';
import type { HttpContext } from '../http-context.ts';
import { instanceParams } from '../schemas.ts';
import { within } from '../within.ts';

/** A scheduler that says nothing for this long is not ready. */
const STATUS_WAIT_MS = 2_000;

export function machineRoutes(app: App, context: HttpContext): void {
  const { scheduler, reads, clock, version, extra, folder = notWatched } = context.options;
  const started_at = clock.monotonic();

  app.get(
    '/instances',
    {
      config: { scope: 'read' },
      schema: { summary: 'Instances', response: { 200: instancesOut, '4xx': problemOut } },
    },
    async () => ({ instances: await instances(context) }),
  );

  app.get(
    '/instances/:id',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'One instance',
        params: instanceParams,
        response: { 200: instanceOut, '4xx': problemOut },
      },
    },
    async ({ params }) => {
      const one = (await instances(context)).find(({ id }) => id === params.id);
      if (one === undefined)
        throw new Problem('NotFound', `There is no instance ${params.id}`, {
          hint: 'Look with: promptd instances',
        });
      return one;
    },
  );

  app.get(
    '/endpoints',
    {
      config: { scope: 'read' },
      schema: { summary: 'Endpoints', response: { 200: endpointsOut, '4xx': problemOut } },
    },
    async () => ({ endpoints: (await scheduler.status()).endpoints }),
  );

  app.get(
    '/stats',
    {
      config: { scope: 'read' },
      schema: { summary: 'Figures of the server', response: { 200: statsOut, '4xx': problemOut } },
    },
    async () => {
      const [status, more, { counts }] = await Promise.all([scheduler.status(), extra.status(), folder()]);
      const states = Object.fromEntries(
        reads.counts(['state'], {}).map(({ by, runs }) => [by.state ?? '', runs]),
      );
      const { turns, unpublished } = status;
      const trouble = status.trouble ?? extra.trouble?.() ?? null;
      const uptime_s = Math.floor((clock.monotonic() - started_at) / 1_000);
      const { store_id } = reads;
      const figures = { uptime_s, turns, states, unpublished, trouble, processes: processesOf(status) };
      return { ...more, version, store_id, ...figures, folder: counts };
    },
  );
}

/** How many attempts run in processes of their own. */
function processesOf({ instances: all }: SchedulerStatus): number {
  return all.flatMap(({ running }) => running.filter(({ pid }) => pid !== null)).length;
}

export function folderRoutes(app: App, context: HttpContext): void {
  const { folder = notWatched } = context.options;
  app.get(
    '/folder',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Files of jobs/ that are wrong or differ from what was accepted, and answers of no run',
        response: { 200: folderOut, '4xx': problemOut },
      },
    },
    () => folder(),
  );

  app.get(
    '/folder/counts',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'How many files of jobs/ wait, are wrong or differ, and how many answers are of no run',
        response: { 200: folderCountsOut, '4xx': problemOut },
      },
    },
    async () => (await folder()).counts,
  );
}

function notWatched(): Promise<FolderView> {
  return Promise.resolve(NOT_WATCHED);
}

export function healthRoutes(app: App, context: HttpContext): void {
  const { scheduler, reads, version, timers } = context.options;

  app.get(
    '/healthz',
    {
      config: { scope: 'open' },
      schema: { summary: 'Whether the server lives', response: { 200: healthOut } },
    },
    (_request, reply) => reply.send({ ok: true, version, store_id: reads.store_id }),
  );

  app.get(
    '/readyz',
    {
      config: { scope: 'open' },
      schema: {
        summary: 'Whether the server takes new work',
        response: { 200: readyOut, '5xx': problemOut },
      },
    },
    async () => {
      if (context.closing.aborted) throw new Problem('ShuttingDown', 'This server is stopping');
      const status = await within(timers, STATUS_WAIT_MS, scheduler.status(), null);
      if (status === null) throw new Problem('Overloaded', 'The scheduler does not answer');
      if (status.trouble !== null)
        throw new Problem('Overloaded', `${status.trouble.code}: ${status.trouble.message}`);
      return { ready: true };
    },
  );
}

/** Those that the scheduler speaks with, and those that are only known from before. */
async function instances(context: HttpContext): Promise<InstanceStatus[]> {
  const { scheduler, reads } = context.options;
  const status = await scheduler.status();
  const present = new Set(status.instances.map(({ id }) => id));
  const absent = reads.instances().filter(({ id }) => !present.has(id));
  return [...status.instances, ...absent.map(gone)].toSorted((a, b) => a.id - b.id);
}

function gone({ id, name }: InstanceRow): InstanceStatus {
  return {
    id,
    name,
    state: 'disconnected',
    slots: 0,
    endpoints: [],
    address: null,
    version: null,
    pid: null,
    silent_ms: null,
    running: [],
  };
}
