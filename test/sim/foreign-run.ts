/** Files of runs of another workspace, byte for byte as promptd writes them there. */
import { digestOf, freshRequest, sha256 } from '../../src/core/identity.ts';
import type { RunRow } from '../../src/core/rows.ts';
import type { PreparedJob } from '../../src/core/submission.ts';
import { endedFileText } from '../../src/workspace/ended-file.ts';
import { resultFileText } from '../../src/workspace/result-file.ts';
import { jobOf } from '../scheduler/prepared-job.ts';
import type { ForeignRun } from './actions.ts';
import { metaOf } from './model.ts';
import type { Handmade } from './world.ts';

/** Before everything that happens here. */
const ASKED_AT = Date.UTC(2025, 5, 1);

export interface ForeignFile {
  readonly bytes: Uint8Array;
  /** What it says; of an end the result is empty. */
  readonly says: Handmade & { readonly digest: string };
}

export function foreignFile(of: ForeignRun): ForeignFile {
  const { name, run, epoch, damage } = of;
  const job = jobThere(of);
  const result = of.kind === 'result' ? `Elsewhere: "${of.text}", answered at ${epoch}.` : '';
  const text = of.kind === 'result' ? resultText(of, job, result) : endText(of, job);
  const damaged =
    damage === 'changed'
      ? text.replace('Elsewhere', 'Nowhere')
      : damage === 'renamed'
        ? text.replace(`"name": "${name}"`, `"name": "${name}x"`)
        : text;
  return {
    bytes: Buffer.from(damage === 'half' ? text.slice(0, text.length / 2) : damaged),
    says: { result, digest: job.digest, run },
  };
}

function jobThere({ name, text, script, endpoint, model, fresh }: ForeignRun): PreparedJob {
  const job = jobOf(name, { text, script, endpoint, model });
  if (fresh === null) return job;
  const request = freshRequest(job.request, fresh);
  return { ...job, request, digest: digestOf(request) };
}

function resultText({ name, run, attempts }: ForeignRun, job: PreparedJob, text: string): string {
  const { digest, prompt_sha256 } = job;
  return resultFileText({
    run: { name, run, batch: null, key: null, digest, submitted_at: ASKED_AT },
    spec: { metadata: undefined, prompt_sha256, link: job.link },
    prompt_body: job.prompt,
    answered_by: null,
    result: {
      attempt: attempts,
      text_sha256: sha256(text),
      text,
      accepted_at: ASKED_AT + 1_000,
      meta: metaOf(job),
    },
  });
}

function endText({ name, run, epoch, state, attempts }: ForeignRun, job: PreparedJob): string {
  const { digest, endpoint, model } = job;
  const row = { name, run: run ?? 1, batch: null, key: null, digest, endpoint, model, state, epoch };
  const why = { reason_code: 'AttemptsExhausted', reason_message: 'It failed elsewhere.' };
  const made = {
    outcome: 'errored',
    charged_for: 'error',
    instance: 'elsewhere',
    started_at: ASKED_AT,
    ended_at: ASKED_AT + 500,
  };
  return endedFileText({
    publication: { kind: 'ended', job: 1, epoch },
    run: { ...row, ...why, submitted_at: ASKED_AT } as unknown as RunRow,
    spec: { ...job, metadata: undefined },
    spec_body: job.spec,
    prompt_body: job.prompt,
    result: null,
    answered_by: null,
    attempts: Array.from({ length: attempts }, (_, i) => ({ ...made, attempt: i + 1 }) as never),
  });
}
