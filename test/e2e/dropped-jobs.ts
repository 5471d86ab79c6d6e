/** What people put into `jobs/`: right files in the ways people write them, and wrong ones in the ways they go wrong. */
import type { SeededRandom } from '../support/seeded-random.ts';

/** What is asked; the same number is the same work, however it is written and called. */
export interface Work {
  readonly prompt: string;
  readonly model: string;
}

export function workOf(label: string, n: number): Work {
  return { prompt: `${label} ${n}?`, model: n % 5 === 0 ? 'openai:test-model' : 'ollama:test-model' };
}

export type Special = 'symlink' | 'fifo' | 'directory' | 'too large';

/** Bytes, or what no job file is. */
export type Content = Buffer | Special;

export interface DroppedFile {
  readonly file: string;
  readonly content: Content;
}

/** What is asked by a file, by name of the job; a line without a key is called by its batch and digest. */
export interface Asked {
  readonly name: string | { readonly batch: string };
  readonly work: Work;
}

export interface RightFile extends DroppedFile {
  readonly content: Buffer;
  readonly asks: readonly Asked[];
}

export function pick<T>(random: SeededRandom, from: readonly T[]): T {
  const one = from[random.below(from.length)];
  if (one === undefined) throw new RangeError('picked from nothing');
  return one;
}

/** Names that split in one way only, though they look as if they did not. */
const NAMES: readonly ((n: number) => string)[] = [
  (n) => `${n}_job`,
  (n) => `a.b.${n}`,
  (n) => `x_${n}_2`,
  (n) => `x_${n}`,
  (n) => `${n}`,
  (n) => `${n}_${n}`,
  (n) => `1764000000000_job-${n}`,
  (n) => `job-${n}.1764000000000`,
  (n) => `job-${n}.json`,
  (n) => `Job-${n}.`,
  (n) => `job__${n}`,
  (n) => `${'long.'.repeat(37)}${n}`,
];
/** Each is the end of the next one. */
export const AMBIGUOUS = ['job', '5_job', '7_5_job', 'b', 'a.b', 'b.json', 'x_1_2', '1_2', '2'] as const;

export function nameOf(random: SeededRandom, n: number): string {
  return pick(random, NAMES)(n);
}

const LABELS = ['', 'nightly', 'trial 7'];

/** One work in different words: keys in another order, comments, other line ends; and what is in no identity. */
function textOf(random: SeededRandom, { prompt, model }: Work, more: object = {}): string {
  const label = pick(random, LABELS);
  const besides = label === '' ? more : { metadata: { label }, options: { tags: ['dropped'] }, ...more };
  const configuration = { LLM_name: model };
  const job = { prompt, configuration, ...besides };
  switch (random.below(5)) {
    case 0:
      return JSON.stringify(job);
    case 1:
      return `${JSON.stringify({ ...besides, configuration, prompt }, null, 2)}\n`;
    case 2:
      return `${JSON.stringify(job, null, 4)}\n`.replaceAll('\n', '\r\n');
    case 3:
      return `// Written by a person.\n${JSON.stringify(job, null, 2).replace(/\n\}$/, ',\n}')}\n`;
    default:
      return `\uFEFF${JSON.stringify(job, null, '\t')}\n\n`;
  }
}

export function jobFile(random: SeededRandom, name: string, work: Work): RightFile {
  const content = Buffer.from(textOf(random, work));
  return { file: `${name}.json`, content, asks: [{ name, work }] };
}

/** Says itself what it is called. */
export function namedFile(random: SeededRandom, file: string, name: string, work: Work): RightFile {
  return {
    file: `${file}.json`,
    content: Buffer.from(textOf(random, work, { name })),
    asks: [{ name, work }],
  };
}

