/** What is said of a promptd.config.json that is wrong: the place, what was expected in plain words, and what stands there. */
import { expect, it } from 'vitest';
import { parseConfigFile } from '../../src/app/config-file.ts';

function refusal(text: string): string {
  try {
    parseConfigFile(Buffer.from(text), 'promptd.config.json');
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  throw new Error('nothing was refused');
}

it.each([
  ['{"watch":{"on_change":"ask"}}', '1:11: watch.on_change: expected one of "report", "new_run", got "ask"'],
  ['{"disk_free_min_bytes":"4MB"}', '1:2: disk_free_min_bytes: expected a number, got "4MB"'],
  ['{"disk_free_min_bytes":0.5}', '1:2: disk_free_min_bytes: expected a whole number, got 0.5'],
  ['{"instance":{"slots":0}}', '1:14: instance.slots: expected a number >=1, got 0'],
  ['{"state_dir":""}', '1:2: state_dir: expected one with >=1 characters, got ""'],
  ['{"endpoints":[]}', '1:2: endpoints: expected an object, got []'],
  ['{"watch":{"enabled":"yes"}}', '1:11: watch.enabled: expected true or false, got "yes"'],
  [
    '{"endpoint":{}}',
    '1:2: endpoint: expected a key that promptd knows (docs/configuration.md lists them), got "endpoint"',
  ],
  ['{ "x"\n', '2:1: (file): expected ":" after the key, got the end of the text'],
  ['[]', '1:1: (file): expected an object, got []'],
])('R20: of %j says where, and what was expected', (text, sentence) => {
  expect(refusal(text)).toBe(`promptd.config.json:${sentence}`);
});
