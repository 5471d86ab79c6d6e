/**
 * What an AI package is, for its author: `import type { AiPackage, AiJob } from 'promptd/ai'`. A JavaScript or TypeScript module
 * that exports these three functions can be plugged in as it is, and so can a Python file that defines them. See
 * docs/ai-packages.md.
 */

/** -1: generating. 1: completed. 0: not in use. */
export type AiJobStatus = -1 | 0 | 1;

export interface AiPackage {
  get_job_status(instance: number): AiJobStatus | Promise<AiJobStatus>;
  /** Takes a job and returns soon: 0 for success, -1 for failure. */
  submit_job(job: AiJob, instance: number): 0 | -1 | Promise<0 | -1>;
  /**
   * The finished job's answer: text, bytes, or where its file is (a `file:` URL, or an object with its path). Null or
   * undefined while it is not done.
   */
  retrieve_job(instance: number): AiAnswer | Promise<AiAnswer>;
}

export type AiAnswer = string | Uint8Array | ArrayBuffer | URL | { readonly path: string } | null | undefined;

export interface AiJob {
  /** The name of the job at promptd. */
  readonly name: string;
  /** Everything that is text in the messages. */
  readonly prompt: string;
  readonly messages: readonly AiMessage[];
  /** As the job gives it: model, temperature, seed and all the rest. */
  readonly configuration: Readonly<Record<string, unknown>>;
  /** The caller's own. */
  readonly metadata: unknown;
  /** What the answer is to be, such as `image/png`: `file_type` in the drawer `ai-package` of the configuration. */
  readonly file_type: string | null;
  /** What the messages have attached. Read them before the next job is submitted to the same instance. */
  readonly files: readonly AiFile[];
}

export interface AiMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string | readonly AiMessagePart[];
}

export type AiMessagePart =
  | { readonly type: 'text'; readonly text: string }
  | ({ readonly type: 'image' | 'file' } & AiFile);

export interface AiFile {
  readonly name: string;
  readonly media_type: string;
  /** Where it is, absolute. */
  readonly path: string;
}
