/** What comes with an answer: the prompt that scripts made for it, files beside its text, and what it cost. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type {
  AnswerFile,
  AttemptFailure,
  AttemptOrder,
  AttemptReport,
  RefusedAnswer,
} from '../../src/core/attempt.ts';
import { sha256, sha256Bytes } from '../../src/core/identity.ts';
import { canonicalJson } from '../../src/core/json.ts';
import type { PublicationBody } from '../../src/core/ports/read-store.ts';
import { META, type Peer } from './peer.ts';
import { endpointOf, Stage } from './stage.ts';
import { BEAT } from './terms.ts';

const PRICES = {
  'e:m': { input: 1_000, output: 2_000, per: 1_000_000, currency: 'EUR', as_of: '2026-11-02' },
} as const;
/** 3 tokens in, 5 out. */
const COST = { amount: 0.013, currency: 'EUR', as_of: '2026-11-02' };

/** Of an answer that was refused. */
const SPENT: RefusedAnswer = {
  ...{ endpoint: 'e', model: 'm', usage: META.usage },
  ...{ parameters_sent: { top_p: 1 }, warnings: ['no top_k'] },
};

const FAILURE: AttemptFailure = {
  blame: 'transient',
  reason_code: 'ProviderError',
  message: 'no',
  scope: 'model',
  retry_after_ms: null,
};

let stage: Stage;
let peer: Peer;

beforeEach(async () => {
  // An endpoint without a price beside one that has one.
  stage = await Stage.open({ endpoints: [endpointOf('e'), endpointOf('dear')], more: { prices: PRICES } });
  peer = await stage.attach({ endpoints: ['e', 'dear'], needs: ['', 'workspace'] });
});
afterEach(() => stage.close());

const promptOf = (text: string) => canonicalJson([{ role: 'user', content: text }]);
const fileOf = (name: string, text: string): AnswerFile => ({
  name,
  media_type: 'text/plain',
  data: Buffer.from(text).toString('base64'),
});

async function answer(
  of: AttemptOrder,
  text: string,
  more: Partial<AttemptReport> & { readonly files?: readonly AnswerFile[] } = {},
): Promise<void> {
  const { files, ...report } = more;
  peer.report(of, { answer: { text, meta: META, ...(files === undefined ? {} : { files }) }, ...report });
  await stage.settle();
}

/** What the file of a run would be made of now. */
function published(name: string, kind: 'result' | 'ended' = 'result'): PublicationBody {
  const run = stage.run(name);
  const body = stage.reads.publicationBody({ kind, job: run.id, epoch: run.epoch });
  if (body === null) throw new Error(`${name} has nothing to publish`);
  return body;
}

const shown = (name: string, kind: 'result' | 'ended' = 'result') => {
  const { spec, prompt_body } = published(name, kind);
  expect(sha256(prompt_body)).toBe(spec.prompt_sha256);
  return prompt_body;
};

const prompts = (name: string) =>
  stage.attempts(name).map(({ prompt_sha256 }) => prompt_sha256 && stage.reads.body(prompt_sha256));

/** The next attempt of a job whose instance says that it holds nothing: the lease ends, or the retry is due. */
async function nextOrderOf(name: string): Promise<AttemptOrder> {
  const before = peer.order(name).attempt;
  for (let beats = 0; beats < 1_000 && peer.order(name).attempt === before; beats += 1)
    await stage.live(BEAT, [peer, []]);
  return peer.order(name);
}

/** The order of an attempt, once it is the instance's. */
async function orderOf(name: string): Promise<AttemptOrder> {
  await stage.settle();
  return peer.order(name);
}

