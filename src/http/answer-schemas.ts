/** What the calls answer, for OpenAPI. Each is held to its view in core/views.ts by the compiler; no answer is checked at run time. */
import { z } from 'zod';
import { type ErrorCode, ERRORS } from '../core/errors.ts';
import type { Analysis } from '../core/analysis.ts';
import type { DiskUseView } from '../core/disk-use.ts';
import type { Json, JsonObject } from '../core/json.ts';
import type { EndpointStatus, InstanceStatus } from '../core/ports/scheduler.ts';
import { RUN_STATES } from '../core/states.ts';
import type {
  AttemptView,
  BatchView,
  JobDetail,
  JobLine,
  JobOfResultView,
  JobView,
  LotView,
  ResultNamesView,
  ResultView,
} from '../core/views.ts';

const json = z.custom<Json>();
const time = z.string().meta({ format: 'date-time' });
const state = z.enum(RUN_STATES);
const reason = z.object({
  code: z.string(),
  message: z.string(),
  since: time.exactOptional(),
  until: time.exactOptional(),
});
const phase = z.enum(['starting', 'building', 'calling', 'streaming', 'ending']);
const live = z.object({ phase, tokens: z.number(), elapsed_ms: z.number() });

const lineFields = {
  name: z.string(),
  run: z.int(),
  batch: z.string().nullable(),
  key: z.string().nullable(),
  type: z.enum(['llm', 'command']),
  state,
  reason: reason.nullable(),
  endpoint: z.string(),
  model: z.string(),
  digest: z.string(),
  shared_with: z.string().nullable(),
  attempts: z.int(),
  submitted_at: time,
  started_at: time.nullable(),
  finished_at: time.nullable(),
  instance: z.int().nullable(),
  links: z.object({ self: z.string(), result: z.string(), logs: z.string() }),
};

const options = z.object({
  priority: z.int(),
  attempt_timeout_ms: z.int(),
  first_token_timeout_ms: z.int(),
  stall_timeout_ms: z.int(),
  max_attempts: z.int(),
  run_at: time.nullable(),
  tags: z.array(z.string()),
});

const jobLineOut = z.object(lineFields) satisfies z.ZodType<JobLine>;

const jobFields = {
  ...lineFields,
  metadata: json,
  created: z.boolean(),
  answered_before: z.boolean(),
  options,
  options_differ: z.boolean().exactOptional(),
  differs: z.array(z.string()).exactOptional(),
  job_file: z.string().exactOptional(),
  adopted: z.object({ file: z.string(), unverified: z.boolean() }).exactOptional(),
  warnings: z.array(z.string()).exactOptional(),
  live: live.nullable(),
  live_missing: z.string().exactOptional(),
};

const promptMade = z.object({
  scripts: z.array(z.string()),
  attempt: z.int().nullable(),
  sha256: z.string().nullable(),
});

const details = z.object({
  attempts: z.array(z.custom<AttemptView>()).exactOptional(),
  spec: json.exactOptional(),
  prompt: json.exactOptional(),
  prompt_made: promptMade.exactOptional(),
  request: json.exactOptional(),
  runs: z.array(z.object({ run: z.int(), state, finished_at: time.nullable() })).exactOptional(),
});

export const jobOut = z.object(jobFields) satisfies z.ZodType<JobView>;
export const jobDetailOut = z.object({
  ...jobFields,
  with: details.exactOptional(),
}) satisfies z.ZodType<JobDetail>;
export const jobsOut = z.object({ jobs: z.array(jobLineOut), next_cursor: z.string().nullable() });

export const lotOut = z.object({
  created: z.int(),
  answered_before: z.int(),
  shared: z.int(),
  known: z.int(),
  jobs: z.array(z.object({ name: z.string(), run: z.int(), state })),
  next_runs: z
    .object({
      total: z.int(),
      some: z.array(z.object({ name: z.string(), run: z.int(), differs: z.array(z.string()) })),
    })
    .exactOptional(),
  refused: z.array(z.object({ index: z.int(), errors: z.array(z.unknown()) })).exactOptional(),
  warnings: z.array(z.string()).exactOptional(),
}) satisfies z.ZodType<LotView>;

const by = z.record(z.string(), z.string().nullable());
export const countsOut = z.object({ counts: z.array(z.object({ by, runs: z.int() })), total: z.int() });

export const manyOut = z.object({
  counts: z.record(z.string(), z.int()),
  jobs: z.array(z.object({ name: z.string(), run: z.int(), verdict: z.string(), state: state.nullable() })),
});

const tokens = z.number().nullable();
const usage = z.object({
  input: tokens,
  cached: tokens,
  output: tokens,
  reasoning: tokens,
  raw: z.custom<JsonObject>(),
});

const resultFile = z.object({
  name: z.string(),
  media_type: z.string(),
  bytes: z.int(),
  sha256: z.string(),
  path: z.string(),
});

