/** G15: a log followed through a live server, cut anywhere: every entry once, in order, byte for byte. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { drawing, PATIENCE_MS } from '../core/drawing.ts';
import { SseReader } from '../http/setup.ts';
import { LiveServer } from './live-server.ts';
import { until } from '../support/until.ts';
import type { Call } from './play.ts';

interface Entry {
  readonly offset: number;
  readonly text: string;
}

const JOB = { prompt: 'say much', configuration: { LLM_name: 'e:m' } };

async function running(live: LiveServer, name: string): Promise<Call> {
  await live.http.post('/jobs', { name, ...JOB, configuration: { LLM_name: 'e:m', sample: name } });
  await until('it to run', () => live.models.of(name, 1) !== null);
  return live.models.of(name, 1)!;
}

/** Reads at most so many entries from a place on, and goes away; null entries: the log has ended. */
async function read(
  live: LiveServer,
  name: string,
  place: string | null,
  count: number,
): Promise<{ entries: Entry[]; ended: boolean }> {
  const headers = place === null ? {} : { 'last-event-id': place };
  const reader = new SseReader(await live.http.open(`/jobs/${name}/logs?follow=1&attempt=1`, { headers }));
  const entries: Entry[] = [];
  let ended = false;
  while (entries.length < count && !ended) {
    const event = await reader.next();
    if (event === null) break;
    expect(event.event, 'nothing is lost here, so no gap is told').not.toBe('gap');
    if (event.event === 'end') ended = true;
    if (event.event !== 'log') continue;
    const { offset, text } = event.data as unknown as Entry;
    expect(event.id).toBe(`1:${offset}`);
    entries.push({ offset, text });
  }
  reader.answer.destroy();
  return { entries, ended };
}

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.constantFrom('line\nline\n', '\r', '\u{1F600}é', ' '),
);
const story = fc.array(
  fc.record({ texts: fc.array(text, { minLength: 1, maxLength: 6 }), read: fc.nat(5) }),
  {
    minLength: 1,
    maxLength: 8,
  },
);

it(
  'G15: cut after any entries and resumed, live or from disk, it is what was written',
  { timeout: PATIENCE_MS },
  async () => {
    await using live = await LiveServer.open();
    let jobs = 0;
    await fc.assert(
      fc.asyncProperty(story, fc.nat(7), async (steps, ends) => {
        const name = `job-${(jobs += 1)}`;
        const { key, observer } = await running(live, name);
        const written: string[] = [];
        const seen: Entry[] = [];
        const place = (): string | null => (seen.length === 0 ? null : `1:${seen.at(-1)?.offset ?? 0}`);
        for (const [at, step] of steps.entries()) {
          for (const one of step.texts) observer.log('stdout', one);
          written.push(...step.texts);
          const count = Math.min(step.read, written.length - seen.length);
          if (count > 0) seen.push(...(await read(live, name, place(), count)).entries);
          // From here on it is read from disk.
          if (at === ends) break;
        }
        live.models.end(key, 'answer');
        for (let ended = false; !ended;) {
          const rest = await read(live, name, place(), 4);
          seen.push(...rest.entries);
          ({ ended } = rest);
        }
        expect(seen.map((entry) => entry.text)).toEqual(written);
        const offsets = seen.map(({ offset }) => offset);
        expect(offsets).toEqual(offsets.toSorted((a, b) => a - b));
        const row = live.reads.attempts(live.reads.run(name, 1)?.id ?? 0)[0];
        expect(offsets.at(-1), 'the last entry ends where the log does').toBe(row?.log_bytes);
      }),
      drawing(40),
    );
  },
);

it(
  'G15: from any byte on it gives the entries that begin there or behind it',
  { timeout: PATIENCE_MS },
  async () => {
    await using live = await LiveServer.open();
    const texts = ['first', 'größer\n', '{"at":1}', '\u{1F600}'];
    for (const when of ['live', 'from disk'] as const) {
      const name = when.replace(' ', '-');
      const { key, observer } = await running(live, name);
      for (const one of texts) observer.log('stdout', one);
      if (when === 'from disk') {
        live.models.end(key, 'answer');
        await live.http.ask(`/jobs/${name}?wait=20`);
      }
      const whole = (await read(live, name, null, texts.length)).entries;
      expect(whole.map((entry) => entry.text)).toEqual(texts);
      const starts = [0, ...whole.map(({ offset }) => offset)];
      for (let offset = 0; offset < (starts.at(-1) ?? 0); offset += 1) {
        const left = whole.filter((_, at) => (starts[at] ?? 0) >= offset);
        if (left.length === 0) continue;
        const { entries } = await read(live, name, `1:${offset}`, left.length);
        expect(entries, `${when}, from ${offset}`).toEqual(left);
      }
      if (when === 'live') live.models.end(key, 'answer');
    }
  },
);
