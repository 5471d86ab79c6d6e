/** `promptd endpoints test`: one tiny call from this machine, by the same pipeline as every attempt; nothing is queued or written. */
import type { EndpointTest, EndpointTestOptions } from '../cli/deps.ts';
import type { EndpointConfig } from '../core/endpoints.ts';
import { Problem } from '../core/errors.ts';
import { ProviderError } from '../core/ports/provider.ts';
import { systemClock } from '../platform/clock.ts';
import { systemTimers } from '../platform/timers.ts';
import { createPrepare } from '../prompt/prepare.ts';
import { createProviders } from '../providers/providers.ts';
import { ownRunner } from './attempt-runner.ts';
import { type Config, loadConfig } from './config.ts';
import type { Environment } from './environment.ts';
import { orderFor } from './order-for.ts';
import { secretsOf } from './secrets.ts';

const PROMPT = 'Answer with the word ok.';
/** The least that every platform takes. */
const MAX_TOKENS = 16;
/** A local model may have to be loaded first. */
const TIMEOUT = '3m';

/** What cannot chat, by the names that vendors give; their lists hold all that they serve. */
const NO_CHAT = /embed|whisper|tts|dall-e|moderation|image|audio|realtime|transcribe|rerank|ocr/i;

const SILENT = { phase: () => undefined, text: () => undefined, log: () => undefined };

export async function testEndpoint(
  { workspace, endpoint: name, model: wanted }: EndpointTestOptions,
  env: Environment,
  signal: AbortSignal,
): Promise<EndpointTest | null> {
  const root = workspace?.root ?? null;
  const config = await loadConfig(root ?? process.cwd(), env);
  const endpoint = endpointOf(config, name);
  const about = { endpoint: name, kind: endpoint.kind, server: serverOf(endpoint) };
  let model: string | null;
  try {
    model = wanted ?? (await firstModel(endpoint, env, signal));
  } catch (error) {
    if (signal.aborted) return null;
    if (!(error instanceof ProviderError)) throw error;
    const { reason_code: code, message } = error.failure;
    return { ...about, model: null, ok: false, reason: { code, message } };
  }
  const { allow_exec, pass_env } = config.instance;
  const own = ownRunner({ endpoints: config.endpoints, env, root, allow_exec, pass_env });
  const began_at = systemClock.monotonic();
  try {
    const report = await own.runner.run(await orderOfTest(config, name, model), SILENT, signal);
    const { answer, failure, timings } = report;
    if (answer === null) {
      if (failure === null) return null;
      const reason = { code: failure.reason_code, message: failure.message };
      return { ...about, model, ok: false, reason };
    }
    const { model_answered, finish_reason, usage, warnings } = answer.meta;
    const total_ms = Math.round(systemClock.monotonic() - began_at);
    const { first_token_ms } = timings;
    const told = { model_answered, finish_reason, first_token_ms, total_ms, usage, warnings };
    return { ...about, model, ok: true, answer: answer.text, ...told };
  } finally {
    await own.close();
  }
}

function endpointOf({ endpoints }: Config, name: string): EndpointConfig {
  const endpoint = endpoints.get(name);
  if (endpoint === undefined)
    throw new Problem('NotFound', `There is no endpoint ${JSON.stringify(name)}.`, {
      hint: `There are: ${[...endpoints.keys()].join(', ')} ("endpoints" in promptd.config.json).`,
    });
  if (endpoint.kind === 'command')
    throw new Problem('InvalidRequest', `The endpoint ${name} runs the commands of jobs; it has no model.`, {
      hint: 'Try a job of type "command": promptd execute FILE',
    });
  return endpoint;
}

function serverOf({ base_urls: [first] }: EndpointConfig): string | null {
  return first === undefined || !URL.canParse(first) ? null : new URL(first).host;
}

/** Without a key nobody is asked for models: the call itself says what is missing. */
async function firstModel(endpoint: EndpointConfig, env: Environment, signal: AbortSignal): Promise<string> {
  const { name, kind, api_key_env, api_key_file, base_urls } = endpoint;
  const provider = createProviders({ clock: systemClock, timers: systemTimers }).get(kind);
  const key = await secretsOf(env)
    .keyOf(endpoint)
    .catch(() => null);
  const needsKey = api_key_env !== null || api_key_file !== null;
  if (provider === undefined || (needsKey && key === null)) return 'any';
  const models = await provider.models(endpoint, base_urls[0] ?? '', key, signal);
  const model = models.find((one) => !NO_CHAT.test(one)) ?? models[0];
  if (model !== undefined) return model;
  throw new Problem('NotFound', `The endpoint ${name} lists no model.`, {
    hint: `Name one: promptd endpoints test ${name} -m MODEL`,
  });
}

async function orderOfTest(config: Config, endpoint: string, model: string) {
  const { endpoints, default_endpoint } = config;
  const prepare = createPrepare({ endpoints, default_endpoint, links: null });
  const job = {
    name: 'endpoint-test',
    prompt: PROMPT,
    configuration: { LLM_name: `${endpoint}:${model}`, max_tokens: MAX_TOKENS },
    options: { timeout: TIMEOUT },
  };
  const prepared = await prepare(job, { via: 'folder' });
  if (!prepared.ok) throw Problem.ofFaults(prepared.faults);
  return orderFor(prepared.job, config);
}
