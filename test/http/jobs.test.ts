import { describe, expect, it } from 'vitest';
import { setup } from './setup.ts';
import { NOW } from './fakes.ts';

describe('submitting one job', () => {
  it('R19: answers 201 with the job, and 200 when it is sent again', async () => {
    await using server = await setup();
    const first = await server.submit('faq-17', { batch: 'faq', key: 'law/17', metadata: { gold: 'B' } });
    expect(first.status).toBe(201);
    expect(first.json).toMatchObject({
      name: 'faq-17', run: 1, batch: 'faq', key: 'law/17', metadata: { gold: 'B' }, state: 'queued', created: true,
      answered_before: false, shared_with: null, endpoint: 'simulator', model: 'parrot', live: null,
      submitted_at: new Date(NOW).toISOString(), links: { self: '/jobs/faq-17@1', result: '/jobs/faq-17@1/result' },
    });
    const again = await server.submit('faq-17');
    expect(again.status).toBe(200);
    expect(again.json).toMatchObject({ name: 'faq-17', run: 1, created: false });
  });
});
