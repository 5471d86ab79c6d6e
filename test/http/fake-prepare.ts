import { canonicalJson, isJsonObject, type JsonObject } from '../../src/core/json.ts';
import type { Prepare } from '../../src/http/http-options.ts';
import { sha256 } from './fake-reads.ts';

/** Prepares as much of a job as the server looks at: a prompt that is a text, and a configuration with a model. */
export const prepare: Prepare = async (value, { via, fresh }) => {
  const job = isJsonObject(value) ? value : {};
  const { prompt, name, batch, key, metadata, if_exists } = job;
  const configuration = isJsonObject(job['configuration']) ? job['configuration'] : {};
  if (isJsonObject(prompt) && via === 'tcp') {
    return {
      ok: false,
      faults: [{ code: 'LinkOverTcp', path: 'prompt.base', expected: 'a text', got: 'a link' }],
    };
  }
  if (typeof prompt !== 'string') {
    return {
      ok: false,
      faults: [{ code: 'InvalidJob', path: 'prompt', expected: 'a text', got: 'nothing' }],
    };
  }
  if (configuration['seed'] !== undefined && typeof configuration['seed'] !== 'number') {
    return {
      ok: false,
      faults: [
        {
          code: 'InvalidJob',
          path: 'configuration.seed',
          expected: 'an integer',
          got: 'a text',
          hint: 'Leave out the quotes.',
        },
      ],
    };
  }
  const spec = canonicalJson({ type: 'llm', prompt, configuration });
  const built = canonicalJson([{ role: 'user', content: prompt }]);
  const { seed, temperature, sample } = configuration;
  const request = canonicalJson({
    type: 'llm',
    endpoint: 'simulator',
    model: 'parrot',
    prompt: sha256(built),
    parameters: { seed, temperature } as JsonObject,
    extra: { odd: configuration['odd'] } as JsonObject,
    sample,
    fresh,
  } as unknown as JsonObject);
  const digest = `1:${sha256(request)}`;
  return {
    ok: true,
    warnings: configuration['odd'] === undefined ? [] : ['configuration.odd is passed on as it is'],
    job: {
      name: typeof name === 'string' ? name : digest.slice(2, 14),
      batch: typeof batch === 'string' ? batch : null,
      key: typeof key === 'string' ? key : null,
      type: 'llm',
      source: 'http',
      endpoint: 'simulator',
      model: 'parrot',
      needs: '',
      digest,
      request,
      spec,
      spec_sha256: sha256(spec),
      prompt: built,
      prompt_sha256: sha256(built),
      attachments: {},
      options: {
        priority: 0,
        attempt_timeout_ms: 600_000,
        first_token_timeout_ms: 300_000,
        stall_timeout_ms: 60_000,
        max_attempts: 4,
        run_at: null,
        tags: tagsOf(job['options']),
      },
      metadata,
      link: `${typeof name === 'string' ? name : digest.slice(2, 14)}.json`,
      if_exists: if_exists === 'new_run' ? 'new_run' : 'same',
    },
  };
};

function tagsOf(options: unknown): readonly string[] {
  const tags = isJsonObject(options) ? options['tags'] : undefined;
  return Array.isArray(tags) ? tags.map(String) : [];
}
