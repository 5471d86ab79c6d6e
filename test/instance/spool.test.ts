import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AttemptReport } from '../../src/core/attempt.ts';
import type { Files } from '../../src/core/ports/files.ts';
import type { InstanceEvent } from '../../src/instance/events.ts';
import { outcomeFrame } from '../../src/instance/outcome-frame.ts';
import { Spool } from '../../src/instance/spool.ts';
import type { SpoolEntry } from '../../src/instance/spool-entry.ts';
import { systemFiles } from '../../src/platform/files.ts';
import { systemTimers } from '../../src/platform/timers.ts';
import { decodeFrame } from '../../src/wire/frame.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { MemoryFiles } from '../support/memory-files.ts';

const timings = { queued_ms: null, build_ms: null, first_token_ms: null, call_ms: 3 };

function reportOf(name: string, text = 'hello'): AttemptReport {
  return {
    name,
    run: 1,
    attempt: 1,
    digest: `1:${name}`,
    store_id: 's',
    outcome: 'succeeded',
    answer: {
      text,
      meta: {
        model: 'm',
        model_answered: null,
        endpoint: 'e',
        endpoint_kind: 'simulator',
        parameters_sent: {},
        finish_reason: 'stop',
        warnings: [],
        usage: null,
        timings,
        cost: null,
      },
    },
    failure: null,
    timings,
    log: '',
  };
}

function add(spool: Spool, name: string, text?: string): SpoolEntry {
  const { report, frame } = outcomeFrame(reportOf(name, text));
  return spool.add(report, frame);
}

const names = (spool: Spool): string[] => [...spool.entries.values()].map((entry) => entry.ref.name);

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'promptd-spool-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** A spool on the real disk. What is dropped without `close` is as after a kill. */
async function onDisk(more: { files?: Files; segment_bytes_max?: number } = {}) {
  const events: InstanceEvent[] = [];
  const durable: string[] = [];
  const failures: Error[] = [];
  const spool = await Spool.open({
    directory,
    files: systemFiles,
    timers: systemTimers,
    onDurable: (entries) => durable.push(...entries.map((entry) => entry.ref.name)),
    onFailed: (error) => failures.push(error),
    onEvent: (event) => events.push(event),
    ...more,
  });
  return { spool, events, durable, failures };
}

async function inMemory(files = new MemoryFiles(), more: { segment_bytes_max?: number } = {}) {
  const clock = new FakeClock();
  const events: InstanceEvent[] = [];
  const durable: string[] = [];
  const failures: Error[] = [];
  const spool = await Spool.open({
    directory: '/spool',
    files,
    timers: clock,
    onDurable: (entries) => durable.push(...entries.map((entry) => entry.ref.name)),
    onFailed: (error) => failures.push(error),
    onEvent: (event) => events.push(event),
    ...more,
  });
  return { clock, files, spool, events, durable, failures };
}

const segments = (): string[] => readdirSync(directory).filter((name) => name.endsWith('.spool'));

