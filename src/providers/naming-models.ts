/** Where a model is missing, the models that are there belong into the sentence. */
import type { Timers } from '../core/ports/clock.ts';
import { ProviderError, type Provider } from '../core/ports/provider.ts';
import { missingModel, type Upstream } from './failures.ts';

/** The list is a courtesy: it is not worth a longer wait. */
const LIST_MS = 2_000;

/** The same error, with the models named in it where it is about a missing one and they can be listed. Never rejects. */
export async function namingModels(
  error: ProviderError,
  upstream: Upstream,
  provider: Pick<Provider, 'models'>,
  timers: Timers,
  signal: AbortSignal,
): Promise<ProviderError> {
  if (error.failure.reason_code !== 'ModelMissing') return error;
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  signal.addEventListener('abort', stop, { once: true });
  const timer = timers.after(LIST_MS, stop);
  try {
    const models = await provider.models(
      upstream.endpoint,
      upstream.base_url,
      upstream.api_key,
      controller.signal,
    );
    return new ProviderError(missingModel(upstream, models), error);
  } catch {
    return error;
  } finally {
    timer.cancel();
    signal.removeEventListener('abort', stop);
  }
}