/** Lines with a key, with a name, and with neither. */
export function batchFile(random: SeededRandom, batch: string, works: readonly Work[]): RightFile {
  const asks: Asked[] = [];
  const lines = works.map((work, i) => {
    const { prompt, model } = work;
    const configuration = { LLM_name: model };
    const kind = random.below(8);
    if (kind === 0) {
      asks.push({ name: { batch }, work });
      return JSON.stringify({ prompt, configuration });
    }
    const name = kind === 1 ? `${batch}-named_${i}` : `${batch}.k${i}`;
    asks.push({ name, work });
    if (kind === 1) return JSON.stringify({ name, prompt, configuration });
    return JSON.stringify({ key: `k${i}`, prompt, configuration });
  });
  return {
    file: `${batch}.jsonl`,
    content: Buffer.from(lines.join(pick(random, ['\n', '\r\n', '\n\n']))),
    asks,
  };
}

const LLM = 'ollama:test-model';

/** Files that are wrong, and stay so until they are mended. */
const WRONG: readonly ((n: number) => DroppedFile)[] = [
  (n) => text(`wrong-${n}.json`, `{"prompt": "x", "configuration": {"LLM_name": "${LLM}", "sed": ${n}}}`),
  (n) => text(`wrong-${n}.json`, `{"prompt": "wrong ${n}", `),
  (n) => text(`wrong-${n}.json`, `[${n}]`),
  (n) => text(`wrong-${n}.json`, `{"configuration": {"LLM_name": "${LLM}", "sample": ${n}}}`),
  (n) =>
    text(
      `wrong-${n}.json`,
      `{"prompt": "x", "prompt": "y", "configuration": {"LLM_name": "${LLM}", "seed": ${n}}}`,
    ),
  (n) =>
    text(`wrong-${n}.json`, `{"prompt": "x", "configuration": {"LLM_name": "${LLM}", "api_key": "${n}"}}`),
  (n) => ({ file: `wrong-${n}.json`, content: Buffer.from([0x7b, 0x22, 0xff, 0xfe, n % 256]) }),
  (n) => text(`wrong-${n}.json`, ''),
  (n) => text(`no name ${n}.json`, `{"prompt": "x", "configuration": {"LLM_name": "${LLM}"}}`),
  // Reports about it and the one before are called the same.
  (n) =>
    text(`no_name_${n - 1}.json`, `{"prompt": "x", "configuration": {"LLM_name": "${LLM}", "sed": ${n}}}`),
  (n) => text(`-wrong-${n}.json`, `{"prompt": "x", "configuration": {"LLM_name": "${LLM}"}}`),
  (n) => text(`wrong-ü-${n}.jsonl`, `{"prompt": "x", "configuration": {"LLM_name": "${LLM}"}}`),
  (n) => ({ file: `wrong-${n}.json`, content: 'symlink' }),
  (n) => ({ file: `wrong-${n}.json`, content: 'fifo' }),
  (n) => ({ file: `wrong-${n}.jsonl`, content: 'directory' }),
  (n) => ({ file: `wrong-${n}.json`, content: 'too large' }),
  (n) =>
    text(
      `wrong-${n}.jsonl`,
      [
        `{"key": "a", "prompt": "of a wrong batch ${n}", "configuration": {"LLM_name": "${LLM}"}}`,
        `{"key": "b", "prompt": "of a wrong batch ${n}"}`,
      ].join('\n'),
    ),
  (n) =>
    text(
      `wrong-${n}.jsonl`,
      ['one', 'two']
        .map(
          (word) =>
            `{"key": "a", "prompt": "${word} of a wrong batch ${n}", "configuration": {"LLM_name": "${LLM}"}}`,
        )
        .join('\n'),
    ),
];
export const WAYS_TO_BE_WRONG = WRONG.length;

export function wrongFile(n: number): DroppedFile {
  const make = WRONG[n % WRONG.length];
  if (make === undefined) throw new RangeError('there is no such way');
  return make(n);
}

function text(file: string, content: string): DroppedFile {
  return { file, content: Buffer.from(content) };
}

/** What editors, copying programs and people keep in a folder beside jobs. */
export function noJobFile(random: SeededRandom, n: number): DroppedFile {
  const file = pick(random, [
    `.job-${n}.json`,
    `job-${n}.json~`,
    `.job-${n}.json.swp`,
    `notes-${n}.txt`,
    `4913${n}`,
  ]);
  return text(file, `{"prompt": "of no job file ${n}", "configuration": {"LLM_name": "${LLM}"}}`);
}
