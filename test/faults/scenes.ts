/** The parts of promptd that write files, each in a scene that meets every kind of write of its own. */
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ensureAdminKey, instanceToken } from '../../src/app/door-keys.ts';
import type { AttemptReport } from '../../src/core/attempt.ts';
import { AttemptLog } from '../../src/instance/attempt-log.ts';
import { outcomeFrame } from '../../src/instance/outcome-frame.ts';
import { Spool } from '../../src/instance/spool.ts';
import { AttemptLogReader, AttemptLogWriter } from '../../src/workspace/attempt-logs.ts';
import { preparePublishing } from '../../src/workspace/publishing-folders.ts';
import { resultFileText } from '../../src/workspace/result-file.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { filesIn, temporaryFolder, temporaryWorkspace } from '../workspace/folder.ts';
import { publicationBody } from '../workspace/publication-rows.ts';
import { publishing } from '../workspace/publisher-setup.ts';
import { FaultyDisk, type Fault } from './faulty-disk.ts';

/**
 * `waits`: nothing is lost, and it goes on by itself once the fault is over. `ends`: nothing more is promised, and the
 * process is told to end at the first fault. `goes on`: nothing that was promised depends on it. `refused`: the caller gets
 * the system's error, and what is asked again later is done whole.
 */
export type Outcome = 'waits' | 'ends' | 'goes on' | 'refused';

export interface Played {
  readonly outcome: Outcome;
  readonly disk: FaultyDisk;
}

export type Scene = (fault: Fault | null) => Promise<Played>;

const PATIENCE_MS = 20_000;

/** Moves the clock on until it is so; real file calls take real time in between. */
async function passed(clock: FakeClock, wanted: () => boolean): Promise<void> {
  const began = performance.now();
  while (!wanted()) {
    if (performance.now() - began > PATIENCE_MS) throw new Error('it neither waited nor ended');
    await clock.advance(100);
  }
}

/** Whatever comes of it, with time going on. */
async function meanwhile(clock: FakeClock, promise: Promise<unknown>): Promise<void> {
  let over = false;
  const end = (): boolean => (over = true);
  promise.then(end, end);
  await passed(clock, () => over);
}

async function publisher(fault: Fault | null): Promise<Played> {
  const layout = await temporaryWorkspace();
  const disk = new FaultyDisk();
  disk.fault = fault;
  const one = publishing({ layout, files: disk.files, in_flight: 1 });
  const bodies = [1, 2].map((job) => publicationBody({ job, name: `faq-${job}` }));
  one.rows.add(...bodies);
  one.publisher.poke();
  await passed(one.clock, () => one.rows.left === 0 || one.fatal.length > 0 || one.troubles.length > 0);
  if (one.fatal.length > 0) {
    if (one.told.length > 0) throw new Error('it was told of files that may be lost');
    return { outcome: 'ends', disk };
  }
  const waited = one.troubles.length > 0;
  disk.fault = null;
  await passed(one.clock, () => one.rows.left === 0);
  const texts = JSON.stringify(Object.values(filesIn(layout.results)));
  if (texts !== JSON.stringify(bodies.map(resultFileText))) throw new Error(`files are not whole: ${texts}`);
  // One that could not be removed is, at the next start.
  await preparePublishing(disk.files, layout);
  if (Object.keys(filesIn(layout.tmp)).length > 0) throw new Error('a temporary file stays');
  return { outcome: waited ? 'waits' : 'goes on', disk };
}

const TIMINGS = { queued_ms: null, build_ms: null, first_token_ms: null, call_ms: 3 };

function add(spool: Spool, name: string): void {
  const report: AttemptReport = {
    ...{ name, run: 1, attempt: 1, digest: `1:${name}`, store_id: 's', outcome: 'errored', answer: null },
    failure: null,
    timings: TIMINGS,
    log: '',
  };
  const { frame } = outcomeFrame(report);
  spool.add(report, frame);
}

interface SpoolScene {
  readonly spool: Spool;
  readonly durable: string[];
  readonly failures: Error[];
}

async function openSpool(directory: string, disk: FaultyDisk, clock: FakeClock): Promise<SpoolScene> {
  const durable: string[] = [];
  const failures: Error[] = [];
  const spool = await Spool.open({
    directory,
    files: disk.files,
    timers: clock,
    onDurable: (entries) => durable.push(...entries.map(({ ref }) => ref.name)),
    onFailed: (error) => failures.push(error),
    onEvent: () => undefined,
    segment_bytes_max: 200,
  });
  return { spool, durable, failures };
}