describe('a prompt that scripts make at the attempt', () => {
  it('R2: is stored with the attempt that made it, and stands in the result; the job keeps its recipe', async () => {
    await stage.submit(['a', { script: true }]);
    const order = await orderOf('a');
    expect(order).toMatchObject({ messages: [], recipe: { script: { script: 'prompts/ask.py' } } });
    await answer(order, 'yes', { prompt: promptOf('made') });
    expect(prompts('a')).toEqual([promptOf('made')]);
    expect(shown('a')).toBe(promptOf('made'));
    const spec = stage.reads.spec(stage.run('a').id)!;
    expect(JSON.parse(stage.reads.body(spec.prompt_sha256)!)).toMatchObject({ kind: 'script' });
  });

  it('R2: is stored with an attempt that failed, too, and an ended file shows the last one', async () => {
    await stage.submit(['a', { script: true, options: { max_attempts: 2 } }]);
    peer.report(await orderOf('a'), { outcome: 'errored', failure: FAILURE, prompt: promptOf('first') });
    peer.report(await nextOrderOf('a'), { outcome: 'errored', failure: FAILURE, prompt: promptOf('second') });
    await stage.settle();
    expect(stage.state('a')).toBe('failed');
    expect(prompts('a')).toEqual([promptOf('first'), promptOf('second')]);
    expect(shown('a', 'ended')).toBe(promptOf('second'));
  });

  it('R2: an ended file shows the recipe where no attempt made a prompt', async () => {
    await stage.submit(['a', { script: true }]);
    await orderOf('a');
    peer.report(peer.order('a'), {
      outcome: 'errored',
      failure: { ...FAILURE, blame: 'job', reason_code: 'ScriptMissing' },
    });
    await stage.settle();
    expect(JSON.parse(shown('a', 'ended'))).toMatchObject({ kind: 'script' });
    expect(prompts('a')).toEqual([null]);
  });

  it('R22: of an answer that came late is that of its own attempt, not of the newer one', async () => {
    await stage.submit(['a', { script: true }]);
    const first = await orderOf('a');
    // The instance forgets the attempt: it is given out again, and then its answer comes after all.
    const second = await nextOrderOf('a');
    expect([first.attempt, second.attempt]).toEqual([1, 2]);
    peer.report(second, { outcome: 'errored', failure: FAILURE, prompt: promptOf('of the second') });
    await answer(first, 'late', { prompt: promptOf('of the first') });
    expect(stage.text('a')).toBe('late');
    expect(shown('a')).toBe(promptOf('of the first'));
    expect(prompts('a')).toEqual([promptOf('of the first'), promptOf('of the second')]);
  });

  it('R22: of an attempt that was superseded is not taken for that of the answer', async () => {
    await stage.submit(['a', { script: true }]);
    const first = await orderOf('a');
    const second = await nextOrderOf('a');
    await answer(first, 'late', { prompt: promptOf('of the first') });
    peer.report(second, { outcome: 'cancelled', prompt: promptOf('of the second') });
    await stage.settle();
    expect(shown('a')).toBe(promptOf('of the first'));
    expect(prompts('a')).toEqual([promptOf('of the first'), null]);
  });

  it('R8: is kept with an answer that is kept, and shown when a retry takes that', async () => {
    await stage.submit(['a', { script: true }]);
    const order = await orderOf('a');
    await stage.cancel('a');
    await stage.live(120_000, [peer, []]);
    expect(stage.state('a')).toBe('cancelled');
    await answer(order, 'paid for', { prompt: promptOf('made'), files: [fileOf('a.txt', 'A')] });
    expect(stage.reads.result(stage.run('a').id)).toBeNull();
    expect(prompts('a')).toEqual([promptOf('made')]);

    expect(await stage.retry('a')).toBe('answered');
    expect(stage.text('a')).toBe('paid for');
    expect(shown('a')).toBe(promptOf('made'));
    expect(published('a').result!.meta.files).toMatchObject([{ name: 'a.txt' }]);
    expect(peer.dispatched).toEqual(['a#1']);
  });

  it('R6: is that of the run that was asked, for every run that takes its answer', async () => {
    const digest = `1:${sha256('pure')}`;
    const same = { script: true, text: 'same', digest } as const;
    await stage.submit(['a', same], ['b', same]);
    await answer(await orderOf('a'), 'yes', { prompt: promptOf('made') });
    await stage.submit(['c', same]);
    expect(stage.states('a', 'b', 'c')).toEqual(['completed', 'completed', 'completed']);
    for (const name of ['a', 'b', 'c']) expect(shown(name)).toBe(promptOf('made'));
    expect(peer.dispatched).toEqual(['a#1']);
  });
});

