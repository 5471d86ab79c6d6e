// Waiting that an abort ends, and what it leaves behind.
import { describe, expect, it } from 'vitest';
import { pause, unlessAborted } from '../../src/core/abortable.ts';
import { FakeClock } from '../support/fake-clock.ts';

describe('a pause', () => {
  it('ends after its time', async () => {
    const clock = new FakeClock();
    let isOver = false;
    void pause(clock, 1_000, new AbortController().signal).then(() => (isOver = true));
    await clock.advance(999);
    expect(isOver).toBe(false);
    await clock.advance(1);
    expect(isOver).toBe(true);
  });

  it('rejects with the reason of an abort, whatever that is, before its time and at once', async () => {
    const clock = new FakeClock();
    const controller = new AbortController();
    const waiting = pause(clock, 1_000, controller.signal);
    controller.abort('cancelled');
    await expect(waiting).rejects.toBe('cancelled');
    await expect(pause(clock, 1_000, controller.signal)).rejects.toBe('cancelled');
  });
});

it('work that has ended is not aborted any more', async () => {
  const controller = new AbortController();
  await expect(unlessAborted(Promise.resolve(7), controller.signal)).resolves.toBe(7);
  controller.abort('late');
  await expect(unlessAborted(Promise.resolve(7), controller.signal)).rejects.toBe('late');
  await expect(unlessAborted(Promise.reject(new Error('x')), new AbortController().signal)).rejects.toThrow(
    'x',
  );
});
