/** What may come into a turn, drawn by fast-check as small numbers and made an event of the world as it stands then. */
import fc from 'fast-check';
import type { AttemptFailure } from '../../src/core/attempt.ts';
import { sha256 } from '../../src/core/identity.ts';
import type { AnswerMeta, AttemptOutcome, RunRow } from '../../src/core/rows.ts';
import type { LeaseProof, TurnEvent } from '../../src/core/turn-events.ts';
import { jobOf } from '../scheduler/prepared-job.ts';
import type { Sent, World } from './decide-world.ts';

const NAMES = ['a', 'b', 'c', 'd'];
const TEXTS = ['same', 'same', 'other', 'third'];
const PROOFS: readonly LeaseProof[] = [
  'expired',
  'process_gone',
  'never_arrived',
  'deadline',
  'cancel_grace',
];
const PROCESSES = ['p1', 'p2'];
const TIMINGS = { queued_ms: null, build_ms: null, first_token_ms: null, call_ms: 1 };
const META: AnswerMeta = {
  ...{ model: 'm', model_answered: null, endpoint: 'e', endpoint_kind: 'simulator', parameters_sent: {} },
  ...{ finish_reason: 'stop', warnings: [], usage: null, timings: TIMINGS, cost: null },
};

const small = fc.nat(11);
const job = fc.record({
  name: fc.constantFrom(...NAMES),
  text: fc.constantFrom(...TEXTS),
  endpoint: fc.constantFrom('e', 'f'),
  model: fc.constantFrom('m', 'm', 'n'),
  batch: fc.constantFrom(null, null, 'x', 'y'),
  if_exists: fc.constantFrom('same', 'new_run'),
  priority: fc.integer({ min: -1, max: 1 }),
  max_attempts: fc.integer({ min: 1, max: 3 }),
  later: fc.boolean(),
});
const how = fc.constantFrom(
  ...(['answer', 'answer', 'answer', 'job', 'transient', 'throttled', 'hold', 'model_missing'] as const),
  ...(['interrupted', 'cancelled', 'timed_out', 'silent'] as const),
);

const ACTS = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('submit'),
      jobs: fc.array(job, { minLength: 1, maxLength: 4 }),
      skip: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cancel'), run: small, number: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('retry'),
      run: small,
      max_attempts: fc.option(fc.integer({ min: 1, max: 3 })),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('greet'), who: fc.constantFrom('i', 'j', 'local') }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('settle'),
      who: small,
      process: fc.nat(1),
      slots: fc.integer({ min: 1, max: 3 }),
      held: fc.nat(255),
      both: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('detach'), who: small }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('process_gone'), who: small }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('drain'), who: small, draining: fc.boolean() }) },
  { weight: 7, arbitrary: fc.record({ do: fc.constant('report'), sent: small, how, foreign: fc.nat(9) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('lease_ended'), sent: small, proof: fc.constantFrom(...PROOFS) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('due') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wake') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('published') }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('limit'),
      endpoint: fc.constantFrom('e', 'f'),
      max: fc.option(fc.nat(3)),
      paused: fc.boolean(),
    }),
  },
);

/** One turn: what comes into it, and the time that passes before it. */
export const TURN = fc.record({
  acts: fc.array(ACTS, { minLength: 1, maxLength: 5 }),
  wait_ms: fc.constantFrom(0, 0, 1, 700, 20_000, 400_000),
});
export type DrawnTurn = typeof TURN extends fc.Arbitrary<infer T> ? T : never;
type Act = DrawnTurn['acts'][number];
type Of<D extends Act['do']> = Extract<Act, { do: D }>;

/** Null where the world has nothing that the act could be about. */
export function eventOf(act: Act, world: World): TurnEvent | null {
  switch (act.do) {
    case 'submit':
      return submission(act, world);
    case 'cancel': {
      const run = pick(allRuns(world), act.run);
      const { name = 'nobody', run: number = 1 } = run ?? {};
      return { type: 'cancel', runs: [{ name, run: act.number ? number : null }] };
    }
    case 'retry': {
      const ended = allRuns(world).filter(({ state }) => state === 'failed' || state === 'cancelled');
      const run = pick(ended.length > 0 ? ended : allRuns(world), act.run);
      const { max_attempts } = act;
      const options = max_attempts === null ? {} : { max_attempts };
      return { type: 'retry', runs: [{ name: run?.name ?? 'nobody', run: run?.run ?? null }], options };
    }
    case 'greet': {
      const { who } = act;
      return { type: 'greet', name: who, process_id: 'p1', local: who === 'local' };
    }
    case 'report':
      return report(act, world);
    case 'lease_ended': {
      const sent = recent(world, act.sent);
      const { proof } = act;
      return sent === null
        ? null
        : { type: 'lease_ended', name: sent.name, run: sent.run, attempt: sent.attempt, proof };
    }
    case 'limit': {
      const { endpoint, max, paused } = act;
      return { type: 'put_endpoint', endpoint: { name: endpoint, max_concurrent: max, paused } };
    }
    case 'due':
      return { type: 'due' };
    case 'wake':
      return { type: 'wake' };
    case 'published':
      return { type: 'published', publications: world.reads.publications(5) };
    default:
      return ofInstance(act, world);
  }
}

