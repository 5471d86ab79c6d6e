/** Committed rows in memory, as the publisher reads them: what a scheduler would have committed and drops when it is told. */
import { sha256, sha256Bytes } from '../../src/core/identity.ts';
import { FULL_BUDGETS } from '../../src/core/retry.ts';
import { canonicalJson, type Json } from '../../src/core/json.ts';
import type { PublicationBody, PublicationPart, ReadStore } from '../../src/core/ports/read-store.ts';
import type {
  AttemptRow,
  PublicationKind,
  PublicationRow,
  ResultFileRef,
  ResultRow,
  RunRow,
  SpecRow,
} from '../../src/core/rows.ts';

export const NOON = Date.UTC(2026, 10, 22, 12);

export interface BodyParts {
  readonly kind?: PublicationKind;
  readonly job?: number;
  readonly epoch?: number | null;
  readonly name?: string;
  readonly text?: string;
  readonly given?: Json;
  readonly messages?: Json;
  readonly run?: Partial<RunRow>;
  readonly spec?: Partial<SpecRow>;
  readonly result?: Partial<ResultRow>;
  readonly files?: readonly ResultFileRef[];
  readonly attempts?: readonly AttemptRow[];
  readonly answered_by?: { readonly name: string; readonly run: number };
}

/** A completed run with one attempt, unless the parts say otherwise. */
export function publicationBody(parts: BodyParts = {}): PublicationBody {
  const { kind = 'result', job = 1, name = 'faq-17', text = '# Yes\n\nBecause.\n' } = parts;
  const epoch = parts.epoch === undefined ? (kind === 'job' ? null : NOON + job) : parts.epoch;
  const spec_body = canonicalJson(
    parts.given ?? {
      type: 'llm',
      prompt: 'Why?',
      configuration: { LLM_name: 'ollama:llama3.2:3b', seed: 7 },
    },
  );
  const prompt_body = canonicalJson(parts.messages ?? [{ role: 'user', content: 'Why?' }]);
  const run: RunRow = {
    id: job,
    name,
    run: 1,
    type: 'llm',
    source: 'http',
    lane: 1,
    endpoint: 'ollama',
    model: 'llama3.2:3b',
    digest: `1:${sha256(prompt_body)}`,
    batch: null,
    key: null,
    max_attempts: 4,
    attempt_timeout_ms: 600_000,
    submitted_at: NOON - 5_000,
    state: kind === 'ended' ? 'failed' : 'completed',
    priority: 0,
    rank: 1,
    leads: false,
    due_at: null,
    attempt: 1,
    instance: 0,
    ...FULL_BUDGETS,
    reason_code: kind === 'ended' ? 'BadRequest' : null,
    reason_message: kind === 'ended' ? 'no such parameter' : null,
    started_at: NOON - 4_000,
    finished_at: NOON,
    epoch,
    answered_by: null,
    ...parts.run,
  };
  const spec: SpecRow = {
    spec_sha256: sha256(spec_body),
    prompt_sha256: sha256(prompt_body),
    request: '{}',
    options: {
      priority: 0,
      attempt_timeout_ms: 600_000,
      first_token_timeout_ms: 300_000,
      stall_timeout_ms: 90_000,
      max_attempts: 4,
      run_at: null,
      tags: [],
    },
    metadata: undefined,
    link: `${name}.json`,
    ...parts.spec,
  };
  const result: ResultRow & { text: string } = {
    job,
    epoch: epoch ?? NOON,
    attempt: 1,
    text_sha256: sha256(text),
    text_bytes: Buffer.byteLength(text),
    accepted_at: NOON,
    text,
    meta: {
      model: 'llama3.2:3b',
      model_answered: 'llama3.2:3b',
      endpoint: 'ollama',
      endpoint_kind: 'ollama',
      parameters_sent: { seed: 7 },
      finish_reason: 'stop',
      warnings: [],
      usage: { input: 3, cached: null, output: 4, reasoning: null, raw: {} },
      timings: { queued_ms: 1, build_ms: 0, first_token_ms: 20, call_ms: 30 },
      cost: null,
      ...(parts.files === undefined ? {} : { files: parts.files }),
    },
    ...parts.result,
  };
  return {
    publication: { kind, job, epoch },
    run,
    spec,
    spec_body,
    prompt_body,
    result: kind === 'result' ? result : null,
    answered_by: parts.answered_by ?? null,
    attempts: parts.attempts ?? [],
  };
}

/** `to_publish`, in the order of insertion, job files before results of the same jobs as in the store. */
export class PublicationRows implements Pick<ReadStore, 'publications' | 'publicationBody' | 'body'> {
  readonly #rows = new Map<string, PublicationBody>();
  /** Base64 texts of files, by their hash. */
  readonly bodies = new Map<string, string>();
  /** Rows that were asked for, in order. */
  readonly read: PublicationRow[] = [];

  add(...bodies: readonly PublicationBody[]): void {
    for (const body of bodies) this.#rows.set(keyOf(body.publication), body);
  }

  drop(rows: readonly PublicationRow[]): void {
    for (const row of rows) this.#rows.delete(keyOf(row));
  }

  /** What the scheduler does with a conflict: the next epoch, in a row of its own. */
  renew(rows: readonly PublicationRow[]): void {
    for (const row of rows) {
      const body = this.#rows.get(keyOf(row));
      this.#rows.delete(keyOf(row));
      if (body === undefined || row.epoch === null) continue;
      this.add({
        ...body,
        publication: { ...row, epoch: row.epoch + 1 },
        run: { ...body.run, epoch: row.epoch + 1 },
      });
    }
  }

  get left(): number {
    return this.#rows.size;
  }

  publications(limit: number, part?: PublicationPart): readonly PublicationRow[] {
    const all = [...this.#rows.values()].map((body) => body.publication);
    const jobs = all.filter(({ kind }) => kind === 'job');
    const answers = all.filter(({ kind, job }) => kind !== 'job' && !jobs.some((one) => one.job === job));
    return (part === undefined ? all : part === 'jobs' ? jobs : answers).slice(0, limit);
  }

  publicationBody(row: PublicationRow): PublicationBody | null {
    this.read.push(row);
    return this.#rows.get(keyOf(row)) ?? null;
  }

  /** Stores a file as the scheduler does, and gives what a result says of it. */
  addFile(name: string, text: string, media_type = 'text/plain'): ResultFileRef {
    const bytes = Buffer.from(text);
    const body = bytes.toString('base64');
    this.bodies.set(sha256(body), body);
    return { name, media_type, bytes: bytes.length, sha256: sha256Bytes(bytes), body_sha256: sha256(body) };
  }

  body(hash: string): string | null {
    return this.bodies.get(hash) ?? null;
  }
}

function keyOf(row: PublicationRow): string {
  return `${row.kind} ${row.job} ${row.epoch}`;
}
