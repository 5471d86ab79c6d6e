/** The code that speaks one platform's protocol. One file a platform in src/providers/, one conformance suite for all. */
import type { AnswerFile, AttemptFailure, AttemptObserver } from '../attempt.ts';
import type { EndpointConfig } from '../endpoints.ts';
import type { JsonObject } from '../json.ts';
import type { Role, TextPart } from '../messages.ts';
import type { JobAsGiven } from '../recipe.ts';
import type { Usage } from '../usage.ts';

/** A message with what it has attached. */
export interface CallMessage {
  readonly role: Role;
  readonly content: string | readonly (TextPart | CallAttachment)[];
}

export interface CallAttachment {
  readonly type: 'image' | 'file';
  readonly media_type: string;
  /** Base64 of its bytes. */
  readonly data: string;
  readonly filename?: string;
}

/** What is text in a message. */
export function callText({ content }: CallMessage): string {
  if (typeof content === 'string') return content;
  return content.map((part) => (part.type === 'text' ? part.text : '')).join('');
}

export interface ProviderCall {
  readonly endpoint: EndpointConfig;
  /** The server to be asked, one of the endpoint's; '' for the simulator. */
  readonly base_url: string;
  /** Null where the endpoint needs none. It must appear in no log, error or answer. */
  readonly api_key: string | null;
  readonly model: string;
  readonly messages: readonly CallMessage[];
  readonly parameters: JsonObject;
  readonly extra: JsonObject;
  /** This platform's own words, taken from its drawer. */
  readonly drawer: JsonObject;
  /** The job as given, for AI packages; null for every other kind of endpoint. */
  readonly job: JobAsGiven | null;
  /** Answers longer than this are refused with AnswerTooLarge as soon as that is known. */
  readonly result_bytes_max: number;
}

export interface ProviderAnswer {
  readonly text: string;
  readonly reasoning: string | null;
  readonly model_answered: string | null;
  /** `stop`, `length`, `content_filter`, `tool_calls`, `other`. */
  readonly finish_reason: string;
  readonly usage: Usage | null;
  /** The parameters as they stood in the body that left, without the messages. */
  readonly parameters_sent: JsonObject;
  /** What the platform did not honour, a sentence each. */
  readonly warnings: readonly string[];
  /** What came beside the text. */
  readonly files?: readonly AnswerFile[];
}

export interface Provider {
  /**
   * Asks once, without retries of its own. `observer.text` is called for every piece as it arrives.
   * Rejects with a {@link ProviderError}, or with the signal's reason soon after it aborts: the upstream connection is closed then.
   */
  call(call: ProviderCall, observer: AttemptObserver, signal: AbortSignal): Promise<ProviderAnswer>;
  /** Names of the models that are there; rejects with a {@link ProviderError}. */
  models(
    endpoint: EndpointConfig,
    base_url: string,
    api_key: string | null,
    signal: AbortSignal,
  ): Promise<readonly string[]>;
}

export class ProviderError extends Error {
  readonly failure: AttemptFailure;

  constructor(failure: AttemptFailure, cause?: unknown) {
    super(failure.message, cause === undefined ? undefined : { cause });
    this.name = 'ProviderError';
    this.failure = failure;
  }
}
