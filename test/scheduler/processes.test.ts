/** R15: the table of running attempts and the pids of their processes, as the server shows it. */
import { afterEach, expect, it } from 'vitest';
import { Stage } from './stage.ts';

let stage: Stage;
afterEach(() => stage.close());

async function table(): Promise<readonly (readonly [string, number | null])[]> {
  const { instances } = await stage.now(stage.service.status());
  return instances.flatMap(({ running }) => running.map(({ name, pid }) => [name, pid] as const));
}

it('R15, R25: the pid of an attempt is what the last heartbeat said, and none where it runs in its instance', async () => {
  stage = await Stage.open();
  const peer = await stage.attach();
  await stage.submit('a');
  await stage.submit('b');
  const [a, b] = [peer.held('a'), peer.held('b')];
  peer.say({ t: 'heartbeat', seq: 1, held: [{ ...a, pid: 4_711 }, b], draining: false });
  await stage.settle();
  expect(await table()).toEqual([
    ['a', 4_711],
    ['b', null],
  ]);
  peer.say({ t: 'heartbeat', seq: 2, held: [a, { ...b, pid: 4_712 }], draining: false });
  await stage.settle();
  expect(await table()).toEqual([
    ['a', null],
    ['b', 4_712],
  ]);
});

it('R15: a pid is of one attempt, and not of the next one of the same job', async () => {
  stage = await Stage.open();
  const peer = await stage.attach();
  await stage.submit('a');
  peer.say({ t: 'heartbeat', seq: 1, held: [{ ...peer.held('a'), pid: 4_711 }], draining: false });
  await stage.settle();
  peer.report(peer.order('a'), { outcome: 'interrupted' });
  await stage.settle();
  await stage.clock.advance(1_000);
  expect(peer.dispatched).toEqual(['a#1', 'a#2']);
  expect((await table()).map(([, pid]) => pid)).toEqual([null]);
});
