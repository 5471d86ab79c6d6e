import { describe, expect, it } from 'vitest';
import type { RunChange } from '../../src/core/ports/scheduler.ts';
import { setup, SseReader } from './setup.ts';

describe('events', () => {
  it('R20: says hello, then what happens to runs, in batches as they were committed', async () => {
    await using server = await setup();
    const reader = new SseReader(await server.open('/events'));
    expect(await reader.next()).toMatchObject({
      event: 'hello',
      data: { version: '0.0.0-test', store_id: 'store-1' },
    });
    await server.post(
      '/jobs',
      ['a', 'b'].map((name) => ({ name, prompt: name, configuration: {}, batch: 'faq' })),
    );
    expect(await reader.next()).toEqual({
      event: 'runs',
      id: null,
      data: ['a', 'b'].map((name) => ({
        name,
        run: 1,
        batch: 'faq',
        state: 'queued',
        attempt: 0,
        reason: null,
      })),
    });
    server.scheduler.change('a', { state: 'failed', reason_code: 'ProviderError' });
    expect((await reader.next())?.data).toMatchObject([
      { name: 'a', state: 'failed', reason: 'ProviderError' },
    ]);
    reader.answer.destroy();
  });

  it('R20: tells of one batch alone where that is asked for', async () => {
    await using server = await setup();
    const reader = new SseReader(await server.open('/events?batch=faq'));
    await reader.next();
    await server.submit('a');
    await server.submit('b', { batch: 'faq' });
    expect((await reader.next())?.data).toMatchObject([{ name: 'b' }]);
    reader.answer.destroy();
  });

  it('lets a reader go that takes less than happens, and others are not held up', async () => {
    await using server = await setup({ limits: { follower_buffer_bytes_max: 100_000 } });
    const slow = await server.open('/events');
    slow.pause();
    const quick = new SseReader(await server.open('/events'));
    await quick.next();
    await server.submit('a');
    await quick.next();
    const changes: RunChange[] = Array.from({ length: 500 }, (_, i) => ({
      name: `a${i}`,
      run: 1,
      batch: null,
      state: 'queued',
      attempt: 0,
      reason_code: null,
    }));
    let told = 0;
    let isCut = false;
    slow.once('end', () => (isCut = true));
    // Each event is about 40 KB; what the kernel holds for a paused reader is bounded.
    for (; told < 300; told++) {
      server.scheduler.tell(changes);
      expect((await quick.next())?.data).toHaveLength(500);
    }
    const events = await new SseReader(slow).rest();
    expect(isCut).toBe(true);
    expect(events.at(-1)).toMatchObject({ event: 'gap' });
    expect(events.length).toBeLessThan(told);
    quick.answer.destroy();
  });
});
