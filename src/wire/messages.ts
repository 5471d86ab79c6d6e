/**
 * What scheduler and instance say to each other: one MessagePack map a frame, `t` names the message. docs/wire.md is the
 * reference. Everything that arrives is validated before it is believed; an unknown `t` closes the connection.
 */
import { z } from 'zod';
import { ACKNOWLEDGED } from '../core/attempt.ts';
import { LIMITS } from '../core/limits.ts';
import { NAME_PATTERN } from '../core/names.ts';
import { REASONS, type ReasonCode } from '../core/reasons.ts';
import type { Json, JsonObject } from '../core/json.ts';
import { isPlainJsonObject } from './plain-json.ts';

/** Raised with every change that an older side would misunderstand. */
export const PROTOCOL_VERSION = 2;

const int = z.number().int().nonnegative();
const text = z.string();
const json = z.custom<JsonObject>(isPlainJsonObject, 'an object of JSON');
const ref = { name: z.string().regex(NAME_PATTERN), run: int, attempt: int, digest: z.string().max(80) };
const attemptRef = z.object(ref);
const acknowledged = z.object({ ...ref, store_id: z.string().max(64), how: z.enum(ACKNOWLEDGED) });

/** `pid`: of a process that runs for it alone, on the instance's machine; absent where there is none now. */
const renewed = z.object({ ...ref, pid: int.optional() });

/** An attempt that an instance holds: it runs, or its outcome lies in the spool. */
const held = z.object({ ...ref, store_id: z.string().max(64), spooled: z.boolean() });

const timings = z.object({
  queued_ms: z.number().nullable(),
  build_ms: z.number().nullable(),
  first_token_ms: z.number().nullable(),
  call_ms: z.number().nullable(),
});

const usage = z
  .object({
    input: z.number().nullable(),
    cached: z.number().nullable(),
    output: z.number().nullable(),
    reasoning: z.number().nullable(),
    raw: json,
  })
  .nullable();

const answerMeta = z.object({
  model: text,
  model_answered: text.nullable(),
  endpoint: text,
  endpoint_kind: text,
  parameters_sent: json,
  finish_reason: text,
  warnings: z.array(text).max(1000),
  usage,
  timings,
  cost: z.object({ amount: z.number(), currency: text, as_of: text }).nullable(),
  reasoning: text.optional(),
  promptd_version: text.max(64).optional(),
});

const refusedAnswer = answerMeta.pick({
  endpoint: true,
  model: true,
  usage: true,
  parameters_sent: true,
  warnings: true,
});

const reasonCode = z.custom<ReasonCode>(
  (value) => typeof value === 'string' && Object.hasOwn(REASONS, value),
  'a known reason code',
);

const failure = z.object({
  blame: z.enum(['job', 'transient', 'throttled', 'hold']),
  reason_code: reasonCode,
  message: z.string().max(8_000),
  scope: z.enum(['endpoint', 'model']),
  retry_after_ms: z.number().nonnegative().nullable(),
});

const outcome = z.enum([
  'succeeded',
  'errored',
  'timed_out',
  'lost',
  'interrupted',
  'rate_limited',
  'cancelled',
]);

const answerFile = z.object({ name: text.max(200), media_type: text.max(200), data: text });

/** How an attempt ended. */
export const REPORT = z.object({
  ...ref,
  store_id: z.string().max(64),
  outcome,
  answer: z
    .object({
      text,
      meta: answerMeta,
      files: z.array(answerFile).max(LIMITS.answer_files_max).optional(),
    })
    .nullable(),
  failure: failure.nullable(),
  spent: refusedAnswer.optional(),
  timings,
  prompt: text.optional(),
  log: text,
});