/** Outcomes come, segments fill, are acknowledged and removed. */
async function spool(fault: Fault | null): Promise<Played> {
  const directory = temporaryFolder();
  const disk = new FaultyDisk();
  const clock = new FakeClock();
  const { spool: one, durable, failures } = await openSpool(directory, disk, clock);
  disk.fault = fault;
  const names = ['a', 'b', 'c'];
  let waited = false;
  for (const name of names) {
    add(one, name);
    await passed(clock, () => durable.includes(name) || failures.length > 0 || one.blocked);
    if (failures.length > 0) break;
    waited ||= one.blocked;
    if (one.blocked) disk.fault = null;
    await passed(clock, () => durable.includes(name));
  }
  if (failures.length > 0) {
    await meanwhile(clock, one.close());
    // What was called durable is found by the next process.
    const next = await openSpool(directory, new FaultyDisk(), clock);
    const found = [...next.spool.entries.values()].map(({ ref }) => ref.name);
    if (!durable.every((name) => found.includes(name))) throw new Error('what was durable is gone');
    await meanwhile(clock, next.spool.close());
    return { outcome: 'ends', disk };
  }
  for (const entry of [...one.entries.values()].slice(0, 2)) one.acknowledge(entry);
  await meanwhile(clock, one.settled());
  await meanwhile(clock, one.close());
  const next = await openSpool(directory, new FaultyDisk(), clock);
  const left = [...next.spool.entries.values()].map(({ ref }) => ref.name);
  await meanwhile(clock, next.spool.close());
  if (!left.includes('c')) throw new Error(`c was never acknowledged, left is ${left.join()}`);
  return { outcome: waited ? 'waits' : 'goes on', disk };
}

async function attemptLogs(fault: Fault | null): Promise<Played> {
  const folder = join(temporaryFolder(), 'logs');
  mkdirSync(folder);
  // Of a day long past: pruned when the first segment begins.
  const old = new FaultyDisk();
  await (await old.files.openAppend(join(folder, '2000-01-01-1.log'))).close();
  const disk = new FaultyDisk();
  disk.fault = fault;
  let lost = 0;
  const options = { files: disk.files, folder, clock: new FakeClock(), segment_bytes_max: 20 };
  const writer = new AttemptLogWriter({ ...options, onLost: (_, logs) => (lost += logs) });
  try {
    const places = [
      ...(await writer.append(['first line\n'])),
      ...(writer.appendNow(['second\n']) ?? []),
      ...(await writer.append(['a third line\n'])),
    ];
    disk.fault = null;
    places.push(...(await writer.append(['the last line\n'])));
    const last = places.at(-1);
    const reader = new AttemptLogReader({ files: disk.files, folder });
    const read = last === null || last === undefined ? null : await reader.read(last, 0);
    if (Buffer.from(read ?? []).toString() !== 'the last line\n') throw new Error('it does not go on');
    if (lost !== places.filter((place) => place === null).length)
      throw new Error('a lost log was not told of');
    await writer.close();
    return { outcome: 'goes on', disk };
  } catch (error) {
    if (error instanceof Error && 'code' in error) return { outcome: 'ends', disk };
    throw error;
  }
}

/** The log of an attempt that outgrows its memory. */
async function runningLog(fault: Fault | null): Promise<Played> {
  const path = join(temporaryFolder(), '1.log');
  const disk = new FaultyDisk();
  disk.fault = fault;
  const log = new AttemptLog({
    clock: new FakeClock(),
    files: disk.files,
    path,
    log_bytes_max: 1_000_000,
    memory_bytes_max: 10,
    onMore: () => undefined,
  });
  log.append('stdout', 'a line that goes to the file');
  const whole = await log.whole();
  if (!whole.includes('a line that goes to the file')) throw new Error('what was logged is gone');
  await log.close().catch(() => undefined);
  return { outcome: 'goes on', disk };
}

async function secrets(fault: Fault | null): Promise<Played> {
  const folder = temporaryFolder();
  const disk = new FaultyDisk();
  disk.fault = fault;
  const token = join(folder, 'instance.token');
  const admin = join(folder, 'admin.key');
  const make = async (): Promise<void> => {
    await instanceToken(token, disk.files);
    const stored: string[] = [];
    const scheduler = { putKey: async ({ id }: { id: string }) => void stored.push(id) };
    await ensureAdminKey(admin, { key: () => null }, scheduler, disk.files);
    if (stored.length !== 1) throw new Error('the key was not handed to the store');
  };
  let refused = false;
  try {
    await make();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    refused = true;
    disk.fault = null;
    // Half of a secret would be taken for one: whatever stands under the name now is whole.
    for (const path of [token, admin].filter((one) => existsSync(one))) expectSecret(path);
    await make();
  }
  for (const path of [token, admin]) expectSecret(path);
  return { outcome: refused ? 'refused' : 'goes on', disk };
}

function expectSecret(path: string): void {
  const text = readFileSync(path, 'utf8');
  if (!/^\S{32,}\n$/.test(text)) throw new Error(`${path} holds half a secret: ${JSON.stringify(text)}`);
  if ((statSync(path).mode & 0o777) !== 0o600) throw new Error(`others can read ${path}`);
}

export const SCENES = { publisher, spool, attemptLogs, runningLog, secrets } as const satisfies Record<
  string,
  Scene
>;
export type SceneName = keyof typeof SCENES;