describe('what a prompt has attached', () => {
  it('R1: is stored once, sent with the order, and stands in what is published by its hash alone', async () => {
    const data = Buffer.from('not really a picture').toString('base64');
    const hash = sha256(data);
    const part = { type: 'image', media_type: 'image/png', body_sha256: hash, bytes: 20 };
    const prompt = canonicalJson([{ role: 'user', content: [{ type: 'text', text: 'What?' }, part] }]);
    const wish = { prompt, prompt_sha256: sha256(prompt), attachments: { [hash]: data } };
    await stage.submit(['a', wish]);
    const order = await orderOf('a');
    expect(order.attachments).toEqual({ [hash]: data });
    expect(order.messages[0]!.content).toContainEqual(part);
    await answer(order, 'A picture.');
    expect(stage.reads.body(hash)).toBe(data);
    expect(JSON.parse(shown('a'))[0].content).toContainEqual(part);
    expect(shown('a')).not.toContain(data);
  });
});

describe('files beside an answer', () => {
  it('R31: are stored by their hash and named by the result', async () => {
    await stage.submit('a');
    await answer(await orderOf('a'), 'see there', { files: [fileOf('a.txt', 'A'), fileOf('b.txt', 'B')] });
    const { files } = published('a').result!.meta;
    expect(files).toEqual(
      ['A', 'B'].map((text, at) => ({
        name: ['a.txt', 'b.txt'][at],
        media_type: 'text/plain',
        bytes: 1,
        sha256: sha256Bytes(Buffer.from(text)),
        body_sha256: sha256(Buffer.from(text).toString('base64')),
      })),
    );
    expect(
      files!.map((file) => Buffer.from(stage.reads.body(file.body_sha256)!, 'base64').toString()),
    ).toEqual(['A', 'B']);
  });

  it('R31: get plain names here too, whatever an instance says; and the same bytes are the same body', async () => {
    await stage.submit('a');
    const files = [
      { name: '../../etc/passwd', media_type: 'a\r\nb', data: 'QQ' },
      { name: 'PASSWD', media_type: 'text/plain', data: 'Q Q = =' },
    ];
    await answer(await orderOf('a'), 'x', { files });
    const refs = published('a').result!.meta.files!;
    expect(refs.map(({ name, media_type }) => [name, media_type])).toEqual([
      ['passwd', 'application/octet-stream'],
      ['PASSWD-2', 'text/plain'],
    ]);
    expect(new Set(refs.map(({ body_sha256 }) => body_sha256))).toEqual(new Set([sha256('QQ==')]));
  });

  it('R31: are named by the scheduler alone: what an instance says of their hashes is not believed', async () => {
    await stage.submit('a');
    const order = await orderOf('a');
    const files = [
      { name: 'x', media_type: 'a/b', bytes: 1, sha256: 'f'.repeat(64), body_sha256: 'f'.repeat(64) },
    ];
    const meta = { ...META, files, prompt_sha256: 'f'.repeat(64) };
    peer.report(order, { answer: { text: 'x', meta } });
    await stage.settle();
    expect(stage.failures()).toEqual([]);
    expect(published('a').result!.meta).not.toHaveProperty('files');
    expect(published('a').result!.meta).not.toHaveProperty('prompt_sha256');
  });

  it('R6: belong to every run that takes the answer', async () => {
    await stage.submit(['a', { text: 'same' }], ['b', { text: 'same' }]);
    await answer(await orderOf('a'), 'x', { files: [fileOf('a.txt', 'A')] });
    await stage.submit(['c', { text: 'same' }]);
    for (const name of ['a', 'b', 'c'])
      expect(published(name).result!.meta.files).toMatchObject([{ name: 'a.txt' }]);
  });
});

