import { expectTypeOf, it } from 'vitest';
import type { AttemptOrder, AttemptReport } from '../../src/core/attempt.ts';
import type { FromInstance, FromScheduler } from '../../src/wire/messages.ts';

type WireReport = Extract<FromInstance, { t: 'outcome' }>['report'];
type WireOrder = Extract<FromScheduler, { t: 'dispatch' }>['orders'][number];

// Checked by the compiler: where the wire and the records drift apart, `npm run lint` fails here.
it('carries the records of core as they are', () => {
  expectTypeOf<AttemptOrder>().toExtend<
    Omit<WireOrder, 'messages' | 'recipe' | 'argv' | 'command' | 'attachments'>
  >();
  expectTypeOf<AttemptReport>().toExtend<Omit<WireReport, 'answer' | 'spent'>>();
});
