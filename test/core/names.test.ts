import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isMisnamedResult,
  isName,
  NAME_PATTERN,
  resultFileName,
  splitResultFileName,
} from '../../src/core/names.ts';
import { drawing } from './drawing.ts';

const names = fc.stringMatching(NAME_PATTERN);
/** Names that look like parts of file names: numbers with underscores and dots between. */
const confusing = fc
  .array(fc.constantFrom('5', '17', '1764000000000', '_', '.', '-', 'job', '.json', '.files'), {
    minLength: 1,
    maxLength: 12,
  })
  .map((parts) => parts.join(''))
  .filter(isName);
const LAST = 999_999_999_999_999;
const epochs = fc.oneof(fc.nat(LAST), fc.constantFrom(0, 5, 1_764_000_000_000, LAST));

describe('the name of a result file', () => {
  it('R11: splits into the epoch and the name that it was joined of, whatever the name', () => {
    fc.assert(
      fc.property(epochs, fc.oneof(names, confusing), (epoch, name) => {
        expect(splitResultFileName(resultFileName(epoch, name))).toEqual({ epoch, name });
      }),
      drawing(2_000),
    );
  });

  it('R10: is shared by no two results: another epoch or another name gives another file', () => {
    const pair = fc.tuple(epochs, fc.oneof(names, confusing));
    fc.assert(
      fc.property(pair, pair, ([epoch, name], [other_epoch, other_name]) => {
        const isSame = epoch === other_epoch && name === other_name;
        expect(resultFileName(epoch, name) === resultFileName(other_epoch, other_name)).toBe(isSame);
      }),
      drawing(2_000),
    );
  });

  it.each([
    ['7_5_job.json', { epoch: 7, name: '5_job' }],
    ['7_a.b.json', { epoch: 7, name: 'a.b' }],
    ['7_x_1_2.json', { epoch: 7, name: 'x_1_2' }],
    ['7_1764000000000_a.json', { epoch: 7, name: '1764000000000_a' }],
    ['7_8.json', { epoch: 7, name: '8' }],
    ['7_a.json.json', { epoch: 7, name: 'a.json' }],
    ['7_a_.json', { epoch: 7, name: 'a_' }],
  ])('R11: %s is a result of the job %o', (file, split) => {
    expect(splitResultFileName(file)).toEqual(split);
  });

  it.each([
    '7_.json',
    '7__a.json',
    'a_7.json',
    '7-a.json',
    '_a.json',
    '7_a.jsonl',
    '7_a',
    '99999999999999999_a.json',
    // No date, and none that leaves room for a later one.
    '9007199254740991_a.json',
    '1000000000000000_a.json',
    // The same epoch twice, in two files.
    '007_a.json',
    '00_a.json',
    '7_ä.json',
    '7_a/b.json',
  ])('R11: %s is none', (file) => expect(splitResultFileName(file)).toBe(null));

  it.each([
    ['1700000000000000000_a.json', true],
    ['007_a.json', true],
    ['7_ä.json', true],
    ['7_a.json', false],
    ['notes.json', false],
    ['7-a.json', false],
    ['7_a.jsonl', false],
    ['7_a.files', false],
  ])('R11: that %s was meant to be one is %s', (file, is) => expect(isMisnamedResult(file)).toBe(is));
});
