import { describe, expect, it } from 'vitest';
import { reason, REASONS } from '../../src/core/reasons.ts';
import { NOW } from './fake-reads.ts';
import { type Setup, setup } from './setup.ts';

/** Runs with every kind of reason: of their own, of their state, of their lane at the moment, of a lane that nobody knows. */
async function crowd(): Promise<Setup> {
  const server = await setup({ limits: { lanes_cache_ms: 0 } });
  const names = ['slot', 'throttled', 'away', 'untold', 'later', 'same', 'backoff', 'cancelling', 'failed'];
  for (const name of [...names, 'leader', 'done']) await server.submit(name);
  const change = server.scheduler.change.bind(server.scheduler);
  change('slot', { lane: 1 });
  change('throttled', { lane: 2 });
  change('away', { lane: 3 });
  change('untold', { lane: 9 });
  change('later', { lane: 2, state: 'scheduled', leads: false, due_at: NOW + 1 });
  change('same', { lane: 2, state: 'blocked', leads: false });
  change('backoff', { lane: 2, state: 'retrying', due_at: NOW + 1, reason_code: 'Backoff' });
  change('cancelling', {
    lane: 2,
    state: 'running',
    cancel_requested_at: NOW,
    reason_code: 'Cancelling',
  });
  change('failed', { lane: 2, state: 'failed', leads: false, reason_code: 'ContextTooLong' });
  change('leader', { lane: 2, state: 'running' });
  change('done', { lane: 2, state: 'completed' });
  const lane = { endpoint: 'simulator', model: 'parrot' };
  server.scheduler.lane_rows = [
    { ...lane, lane: 1, reason: reason('WaitingForSlot') },
    { ...lane, lane: 2, reason: reason('EndpointThrottled') },
    { ...lane, lane: 3, reason: reason('EndpointUnreachable') },
  ];
  return server;
}

interface Listed {
  readonly name: string;
  readonly state: string;
  readonly reason: { readonly code: string } | null;
}

async function listed(server: Setup, query: string): Promise<readonly Listed[]> {
  return (await server.ask(`/jobs${query}`)).json['jobs'] as readonly Listed[];
}

describe('jobs by reason', () => {
  it.each(Object.keys(REASONS))(
    'R25: %s selects those of which it is shown, and counts them',
    async (code) => {
      await using server = await crowd();
      const shown = (await listed(server, '')).filter((one) => one.reason?.code === code);
      const found = await listed(server, `?reason=${code}`);
      expect(found.map(({ name }) => name)).toEqual(shown.map(({ name }) => name));
      expect((await server.ask(`/jobs/counts?reason=${code}`)).json['total']).toBe(shown.length);
    },
  );

  it('the crowd has reasons of every kind', async () => {
    await using server = await crowd();
    const codes = new Set((await listed(server, '')).map((one) => one.reason?.code ?? null));
    expect([...codes].map(String).toSorted()).toEqual([
      'Backoff',
      'BeginTime',
      'Cancelling',
      'ContextTooLong',
      'EndpointThrottled',
      'EndpointUnreachable',
      'SameAs',
      'WaitingForSlot',
      'null',
    ]);
  });

  it('narrow what other fields select', async () => {
    await using server = await crowd();
    const names = async (query: string): Promise<readonly string[]> =>
      (await listed(server, query)).map(({ name }) => name);
    expect(await names('?reason=EndpointThrottled&state=queued,failed')).toEqual(['throttled']);
    expect(await names('?reason=EndpointThrottled&state=failed')).toEqual([]);
    expect(await names('?reason=SameAs&state=queued')).toEqual([]);
    expect(await names('?reason=WaitingForSlot&prefix=un')).toEqual(['untold']);
  });
});

describe('changes by reason', () => {
  it.each(['/jobs/cancel', '/jobs/retry', '/jobs/rerun'])(
    'R20: %s refuses one of the moment, which may be over by then',
    async (url) => {
      await using server = await crowd();
      expect(await server.post(url, { reason: 'EndpointThrottled' })).toMatchObject({
        status: 400,
        json: {
          code: 'InvalidRequest',
          detail: expect.stringMatching(/^body\.reason: expected a reason of single jobs/) as string,
          hint: expect.stringContaining('Select by "endpoint" and "model"') as string,
        },
      });
      expect(server.scheduler.latest('throttled').state).toBe('queued');
    },
  );

  it.each([
    ['BeginTime', 'later'],
    ['SameAs', 'same'],
    ['Backoff', 'backoff'],
  ])('R20: cancels those that wait for %s', async (code, name) => {
    await using server = await crowd();
    const { json } = await server.post('/jobs/cancel', { reason: code });
    expect(json['jobs']).toMatchObject([{ name, verdict: 'cancelled' }]);
    expect(json['counts']).toEqual({ cancelled: 1 });
  });

  it('cancels nothing for a reason that no state of the selection has', async () => {
    await using server = await crowd();
    expect((await server.post('/jobs/cancel', { reason: 'SameAs', state: ['queued'] })).json['jobs']).toEqual(
      [],
    );
  });
});
