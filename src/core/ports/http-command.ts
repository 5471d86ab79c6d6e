/** What a command script asks of its endpoint's server: one HTTP request, and where in the answer the result stands. */
import type { AttemptObserver } from '../attempt.ts';
import type { Json } from '../json.ts';
import type { ProviderAnswer, ProviderCall } from './provider.ts';

export const HTTP_METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
export type HttpMethod = (typeof HTTP_METHODS)[number];

export interface HttpCommand {
  readonly method: HttpMethod;
  /** Put behind the path of the base_url: `/chat/completions`, with its query where it has one. */
  readonly path: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** A text leaves as it is, everything else as JSON; null: no body. */
  readonly body: Json;
  readonly result: ResultPlace;
}

export type ResultPlace =
  /** The body is JSON, and the answer stands at a JSON pointer: a text as it is, other values as JSON. */
  | { readonly kind: 'json'; readonly pointer: string }
  /**
   * The body is a stream of events, each JSON. The texts at `pointer` are the answer, one after the other. `end`: the stream
   * is complete with the first event in which something other than null or false stands there.
   */
  | { readonly kind: 'sse'; readonly pointer: string; readonly end: string | null }
  /** The whole body is the answer. */
  | { readonly kind: 'text' };

export interface HttpCommands {
  /**
   * Sends the request to `call.base_url`, with the key in the way of the endpoint's kind, and never anywhere else: no
   * redirect is followed. Asks once. Rejects like {@link Provider.call}; what the server refuses has the same blame there.
   */
  send(
    command: HttpCommand,
    call: ProviderCall,
    observer: AttemptObserver,
    signal: AbortSignal,
  ): Promise<ProviderAnswer>;
}
