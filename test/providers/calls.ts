// What provider tests call with, and what they hear.
import type { AttemptFailure, AttemptObserver } from '../../src/core/attempt.ts';
import type { EndpointConfig, EndpointKind } from '../../src/core/endpoints.ts';
import {
  ProviderError,
  type Provider,
  type ProviderAnswer,
  type ProviderCall,
} from '../../src/core/ports/provider.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { systemTimers } from '../../src/platform/timers.ts';
import { createProviders } from '../../src/providers/providers.ts';

export function endpointOf(kind: EndpointKind, more: Partial<EndpointConfig> = {}): EndpointConfig {
  return {
    name: kind,
    kind,
    base_urls: [],
    api_key_env: null,
    api_key_file: null,
    max_concurrent: 16,
    sticky_models: false,
    settings: {},
    ...more,
  };
}

export function realProvider(kind: EndpointKind): Provider {
  const provider = createProviders({ clock: systemClock, timers: systemTimers }).get(kind);
  if (provider === undefined) throw new Error(`no provider of kind ${kind}`);
  return provider;
}

export function callOf(kind: EndpointKind, base_url: string, more: Partial<ProviderCall> = {}): ProviderCall {
  return {
    endpoint: endpointOf(kind),
    base_url,
    api_key: null,
    model: 'test-model',
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Say something.' },
    ],
    parameters: {},
    extra: {},
    drawer: {},
    job: null,
    result_bytes_max: 1_000_000,
    ...more,
  };
}

export interface Heard {
  readonly observer: AttemptObserver;
  readonly pieces: string[];
  /** How often a sign of life came that is no text. */
  signs: number;
  /** Called with each piece, after it was noted. */
  onPiece: (piece: string) => void;
}

export function hear(): Heard {
  const heard: Heard = {
    pieces: [],
    signs: 0,
    onPiece: () => undefined,
    observer: {
      phase: () => {
        heard.signs += 1;
      },
      text: (piece) => {
        heard.pieces.push(piece);
        heard.onPiece(piece);
      },
      log: () => undefined,
    },
  };
  return heard;
}

export function neverAborted(): AbortSignal {
  return new AbortController().signal;
}

export async function ask(provider: Provider, call: ProviderCall): Promise<ProviderAnswer> {
  return provider.call(call, hear().observer, neverAborted());
}

/** The failure with which a call ends; an answer, or another error, is a fault of the test. */
export async function failureOf(asked: Promise<unknown>): Promise<AttemptFailure> {
  const outcome = await asked.then(
    (answer: unknown) => new Error(`expected a failure, got the answer ${JSON.stringify(answer)}`),
    (error: unknown) => error,
  );
  if (outcome instanceof ProviderError) return outcome.failure;
  throw outcome instanceof Error ? outcome : new Error(`expected a ProviderError, got ${String(outcome)}`);
}