describe('the spool', () => {
  it('R8: finds every outcome again after a kill, in order, as it was', async () => {
    const first = await onDisk();
    for (const name of ['a', 'b', 'c']) add(first.spool, name, `text of ${name} é😀`);
    await first.spool.settled();
    expect(first.durable).toEqual(['a', 'b', 'c']);
    const second = await onDisk();
    expect(names(second.spool)).toEqual(['a', 'b', 'c']);
    const [entry] = second.spool.entries.values();
    const frame = await second.spool.read(entry!);
    expect(decodeFrame(frame!)).toEqual({ t: 'outcome', report: reportOf('a', 'text of a é😀') });
    expect(second.events).toEqual([]);
    await second.spool.close();
    await first.spool.close();
  });

  it('forgets what was acknowledged, also for the next process', async () => {
    const first = await onDisk();
    for (const name of ['a', 'b', 'c']) add(first.spool, name);
    await first.spool.settled();
    first.spool.acknowledge([...first.spool.entries.values()][1]!);
    expect(names(first.spool)).toEqual(['a', 'c']);
    await first.spool.close();
    const second = await onDisk();
    expect(names(second.spool)).toEqual(['a', 'c']);
    await second.spool.close();
  });

  it('leaves no file when everything is acknowledged', async () => {
    const first = await onDisk();
    for (const name of ['a', 'b']) add(first.spool, name);
    await first.spool.settled();
    for (const entry of [...first.spool.entries.values()]) first.spool.acknowledge(entry);
    await first.spool.close();
    const second = await onDisk();
    expect(names(second.spool)).toEqual([]);
    await second.spool.close();
    expect(segments()).toEqual([]);
  });

  it('deletes full segments in which nothing is wanted any more, while it runs', async () => {
    const { spool } = await onDisk({ segment_bytes_max: 2_000 });
    for (let i = 0; i < 30; i += 1) {
      const entry = add(spool, `job-${i}`);
      await spool.settled();
      if (i !== 3) spool.acknowledge(entry);
      await spool.settled();
    }
    await spool.close();
    // The one with job-3, and the last.
    expect(segments()).toHaveLength(2);
    const again = await onDisk();
    // Its neighbour may come back with it: the tombstone stood in a segment that is gone. It is sent again, for nothing.
    expect(names(again.spool)).toContain('job-3');
    expect(again.spool.entries.size).toBeLessThan(4);
    await again.spool.close();
  });

  it('never lets an old tombstone hit a new outcome', async () => {
    const first = await onDisk({ segment_bytes_max: 1 });
    const stays = add(first.spool, 'stays');
    await first.spool.settled();
    const goes = add(first.spool, 'goes');
    await first.spool.settled();
    first.spool.acknowledge(goes);
    await first.spool.settled();
    await first.spool.close();
    const second = await onDisk();
    const fresh = add(second.spool, 'fresh');
    await second.spool.settled();
    expect(fresh.seq).toBeGreaterThan(goes.seq);
    await second.spool.close();
    const third = await onDisk();
    expect(names(third.spool)).toEqual([stays.ref.name, 'fresh']);
    await third.spool.close();
  });

  it('serves all outcomes that came during one fsync by the next', async () => {
    const { clock, files, spool, durable } = await inMemory();
    const slow = Promise.withResolvers<void>();
    files.before = (operation) => (operation === 'sync' ? slow.promise : undefined);
    add(spool, 'first');
    await clock.settle();
    for (let i = 0; i < 1_000; i += 1) add(spool, `job-${i}`);
    await clock.settle();
    expect(files.calls('sync')).toBe(1);
    expect(durable).toEqual([]);
    slow.resolve();
    await clock.settle();
    expect(files.calls('sync')).toBe(2);
    expect(durable).toHaveLength(1_001);
  });

  it('says durable only of what survives the power', async () => {
    const { clock, files, spool, durable } = await inMemory();
    add(spool, 'a');
    await clock.settle();
    files.before = (operation) => (operation === 'sync' ? new Promise<void>(() => undefined) : undefined);
    add(spool, 'b');
    await clock.settle();
    expect(durable).toEqual(['a']);
    files.before = () => undefined;
    files.crash();
    const after = await inMemory(files);
    expect(names(after.spool)).toEqual(['a']);
  });

  it('needs no fsync for acknowledgements', async () => {
    const { clock, files, spool } = await inMemory();
    const entry = add(spool, 'a');
    await clock.settle();
    const syncs = files.calls('sync');
    spool.acknowledge(entry);
    spool.acknowledge(entry);
    await clock.settle();
    expect(files.calls('sync')).toBe(syncs);
    expect(spool.bytes).toBe(0);
    const after = await inMemory(files);
    expect(names(after.spool)).toEqual([]);
  });

  it('drops an outcome that is acknowledged before it is written', async () => {
    const { clock, files, spool, durable } = await inMemory();
    const first = add(spool, 'a');
    spool.acknowledge(first);
    add(spool, 'b');
    await clock.settle();
    expect(durable).toEqual(['b']);
    files.before = (operation) =>
      operation === 'append' ? new Promise((go) => clock.after(10, go)) : undefined;
    const third = add(spool, 'c');
    await clock.settle();
    spool.acknowledge(third);
    await clock.advance(100);
    expect(durable).toEqual(['b']);
    const after = await inMemory(files);
    expect(names(after.spool)).toEqual(['b']);
  });

  it('R27: ends for good at an error of fsync, whatever its code is', async () => {
    for (const code of ['EIO', 'ENOSPC']) {
      const { clock, files, spool, durable, failures } = await inMemory();
      files.fail('sync', code);
      add(spool, 'a');
      await clock.settle();
      add(spool, 'b');
      await clock.advance(60_000);
      expect(failures.map((error) => error.message)).toEqual([
        expect.stringMatching(/^fsync of \/spool\/.* failed: /),
      ]);
      expect(durable).toEqual([]);
      expect(files.calls('sync')).toBe(1);
      await spool.settled();
    }
  });

  it('ends for good where a write fails for another reason than room', async () => {
    const { clock, files, spool, failures } = await inMemory();
    files.fail('append', 'EIO');
    add(spool, 'a');
    await clock.settle();
    expect(failures).toHaveLength(1);
  });

  it('waits out a full disk and loses nothing', async () => {
    for (const operation of ['append', 'openAppend'] as const) {
      const { clock, files, spool, events, durable, failures } = await inMemory();
      files.fail(operation, 'ENOSPC', { lasting: true });
      add(spool, 'a');
      await clock.settle();
      expect(spool.blocked).toBe(true);
      add(spool, 'b');
      await clock.advance(5_000);
      expect(durable).toEqual([]);
      expect(events.map((event) => event.type)).toContain('spool_blocked');
      files.mend();
      await clock.advance(1_000);
      expect(durable).toEqual(['a', 'b']);
      expect(spool.blocked).toBe(false);
      expect(failures).toEqual([]);
    }
  });

  it('cuts a torn tail off and says so', async () => {
    const first = await onDisk();
    for (const name of ['a', 'b']) add(first.spool, name);
    await first.spool.settled();
    await first.spool.close();
    const path = join(directory, segments()[0]!);
    const whole = statSync(path).size;
    truncateSync(path, whole - 5);
    const second = await onDisk();
    expect(names(second.spool)).toEqual(['a']);
    expect(second.events).toEqual([
      { type: 'spool_torn', path, offset: statSync(path).size, bytes: whole - 5 - statSync(path).size },
    ]);
    await second.spool.close();
    const third = await onDisk();
    expect(names(third.spool)).toEqual(['a']);
    expect(third.events).toEqual([]);
    await third.spool.close();
  });

  it('skips a corrupt record, says so, finds those behind it, and keeps the file', async () => {
    const first = await onDisk();
    for (const name of ['a', 'b', 'c']) add(first.spool, name);
    await first.spool.settled();
    const middle = [...first.spool.entries.values()][1]!;
    await first.spool.close();
    const path = join(directory, segments()[0]!);
    const bytes = readFileSync(path);
    bytes[middle.place!.offset + 40]! ^= 1;
    writeFileSync(path, bytes);
    const second = await onDisk();
    expect(names(second.spool)).toEqual(['a', 'c']);
    expect(second.events).toEqual([
      expect.objectContaining({ type: 'spool_corrupt', path, offset: middle.place!.offset }),
    ]);
    for (const entry of [...second.spool.entries.values()]) second.spool.acknowledge(entry);
    add(second.spool, 'd');
    await second.spool.settled();
    await second.spool.close();
    const third = await onDisk();
    expect(names(third.spool)).toEqual(['d']);
    await third.spool.close();
    expect(readdirSync(directory)).toContain(`${segments()[0]!.replace(/\d+/, '0000000001')}.corrupt`);
  });

  it('does not send what has rotted on the disk', async () => {
    const { spool, events } = await onDisk();
    const entry = add(spool, 'a');
    await spool.settled();
    entry.frame = null;
    const path = join(directory, segments()[0]!);
    const bytes = readFileSync(path);
    bytes[entry.place!.offset + 60]! ^= 1;
    writeFileSync(path, bytes);
    expect(await spool.read(entry)).toBe(null);
    expect(events).toEqual([expect.objectContaining({ type: 'spool_corrupt' })]);
    await spool.close();
  });

  it('finds whatever was durable, wherever the file is cut', async () => {
    const first = await onDisk();
    const entries = ['a', 'b', 'c', 'd'].map((name) => add(first.spool, name));
    await first.spool.settled();
    await first.spool.close();
    const path = join(directory, segments()[0]!);
    const bytes = readFileSync(path);
    const ends = entries.map((entry) => entry.place!.offset + 20 + entry.bytes);
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length), async (length) => {
        const files = new MemoryFiles();
        await files.makeDirectory('/spool');
        await files.writeNew('/spool/outcomes-0000000001.spool', bytes.subarray(0, length), 0o600);
        const { spool } = await inMemory(files);
        expect(spool.entries.size).toBe(ends.filter((end) => end <= length).length);
      }),
      { numRuns: 60 },
    );
  });

  it('replaces an outcome of the same attempt', async () => {
    const { clock, files, spool } = await inMemory();
    add(spool, 'a', 'first');
    await clock.settle();
    add(spool, 'a', 'second');
    await clock.settle();
    expect(spool.entries.size).toBe(1);
    const after = await inMemory(files);
    const [entry] = after.spool.entries.values();
    expect(decodeFrame((await after.spool.read(entry!))!)).toEqual({
      t: 'outcome',
      report: reportOf('a', 'second'),
    });
  });

  it('finishes what it writes before it closes', async () => {
    const { spool, durable } = await onDisk();
    add(spool, 'a');
    await spool.settled();
    add(spool, 'b');
    const settled = spool.settled();
    await settled;
    await spool.close();
    expect(durable).toEqual(['a', 'b']);
  });
});