export const FROM_INSTANCE = z.discriminatedUnion('t', [
  z.object({
    t: z.literal('hello'),
    protocol: int,
    version: z.string().max(64),
    name: z.string().regex(NAME_PATTERN),
    /** Random for each process: tells a restart from a reconnect. */
    process_id: z.string().max(64),
    /** The operating system's pid, believed only of processes of the scheduler's own machine. */
    pid: int,
    /** Which machine, boot and space of pids it is of: a loopback address may be the end of a tunnel. */
    machine: z.string().max(200).optional(),
    token: z.string().max(256),
    slots: int.max(100_000),
    endpoints: z.array(z.string().max(200)).max(1_000),
    needs: z.array(z.enum(['', 'workspace', 'exec'])).max(3),
    /** How many attempts it holds; their list follows in `holding` frames after the welcome. */
    held: int,
  }),
  /** The attempts held, in one or more frames; settled by the scheduler when `last` has come. */
  z.object({ t: z.literal('holding'), held: z.array(held).max(10_000), last: z.boolean() }),
  /** Renews the leases of exactly the attempts it lists. */
  z.object({
    t: z.literal('heartbeat'),
    seq: int,
    held: z.array(renewed).max(100_000),
    draining: z.boolean(),
  }),
  z.object({ t: z.literal('accept'), attempts: z.array(attemptRef).max(10_000) }),
  z.object({ t: z.literal('outcome'), report: REPORT }),
  z.object({
    t: z.literal('state'),
    request: int,
    live: z
      .object({
        phase: z.enum(['starting', 'building', 'calling', 'streaming', 'ending']),
        tokens: int,
        elapsed_ms: z.number(),
        pid: int.nullable(),
      })
      .nullable(),
  }),
  /** A piece of a followed log: NDJSON bytes as text, beginning at `offset` bytes. */
  z.object({ t: z.literal('log'), follow: int, attempt: int, offset: int, text, end: z.boolean() }),
  z.object({ t: z.literal('leaving') }),
]);
export type FromInstance = z.infer<typeof FROM_INSTANCE>;

const anyJson = z.custom<Json>((value) => isPlainJsonObject({ value }), 'a value of JSON');

const part = z.union([
  z.object({ type: z.literal('text'), text }),
  z.object({
    type: z.enum(['image', 'file']),
    media_type: text,
    body_sha256: text,
    bytes: int,
    filename: text.exactOptional(),
  }),
]);
const message = z.object({
  role: z.enum(['system', 'user', 'assistant']),
  content: z.union([text, z.array(part)]),
});

const scriptCall = z.object({
  script: text,
  args: anyJson,
  pure: z.boolean(),
  source_sha256: text,
  inputs: z.array(z.object({ file: text, sha256: text })),
});
const recipe = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('script'), script: scriptCall }),
  z.object({
    kind: z.literal('template'),
    template: z.union([z.array(text), z.array(message)]),
    values: json,
    scripts: z.record(z.string(), scriptCall),
  }),
]);

const orderSchema = z.object({
  ...ref,
  type: z.enum(['llm', 'command']),
  endpoint: text,
  model: text,
  messages: z.array(message),
  recipe: recipe.nullable(),
  attachments: z.record(z.string(), text),
  command: scriptCall.nullable(),
  argv: z.array(text).nullable(),
  job: z
    .object({
      name: text,
      run: int,
      batch: text.nullable(),
      key: text.nullable(),
      metadata: anyJson,
      type: text,
      prompt: anyJson,
      configuration: anyJson,
    })
    .nullable(),
  parameters: json,
  extra: json,
  drawers: json,
  attempt_timeout_ms: int,
  first_token_timeout_ms: int,
  stall_timeout_ms: int,
});

export const FROM_SCHEDULER = z.discriminatedUnion('t', [
  z.object({
    t: z.literal('welcome'),
    protocol: int,
    /** The instance's integer id (R28). */
    id: int,
    store_id: z.string().max(64),
    lease_ttl_ms: int,
    heartbeat_ms: int,
  }),
  /** Said before the connection is closed. */
  z.object({
    t: z.literal('refuse'),
    code: z.enum(['WrongProtocol', 'WrongToken', 'NameInUse', 'BadMessage', 'HelloTimeout', 'ShuttingDown']),
    message: text,
  }),
  z.object({ t: z.literal('dispatch'), orders: z.array(orderSchema).max(10_000) }),
  z.object({
    t: z.literal('abort'),
    attempts: z.array(attemptRef).max(10_000),
    reason: z.enum(['cancelled', 'superseded', 'lease_lost']),
  }),
  /** The outcome is committed, or will never be wanted: the instance forgets it. */
  /** `store_id` is that of the report: attempts of two databases may have the same name and number. */
  z.object({ t: z.literal('acknowledge'), attempts: z.array(acknowledged).max(10_000) }),
  /** Answers a heartbeat: leases of these attempts run for another term from its sending. What is missing is no longer this instance's. */
  z.object({ t: z.literal('renewed'), seq: int, gone: z.array(attemptRef).max(100_000) }),
  z.object({ t: z.literal('state_request'), request: int, attempt: attemptRef }),
  z.object({ t: z.literal('follow'), follow: int, attempt: attemptRef, offset: int }),
  z.object({ t: z.literal('unfollow'), follow: int }),
  z.object({ t: z.literal('drain') }),
]);
export type FromScheduler = z.infer<typeof FROM_SCHEDULER>;

/** How long lists are cut into frames. */
export const LIST_MAX = 10_000;
export const FRAME_LIMITS = { before: LIMITS.frame_bytes_before_hello_max, after: LIMITS.frame_bytes_max };