function submission(act: Of<'submit'>, world: World): TurnEvent {
  const jobs = act.jobs.map(({ name, later, priority, max_attempts, ...wish }) =>
    jobOf(name, {
      ...wish,
      if_exists: wish.if_exists,
      options: { priority, max_attempts, run_at: later ? world.now + 30_000 : null },
    }),
  );
  return { type: 'submit', jobs, on_invalid: act.skip ? 'skip' : 'refuse_all' };
}

function ofInstance(act: Of<'settle' | 'detach' | 'drain' | 'process_gone'>, world: World): TurnEvent | null {
  const instance = pick([...world.board.instances.keys()], act.who);
  if (instance === null) return null;
  if (act.do === 'detach') return { type: 'detach', instance };
  if (act.do === 'process_gone') return { type: 'process_gone', instance };
  if (act.do === 'drain') return { type: 'drain', instance, draining: act.draining };
  const { process, slots, held, both } = act;
  const its = world.sent.filter((one) => one.instance === instance).slice(-8);
  return {
    type: 'settle',
    instance,
    process_id: PROCESSES[process] ?? '',
    slots,
    endpoints: both ? ['e', 'f'] : ['e'],
    needs: [''],
    held: its
      .filter((_, at) => (held >> at) % 2 === 1)
      .map(({ name, run, attempt, digest }, at) => {
        const ref = { name, run, attempt, digest };
        return { ...ref, store_id: world.store_id, spooled: at % 2 === 1 };
      }),
  };
}

function report(act: Of<'report'>, world: World): TurnEvent | null {
  const sent = recent(world, act.sent);
  return sent === null ? null : reportOf(world, sent, act.how, act.foreign);
}

type How = Of<'report'>['how'];

/** `foreign`: 8 stands for another database, 9 for another question. */
export function reportOf(world: World, sent: Sent, how: How, foreign = 0): TurnEvent {
  const { instance, name, run, attempt, digest } = sent;
  const text = `answer of ${name}@${run}#${attempt}`;
  const hasAnswer = how === 'answer';
  return {
    type: 'report',
    instance,
    report: {
      ...{ name, run, attempt, digest: foreign === 9 ? '1:another' : digest },
      store_id: foreign === 8 ? 'another' : world.store_id,
      outcome: outcomeOf(how),
      answer: hasAnswer ? { text, meta: META } : null,
      failure: failureOf(how),
      timings: TIMINGS,
      log: '',
    },
    answer: hasAnswer ? { text, meta: META, sha256: sha256(text), bytes: Buffer.byteLength(text) } : null,
    spent: null,
    prompt_sha256: null,
    log: null,
  };
}

function outcomeOf(how: How): AttemptOutcome {
  if (how === 'answer' || how === 'silent') return 'succeeded';
  if (how === 'interrupted' || how === 'cancelled' || how === 'timed_out') return how;
  return how === 'throttled' ? 'rate_limited' : 'errored';
}

function failureOf(how: How): AttemptFailure | null {
  const failure = {
    reason_code: 'ProviderError',
    message: 'broken',
    scope: 'endpoint',
    retry_after_ms: null,
  } as const;
  switch (how) {
    case 'job':
      return { ...failure, blame: 'job', reason_code: 'BadRequest' };
    case 'transient':
      return { ...failure, blame: 'transient' };
    case 'timed_out':
      return { ...failure, blame: 'transient', reason_code: 'TotalTimeout' };
    case 'throttled':
      return { ...failure, blame: 'throttled', reason_code: 'EndpointThrottled' };
    case 'hold':
      return { ...failure, blame: 'hold', reason_code: 'EndpointUnreachable' };
    case 'model_missing':
      return { ...failure, blame: 'hold', reason_code: 'ModelMissing', scope: 'model' };
    default:
      return null;
  }
}

/** Mostly one of the last: old attempts bring late outcomes, and are rare. */
function recent(world: World, at: number): Sent | null {
  return world.sent.at(-1 - (at % Math.max(1, world.sent.length))) ?? null;
}

function allRuns(world: World): readonly RunRow[] {
  return world.reads.runs({}, 1_000, null).runs;
}

function pick<T>(items: readonly T[], at: number): T | null {
  return items[at % Math.max(1, items.length)] ?? null;
}
