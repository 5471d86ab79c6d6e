/** What a server says at its terminal of a disk or a folder that holds it up. */
import { expect, it } from 'vitest';
import { sayingTrouble } from '../../src/app/trouble-said.ts';

it('R26: says a trouble when it begins, another one at once, and the same again only where it lasts', () => {
  const said: string[] = [];
  let now_m = 0;
  const tell = sayingTrouble({ monotonic: () => now_m }, (sentence) => said.push(sentence));
  for (const trouble of ['the disk is full.', 'the disk is full.', 'results/ is no folder']) {
    tell(trouble);
    now_m += 5_000;
  }
  expect(said).toEqual([
    'Trouble: the disk is full. What was accepted is safe; how it stands: promptd status',
    'Trouble: results/ is no folder. What was accepted is safe; how it stands: promptd status',
  ]);
  now_m += 600_000;
  tell('results/ is no folder');
  expect(said).toHaveLength(3);
});