describe('what an answer cost', () => {
  const batch = () => stage.reads.batch('b')!;

  it('is reckoned by our prices, and stands in attempt and result', async () => {
    await stage.submit(['a', { batch: 'b' }]);
    const meta = { ...META, cost: { amount: 0, currency: 'USD', as_of: 'never' } };
    peer.report(await orderOf('a'), { answer: { text: 'x', meta } });
    await stage.settle();
    expect(stage.attempts('a')).toMatchObject([{ cost: COST }]);
    expect(published('a').result!.meta.cost).toEqual(COST);
    expect(batch()).toMatchObject({ costs: [{ currency: 'EUR', amount: 0.013 }], cost_unknown: 0 });
  });

  it('is not known, and never 0, without a price or without a count of tokens', async () => {
    await stage.submit(['a', { batch: 'b', endpoint: 'dear' }], ['b', { batch: 'b' }], ['c', { batch: 'b' }]);
    const unpriced = { ...META, endpoint: 'dear' };
    peer.report(await orderOf('a'), { answer: { text: 'x', meta: unpriced } });
    peer.report(await orderOf('b'), { answer: { text: 'x', meta: { ...META, usage: null } } });
    await answer(await orderOf('c'), 'x');
    expect(['a', 'b', 'c'].map((name) => stage.attempts(name)[0]!.cost)).toEqual([null, null, COST]);
    expect(published('a').result!.meta.cost).toBeNull();
    expect(batch()).toMatchObject({ costs: [{ currency: 'EUR', amount: 0.013 }], cost_unknown: 2 });
  });

  it('R22: counts where the answer came late, once, and the newer attempt that was aborted cost nothing known', async () => {
    await stage.submit(['a', { batch: 'b' }]);
    const first = await orderOf('a');
    const second = await nextOrderOf('a');
    await answer(first, 'late');
    expect(batch()).toMatchObject({ costs: [{ amount: 0.013 }], cost_unknown: 0 });
    // Both bring answers, and the first brings its own once more.
    await answer(second, 'too late');
    await answer(first, 'late');
    expect(stage.attempts('a').map(({ cost }) => cost)).toEqual([COST, COST]);
    expect(batch()).toMatchObject({ costs: [{ amount: 0.026 }], cost_unknown: 0 });
  });

  it('counts where the answer came late and nobody knows what it cost', async () => {
    await stage.submit(['a', { batch: 'b' }]);
    const first = await orderOf('a');
    await answer(await nextOrderOf('a'), 'in time');
    const late = { answer: { text: 'late', meta: { ...META, usage: null } } };
    peer.report(first, late);
    peer.report(first, late);
    await stage.settle();
    expect(batch()).toMatchObject({ costs: [{ amount: 0.013 }], cost_unknown: 1 });
    const dropped = stage.events.flatMap((event) => (event.type === 'answer_dropped' ? [event.why] : []));
    expect(dropped).toEqual(['completed_before', 'sent_again']);
  });

  it('R6: is paid once: a run that takes the answer of another costs nothing', async () => {
    await stage.submit(['a', { text: 'same', batch: 'b' }], ['c', { text: 'same', batch: 'b' }]);
    await answer(await orderOf('a'), 'x');
    await stage.submit(['d', { text: 'same', batch: 'b' }]);
    expect(stage.states('a', 'c', 'd')).toEqual(['completed', 'completed', 'completed']);
    expect(batch()).toMatchObject({ costs: [{ amount: 0.013 }], cost_unknown: 0 });
  });

  it('R22: counts of every answer that broke its schema, by our prices, and of the one that kept to it', async () => {
    await stage.submit(['a', { batch: 'b' }], ['c', { batch: 'b', endpoint: 'dear' }]);
    const failure = { ...FAILURE, reason_code: 'SchemaMismatch', message: 'at its root' } as const;
    const refused = { outcome: 'errored', failure, spent: SPENT } as const;
    peer.report(await orderOf('a'), refused);
    peer.report(await orderOf('a'), refused);
    peer.report(await orderOf('c'), { ...refused, spent: { ...SPENT, endpoint: 'dear' } });
    await answer(await nextOrderOf('a'), 'as asked');
    expect(stage.attempts('a').map(({ outcome, usage, cost }) => [outcome, usage?.output, cost])).toEqual([
      ['errored', 5, COST],
      ['succeeded', 5, COST],
    ]);
    expect(stage.attempts('a')[0]).toMatchObject({ warnings: ['no top_k'], parameters_sent: { top_p: 1 } });
    expect(stage.attempts('c')[0]).toMatchObject({ usage: { output: 5 }, cost: null });
    expect(batch()).toMatchObject({
      ...{ input_tokens: 9, output_tokens: 15 },
      ...{ costs: [{ currency: 'EUR', amount: 0.026 }], cost_unknown: 1 },
    });
    expect(published('a').result!.meta.cost).toEqual(COST);
  });

  it('of an attempt without an answer is not known either, and is counted as no answer', async () => {
    await stage.submit(['a', { batch: 'b' }]);
    peer.fail('a', {}, await orderOf('a'));
    await stage.settle();
    expect(batch()).toMatchObject({ costs: [], cost_unknown: 0 });
  });
});
