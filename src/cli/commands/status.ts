import type { Client } from '../../client/client.ts';
import type { Stats } from '../../client/server-views.ts';
import { EXIT, Problem } from '../../core/errors.ts';
import { DISK_PARTS, type DiskUseView } from '../../core/disk-use.ts';
import type { EndpointStatus, InstanceStatus } from '../../core/ports/scheduler.ts';
import { RUN_STATES, type RunState } from '../../core/states.ts';
import type { BatchView } from '../../core/views.ts';
import type { Context } from '../context.ts';
import { plainText } from '../plain-text.ts';
import { byteText, count, duration, localTime, many } from '../quantities.ts';
import { stateColor, stateWord } from '../states-shown.ts';
import { sayUnasked } from '../unasked-files.ts';
import { watched } from '../watch.ts';
import { batchTable } from './batches.ts';
import { endpointTable } from './endpoints.ts';

interface Seen {
  readonly place: string;
  readonly version: string;
  readonly counts: Partial<Record<RunState, number>>;
  readonly batches: readonly BatchView[];
  readonly endpoints: readonly EndpointStatus[];
  readonly instances: readonly InstanceStatus[];
  readonly stats: Stats;
}

export async function status(context: Context): Promise<number> {
  return watched(context, async () => {
    const client = await context.client();
    const seen = await look(context, client).catch((error: unknown) => error);
    if (seen instanceof Problem && seen.code === 'Unreachable' && !context.isRemote) return noServer(context);
    if (seen instanceof Error) throw seen;
    await show(context, seen as Seen);
    if (!context.out.json) sayUnasked(context, (seen as Seen).stats.folder);
    return EXIT.ok;
  });
}

async function look(context: Context, client: Client): Promise<Seen> {
  const { signal } = context;
  const [health, counted, batches, endpoints, instances, stats] = await Promise.all([
    client.healthz({ signal }),
    client.counts(['state'], {}, { signal }),
    client.batches({ signal, limit: 100 }),
    client.endpoints({ signal }),
    client.instances({ signal }),
    client.stats({ signal }),
  ]);
  const counts = Object.fromEntries(counted.map((row) => [row.by.state, row.runs])) as Partial<
    Record<RunState, number>
  >;
  return { place: client.place, version: health.version, counts, batches, endpoints, instances, stats };
}

/** No server is a state of a workspace, not an error of the question; programs see it by the exit code. */
async function noServer(context: Context): Promise<number> {
  const workspace = await context.needWorkspace();
  if (context.out.json) await context.out.value({ workspace: workspace.root, server: null });
  else {
    await context.out.line(`workspace ${plainText(workspace.root)}`);
    await context.out.line(
      'server    not running. Start it with: promptd serve; or promptd run, which does so by itself.',
    );
  }
  return EXIT.unreachable;
}

async function show(context: Context, seen: Seen): Promise<void> {
  const { out } = context;
  const workspace = context.isRemote ? null : await context.workspace();
  const server = (await workspace?.server()) ?? null;
  if (out.json) {
    await out.value({
      workspace: workspace?.root ?? null,
      server: { ...server, place: seen.place, version: seen.version },
      counts: seen.counts,
      batches: seen.batches,
      endpoints: seen.endpoints,
      instances: seen.instances,
      stats: seen.stats,
    });
    return;
  }
  if (workspace !== null) await out.line(`workspace ${plainText(workspace.root)}`);
  const since = server === null ? '' : ` (pid ${server.pid}, since ${localTime(server.started_at)})`;
  await out.line(`server    promptd ${seen.version} at ${server?.url ?? seen.place}${since}`);
  await out.line(`jobs      ${countsLine(context, seen.counts)}`);
  await out.line(`instances ${instancesLine(seen.instances)}`);
  const files = filesLine(seen.stats.folder);
  if (files !== null) await out.line(`files     ${files}`);
  const trouble = seen.stats.trouble;
  if (trouble !== null)
    await out.line(out.out.red(`trouble   ${trouble.code}: ${plainText(trouble.message)}`));
  const disk = seen.stats.disk_free_bytes;
  if (disk !== undefined) await out.line(`disk      ${byteText(disk)} free`);
  const use = seen.stats.disk_use;
  if (use !== undefined) await out.line(`disk use  ${diskUseLine(use)}`);
  const open = seen.batches.filter((batch) => batch.ended < batch.total);
  if (open.length > 0) await out.line(`\n${await batchTable(out, open)}`);
  if (seen.endpoints.length > 0) await out.line(`\n${await endpointTable(out, seen.endpoints)}`);
}

function countsLine(context: Context, counts: Seen['counts']): string {
  const words = RUN_STATES.flatMap((state) => {
    const runs = counts[state] ?? 0;
    return runs === 0 ? [] : [stateColor(state, context.out.out)(`${count(runs)} ${stateWord(state)}`)];
  });
  return words.length === 0 ? 'none yet' : words.join(' · ');
}

/** Null where nothing is to be said of the files of `jobs/` and of answers. */
function filesLine(folder: Stats['folder']): string | null {
  if (folder === undefined) return null;
  const { watched: isWatched, waiting, rejected, changed, of_no_run } = folder;
  const words = [
    ...(!isWatched || waiting === null || waiting === 0 ? [] : [`${count(waiting)} waiting`]),
    ...(rejected === 0 ? [] : [`${count(rejected)} rejected (promptd ls --rejected)`]),
    ...(changed === 0 ? [] : [`${count(changed)} changed (promptd ls --changed)`]),
  ];
  const places = [
    ...(words.length === 0 ? [] : [`in jobs/: ${words.join(' · ')}`]),
    ...(of_no_run === 0
      ? []
      : [`in results/ or ended/: ${many(of_no_run, 'file')} of no run (promptd ls --rejected)`]),
  ];
  return places.length === 0 ? null : places.join(' · ');
}

/** `jobs 391 MiB in 100,001 inodes · … (4s ago)` */
function diskUseLine(use: DiskUseView | null): string {
  if (use === null) return 'being counted; ask again soon';
  const words = DISK_PARTS.flatMap((part) => {
    const { bytes, inodes } = use[part];
    return inodes === 0 ? [] : [`${part} ${byteText(bytes)} in ${many(inodes, 'inode')}`];
  });
  return `${words.join(' · ')} (${duration(use.age_s * 1_000)} ago)`;
}

function instancesLine(all: readonly InstanceStatus[]): string {
  const connected = all.filter((one) => one.state !== 'disconnected');
  if (connected.length === 0) return 'none connected';
  const busy = connected.reduce((sum, one) => sum + one.running.length, 0);
  const slots = connected.reduce((sum, one) => sum + one.slots, 0);
  const silent = Math.max(...connected.map((one) => one.silent_ms ?? 0));
  const quiet = silent > 10_000 ? `, one silent for ${duration(silent)}` : '';
  return `${connected.length} connected, ${busy} of ${count(slots)} slots busy${quiet}`;
}
