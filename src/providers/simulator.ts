/**
 * A stand-in for a model: answers deterministically and says everywhere that it is none. For demonstrations, tests and
 * benchmarks. `settings.tokens_per_second` sets its speed (default 200; 0: no delay at all).
 */
import { pause } from '../core/abortable.ts';
import { hash } from 'node:crypto';
import type { AttemptObserver } from '../core/attempt.ts';
import { canonicalJson, isJsonObject, type Json } from '../core/json.ts';
import type { Clock, Timers } from '../core/ports/clock.ts';
import { callText, type Provider, type ProviderAnswer, type ProviderCall } from '../core/ports/provider.ts';
import { attachedTo } from './attachments.ts';
import { AnswerText } from './answer-text.ts';
import { drawsOf, simulatedText, STAND_IN } from './simulated-text.ts';
import { simulatedValue } from './simulated-value.ts';

const TOKENS_PER_SECOND = 200;
/** Fast streams say several pieces at a time: a timer for each would measure the timers. */
const TICK_MS = 5;
const HONOURED: ReadonlySet<string> = new Set(['max_tokens', 'stop', 'seed', 'sample', 'response_schema']);
const WARNING = `${STAND_IN}: this text was made up, no model was asked.`;

export class SimulatorProvider implements Provider {
  readonly #clock: Clock;
  readonly #timers: Timers;

  constructor(options: { readonly clock: Clock; readonly timers: Timers }) {
    this.#clock = options.clock;
    this.#timers = options.timers;
  }

  async call(call: ProviderCall, observer: AttemptObserver, signal: AbortSignal): Promise<ProviderAnswer> {
    signal.throwIfAborted();
    const made = makeUp(call);
    const { endpoint, base_url, api_key, model, result_bytes_max } = call;
    const answer = new AnswerText({ endpoint, base_url, api_key, model }, observer, result_bytes_max);
    const speed = endpoint.settings['tokens_per_second'];
    const tokens_per_second = typeof speed === 'number' ? speed : TOKENS_PER_SECOND;
    if (tokens_per_second > 0) await this.#stream(tokensOf(made.text), tokens_per_second, answer, signal);
    else answer.addText(made.text);
    return {
      text: answer.text,
      reasoning: null,
      model_answered: STAND_IN,
      finish_reason: made.finish_reason,
      usage: usageOf(call, made.tokens),
      parameters_sent: { model, ...call.parameters, ...call.extra, ...call.drawer },
      warnings: warningsOf(call),
    };
  }

  /** Whatever it is asked for: it plays every model. */
  async models(): Promise<readonly string[]> {
    return Promise.resolve(['simulator']);
  }

  /** Says each piece when it is due by the clock, so that late timers do not add up. */
  async #stream(
    pieces: readonly string[],
    tokens_per_second: number,
    answer: AnswerText,
    signal: AbortSignal,
  ): Promise<void> {
    const started = this.#clock.monotonic();
    for (let said = 0; said < pieces.length;) {
      const due = started + ((said + 1) * 1000) / tokens_per_second;
      await pause(this.#timers, Math.max(due - this.#clock.monotonic(), TICK_MS), signal);
      const until = Math.floor(((this.#clock.monotonic() - started) * tokens_per_second) / 1000);
      for (; said < Math.min(until, pieces.length); said += 1) answer.addText(pieces[said] ?? '');
    }
  }
}

interface MadeUp {
  readonly text: string;
  readonly tokens: number;
  readonly finish_reason: 'stop' | 'length';
}

/** The whole answer, cut as `stop` and `max_tokens` ask. */
function makeUp({ model, messages, parameters, extra, drawer }: ProviderCall): MadeUp {
  const seed: Json = parameters['seed'] ?? null;
  const sample: Json = extra['sample'] ?? drawer['sample'] ?? null;
  const said = messages.map(({ role, content }) => [role, content]);
  const digest = hash('sha256', JSON.stringify([model, said]) + canonicalJson({ seed, sample }), 'buffer');
  const schema = parameters['response_schema'];
  const whole = isJsonObject(schema)
    ? JSON.stringify(simulatedValue(schema, drawsOf(digest)), null, 1)
    : simulatedText(digest, model);
  const text = cutAtStop(whole, parameters['stop']);
  const tokens = wordsIn(text);
  const max = parameters['max_tokens'];
  if (typeof max !== 'number' || max >= tokens) return { text, tokens, finish_reason: 'stop' };
  const kept = firstTokens(text, Math.max(max, 0));
  return { text: kept, tokens: wordsIn(kept), finish_reason: 'length' };
}

/** Words, each with the white space before it. */
function tokensOf(text: string): readonly string[] {
  return text.match(/\s*\S+/g) ?? [];
}

/** What {@link tokensOf} gives, up to so many of them, without looking at the rest. */
function firstTokens(text: string, count: number): string {
  const token = /\s*\S+/gy;
  for (let taken = 0; taken < count; taken += 1) token.test(text);
  return text.slice(0, token.lastIndex);
}

function cutAtStop(text: string, stop: Json | undefined): string {
  if (stop === undefined) return text;
  const stops = (Array.isArray(stop) ? (stop as readonly Json[]) : [stop]).filter(
    (one): one is string => typeof one === 'string' && one !== '',
  );
  const ends = stops.map((one) => text.indexOf(one)).filter((at) => at >= 0);
  return ends.length === 0 ? text : text.slice(0, Math.min(...ends));
}

function usageOf(call: ProviderCall, output: number): ProviderAnswer['usage'] {
  const input = call.messages.reduce((sum, message) => sum + wordsIn(callText(message)), 0);
  const attachments = call.messages.reduce((sum, message) => sum + attachedTo(message).length, 0);
  const raw = attachments === 0 ? { counted: 'words' } : { counted: 'words', attachments };
  return { input, cached: null, output, reasoning: null, raw };
}

function wordsIn(text: string): number {
  let words = 0;
  let inside = false;
  for (let at = 0; at < text.length; at += 1) {
    const isSpace = text.charCodeAt(at) <= 32;
    if (!isSpace && !inside) words += 1;
    inside = !isSpace;
  }
  return words;
}

function warningsOf({ messages, parameters, extra }: ProviderCall): readonly string[] {
  const ignored = [...Object.keys(parameters), ...Object.keys(extra)].filter((name) => !HONOURED.has(name));
  const attached = messages.flatMap(attachedTo).map(({ media_type }) => media_type);
  return [
    WARNING,
    ...(ignored.length === 0 ? [] : [`${STAND_IN}: ignored ${ignored.join(', ')}.`]),
    ...(attached.length === 0 ? [] : [`${STAND_IN}: looked into no attachment (${attached.join(', ')}).`]),
  ];
}
