import { afterEach, expect, it } from 'vitest';
import { stopSignals, type StopSignals } from '../../src/app/signals.ts';
import { FakeClock } from '../support/fake-clock.ts';

let signals: StopSignals;
afterEach(() => signals.release());

it('G18: a signal that comes twice at once is one wish; a later one does not wait', async () => {
  const clock = new FakeClock();
  const heard: string[] = [];
  signals = stopSignals(
    { first: (signal) => heard.push(signal), second: () => heard.push('at once') },
    clock,
  );
  process.emit('SIGTERM', 'SIGTERM');
  process.emit('SIGTERM', 'SIGTERM');
  await clock.advance(100);
  process.emit('SIGINT', 'SIGINT');
  expect(heard).toEqual(['SIGTERM']);
  await clock.advance(200);
  process.emit('SIGINT', 'SIGINT');
  expect(heard).toEqual(['SIGTERM', 'at once']);
});
