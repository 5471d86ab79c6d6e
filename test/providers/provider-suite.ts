// What every provider holds to, whatever platform it speaks with.
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { EndpointKind } from '../../src/core/endpoints.ts';
import type { Provider, ProviderCall } from '../../src/core/ports/provider.ts';
import { ask, callOf, failureOf, hear, neverAborted, realProvider } from './calls.ts';

export interface ProviderUnderTest {
  /** A call that is answered in many pieces, and not within one moment. */
  readonly slow: Partial<ProviderCall>;
  readonly base_url: string;
  close(): Promise<void>;
}

export function providerSuite(kind: EndpointKind, open: () => Promise<ProviderUnderTest>): void {
  let provider: Provider;
  let under: ProviderUnderTest;
  const call = (more: Partial<ProviderCall> = {}): ProviderCall => callOf(kind, under.base_url, more);

  beforeAll(async () => {
    provider = realProvider(kind);
    under = await open();
  });
  afterAll(async () => under.close());

  it('R5: answers with the text that it streamed, piece by piece', async () => {
    const heard = hear();
    const answer = await provider.call(call(under.slow), heard.observer, neverAborted());
    expect(heard.pieces.length).toBeGreaterThan(1);
    expect(answer.text).toBe(heard.pieces.join(''));
    expect(answer.finish_reason).toBe('stop');
  });

  it('counts the tokens in one form, with what the platform said beside it', async () => {
    const { usage } = await ask(provider, call());
    expect(usage?.input).toBe(4);
    expect(usage?.output).toBeGreaterThan(0);
    expect(usage?.raw).not.toEqual({});
  });

  it('names the model that answered, and sends parameters without the messages', async () => {
    const answer = await ask(provider, call({ parameters: { seed: 7, max_tokens: 50 } }));
    expect(answer.model_answered).not.toBeNull();
    expect(answer.parameters_sent).toMatchObject({ model: 'test-model' });
    expect(answer.parameters_sent).not.toHaveProperty('messages');
  });

  it('rejects with the reason of a signal that was aborted before the call', async () => {
    const asked = provider.call(call(), hear().observer, AbortSignal.abort('cancelled'));
    await expect(asked).rejects.toBe('cancelled');
  });

  it('rejects with the reason of an abort in the middle of a stream, and says nothing more', async () => {
    const controller = new AbortController();
    const heard = hear();
    heard.onPiece = () => controller.abort('superseded');
    await expect(provider.call(call(under.slow), heard.observer, controller.signal)).rejects.toBe(
      'superseded',
    );
    const said = heard.pieces.length;
    await new Promise((resolve) => setImmediate(resolve));
    expect(heard.pieces).toHaveLength(said);
  });

  it('refuses an answer that is longer than a result may be', async () => {
    const failure = await failureOf(ask(provider, call({ ...under.slow, result_bytes_max: 10 })));
    expect(failure).toMatchObject({ blame: 'job', reason_code: 'AnswerTooLarge' });
  });

  it('lists models', async () => {
    const models = await provider.models(call().endpoint, under.base_url, null, neverAborted());
    expect(models.length).toBeGreaterThan(0);
  });
}
