import { expect, it } from 'vitest';
import { accepted, aRun, CLAIMED, COMPLETED, moved } from './rows.ts';
import type { StoreSetup } from './suite.ts';

export function startSuite(setup: () => Promise<StoreSetup>): void {
  it('begins with nothing but an id of its own', async () => {
    const [one, other] = [await setup(), await setup()];
    const start = await one.store.start();
    expect(start).toEqual({
      ...{
        store_id: one.reads.store_id,
        next_job_id: 1,
        next_lane_id: 1,
        lanes: [],
        instances: [],
        endpoints: [],
      },
      ...{ running: [], lanes_with_work: [], next_due_at: null, orphaned_digests: [], followed_digests: [] },
      unpublished: 0,
    });
    expect(start.store_id).toMatch(/^[0-9a-f]{32}$/);
    expect((await other.store.start()).store_id).not.toBe(start.store_id);
  });

  it('tells after a crash what was running, what is queued and what is due', async () => {
    const { store, must } = await setup();
    const lane = { id: 7, endpoint: 'e', model: 'm', needs: '', last_rank: 3 } as const;
    const [one, two] = [aRun(1), aRun(40, { lane: 7 })];
    await must(
      [{ do: 'put_lane', lane }],
      accepted(one, two, aRun(3, { lane: 7 }), aRun(4, { lane: 2, ...COMPLETED, leads: false })),
      accepted(aRun(5, { state: 'scheduled', due_at: 77, leads: false })),
      [moved(one, CLAIMED), moved(two, CLAIMED)],
      [{ do: 'put_publication', publication: { kind: 'job', job: 1, epoch: null } }],
    );
    const start = await store.start();
    expect(start.running).toEqual([
      { ...one, ...CLAIMED },
      { ...two, ...CLAIMED },
    ]);
    expect(start.lanes_with_work).toEqual([7]);
    expect(start.lanes).toEqual([lane]);
    expect([start.next_job_id, start.next_lane_id, start.next_due_at, start.unpublished]).toEqual([
      41, 8, 77, 1,
    ]);
  });

  it('names the digests that runs wait for, and those of them that nobody asks', async () => {
    const { store, must } = await setup();
    const waits = (id: number, digest: string) => aRun(id, { digest, state: 'blocked', leads: false });
    await must(
      accepted(aRun(1, { digest: 'asked' }), waits(2, 'asked'), waits(3, 'orphan'), waits(4, 'orphan')),
    );
    const start = await store.start();
    expect(start.orphaned_digests).toEqual(['orphan']);
    expect(start.followed_digests.toSorted()).toEqual(['asked', 'orphan']);
  });

  it('R22: names also those whose leader has answered, where a crash came before they were told', async () => {
    const { store, must } = await setup();
    const leader = aRun(1, { digest: 'answered' });
    await must(accepted(leader, aRun(2, { digest: 'answered', state: 'blocked', leads: false })));
    expect((await store.start()).orphaned_digests).toEqual([]);
    await must([moved(leader, COMPLETED)]);
    expect((await store.start()).orphaned_digests).toEqual(['answered']);
  });
}
