/** What a server says at its terminal of files of `jobs/` that are wrong. */
import { expect, it } from 'vitest';
import { sayingRejections } from '../../src/app/rejections-said.ts';
import type { Rejection } from '../../src/workspace/rejected-file.ts';

function rejection(file: string, got = '"promt"'): Rejection {
  const fault = {
    code: 'InvalidJob',
    path: 'promt',
    line: 1,
    column: 2,
    expected: 'a known key',
    got,
  } as const;
  return {
    file,
    version: { kind: 'file', bytes: 7, modified_at: null, sha256: null },
    faults: [fault],
  };
}

function setup() {
  const said: string[] = [];
  let now_m = 0;
  let reports = 0;
  const written = new Map<string, string>();
  const saying = sayingRejections(
    {
      write(one) {
        const text = JSON.stringify(one);
        const report = written.get(text) ?? `${one.file}.${++reports}.json`;
        written.set(text, report);
        return Promise.resolve(report);
      },
    },
    { monotonic: () => now_m },
    (sentence) => said.push(sentence),
  );
  return { said, saying, pass: (ms: number) => (now_m += ms) };
}

it('R1 R20: names the file, the place and what was expected, and not the words of the job', async () => {
  const { said, saying } = setup();
  expect(await saying.write(rejection('typo.json', '"a word"'))).toBe('typo.json.1.json');
  expect(said).toEqual([
    'jobs/typo.json:1:2: promt: expected a known key. It is not taken; more: promptd ls --rejected',
  ]);
});

it('R1: says each version once, however often it is looked at', async () => {
  const { said, saying } = setup();
  for (const got of ['1', '1', '2', '2']) await saying.write(rejection('a.json', got));
  expect(said).toHaveLength(2);
});

it('R26: names ten of a folder full of wrong files, then where all of them stand, and others after a minute', async () => {
  const { said, saying, pass } = setup();
  for (let i = 0; i < 1_000; i += 1) await saying.write(rejection(`${i}.json`));
  expect(said).toHaveLength(11);
  expect(said.at(-1)).toContain('promptd ls --rejected');
  pass(60_000);
  await saying.write(rejection('later.json'));
  expect(said.at(-1)).toContain('jobs/later.json:1:2');
});
