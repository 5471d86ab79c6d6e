/** A short chaos run. The long ones are by command: `npm run chaos -- --minutes 5`. */
import { expect, it } from 'vitest';
import { runChaos } from '../chaos/chaos.ts';
import { atTheEnd } from '../chaos/check-runs.ts';

it('R8 R16 R23 G1 G4 G6: loses nothing, doubles nothing and makes nothing up in 20 s of chaos', async () => {
  const said: string[] = [];
  const report = await runChaos({ seed: 10, duration_ms: 20_000, say: (line) => said.push(line) });
  expect(report.violations, said.join('\n')).toEqual([]);
  // It was worth it: there were faults, crashes of serve among them, and answers in spite of them.
  expect([...report.faults.keys()]).toEqual(expect.arrayContaining(['kill serve']));
  expect(report.evidence.snapshots.length).toBeGreaterThan(1);
  expect(atTheEnd(report.evidence).results.length).toBeGreaterThan(10);
  expect(report.kept).toBeNull();
}, 300_000);