export const resultOut = z.object({
  job: z.string(),
  result: z.string().nullable(),
  name: z.string().exactOptional(),
  run: z.int().exactOptional(),
  file: z.string().exactOptional(),
  key: z.string().nullable().exactOptional(),
  metadata: json.exactOptional(),
  digest: z.string().exactOptional(),
  attempt: z.int().exactOptional(),
  endpoint: z.string().exactOptional(),
  model: z.string().exactOptional(),
  model_answered: z.string().nullable().exactOptional(),
  parameters_sent: json.exactOptional(),
  finish_reason: z.string().exactOptional(),
  warnings: z.array(z.string()).exactOptional(),
  usage: usage.nullable().exactOptional(),
  cost: z.object({ amount: z.number(), currency: z.string(), as_of: z.string() }).nullable().exactOptional(),
  files: z.array(resultFile).exactOptional(),
  sha256: z.string().exactOptional(),
  accepted_at: time.exactOptional(),
  analysis: z.custom<Analysis>().exactOptional(),
}) satisfies z.ZodType<ResultView>;

const resultName = { file: z.string(), epoch: z.int(), name: z.string(), run: z.int().nullable() };
export const resultNamesOut = z.object({
  job: z.string(),
  results: z.array(z.object(resultName)),
  result: z.null().exactOptional(),
  has_more: z.boolean().exactOptional(),
}) satisfies z.ZodType<ResultNamesView>;
export const jobOfResultOut = z.object({
  job: z.string(),
  ...resultName,
}) satisfies z.ZodType<JobOfResultView>;

export const batchOut = z.object({
  batch: z.string(),
  created_at: time,
  counts: z.record(state, z.int()),
  total: z.int(),
  ended: z.int(),
  tokens: z.object({ input: z.number(), output: z.number() }),
  cost: z.array(z.object({ currency: z.string(), amount: z.number() })),
  cost_unknown: z.int(),
  eta_s: z.number().nullable(),
}) satisfies z.ZodType<BatchView>;
export const batchesOut = z.object({ batches: z.array(batchOut) });

const schedulerReason = z.object({
  code: z.string(),
  message: z.string(),
  until: z.number().exactOptional(),
});
const atWork = z.object({
  name: z.string(),
  run: z.int(),
  attempt: z.int(),
  endpoint: z.string(),
  model: z.string(),
  elapsed_ms: z.number(),
  timeout_ms: z.number(),
  pid: z.int().nullable(),
});
export const instanceOut = z.object({
  id: z.int(),
  name: z.string(),
  state: z.enum(['connected', 'draining', 'disconnected']),
  slots: z.int(),
  endpoints: z.array(z.string()),
  address: z.string().nullable(),
  version: z.string().nullable(),
  pid: z.int().nullable(),
  silent_ms: z.number().nullable(),
  running: z.array(atWork),
}) satisfies z.ZodType<InstanceStatus>;
export const instancesOut = z.object({ instances: z.array(instanceOut) });

const endpointOut = z.object({
  name: z.string(),
  kind: z.string(),
  max_concurrent: z.int(),
  running: z.int(),
  paused: z.boolean(),
  gate: z.enum(['open', 'closed', 'probing']),
  reason: z.custom<EndpointStatus['reason']>(),
}) satisfies z.ZodType<EndpointStatus>;
export const endpointsOut = z.object({ endpoints: z.array(endpointOut) });

export const healthOut = z.object({ ok: z.boolean(), version: z.string(), store_id: z.string() });
export const readyOut = z.object({ ready: z.boolean() });
export const folderCountsOut = z.object({
  watched: z.boolean(),
  enabled: z.boolean(),
  waiting: z.int().nullable(),
  rejected: z.int(),
  changed: z.int(),
  of_no_run: z.int(),
});
const diskUse = z.object({ bytes: z.int(), inodes: z.int() });
/** Null while a large workspace is counted for the first time. */
const diskUseOut = z.object({
  jobs: diskUse,
  results: diskUse,
  ended: diskUse,
  database: diskUse,
  logs: diskUse,
  age_s: z.int(),
}) satisfies z.ZodType<DiskUseView>;
export const statsOut = z.looseObject({
  version: z.string(),
  store_id: z.string(),
  uptime_s: z.number(),
  turns: z.int(),
  states: z.record(z.string(), z.int()),
  unpublished: z.int(),
  trouble: schedulerReason.nullable(),
  processes: z.int(),
  folder: folderCountsOut,
  disk_use: diskUseOut.nullable().exactOptional(),
});

const fault = z.object({
  code: z.string(),
  path: z.string(),
  line: z.int().exactOptional(),
  column: z.int().exactOptional(),
  expected: z.string(),
  got: z.string(),
  hint: z.string().exactOptional(),
});
export const folderOut = z.object({
  counts: folderCountsOut,
  rejected: z.array(z.object({ file: z.string(), since: time, faults: z.array(fault), report: z.string() })),
  changed: z.array(z.object({ file: z.string(), since: time, names: z.array(z.string()) })),
  of_no_run: z.array(z.object({ file: z.string(), since: time, message: z.string() })),
});
const problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.enum(Object.keys(ERRORS) as ErrorCode[]),
  detail: z.string(),
  hint: z.string().exactOptional(),
  errors: z.array(fault).exactOptional(),
});

/** An answer of another kind than JSON, by its media type. */
export function textOf(description: string, media_type: string) {
  return { description, content: { [media_type]: { schema: z.string() } } };
}

/** The problem that stands in the place of any answer (RFC 9457). */
export const problemOut = {
  description: 'A problem (RFC 9457); its codes stand in docs/errors.md',
  content: { 'application/problem+json': { schema: problem } },
};
