/** What the simulator answers: Markdown with a heading, a list, a table and code, decided by a hash alone. */

export const STAND_IN = 'simulator (stand-in)';

const SUBJECTS = [
  'The question',
  'The material',
  'The main idea',
  'The counter-argument',
  'The evidence',
  'The example',
  'The context',
];
const VERBS = ['rests on', 'explains', 'limits', 'follows from', 'is close to', 'depends on', 'strengthens'];
const OBJECTS = [
  'a single assumption',
  'the earlier result',
  'three observations',
  'how it is measured',
  'the wording',
  'its source',
  'common practice',
];
const ADVERBS = [
  'in most cases',
  'by and large',
  'at first sight',
  'on closer reading',
  'as far as is known',
  'without exception',
];
const TOPICS = ['Summary', 'Findings', 'Reading', 'Assessment', 'Answer'];

/** The bytes of `hash` (at least 16) choose the words; the same bytes give the same text. */
export function simulatedText(hash: Uint8Array, model: string): string {
  const draw = drawsOf(hash);
  const pick = (words: readonly string[]): string => words[draw(words.length)] ?? '';
  const sentence = (): string => `${pick(SUBJECTS)} ${pick(VERBS)} ${pick(OBJECTS)}, ${pick(ADVERBS)}.`;
  const scores = [draw(100), draw(100), draw(100)];
  return [
    `*Made up by promptd's ${STAND_IN}: no model was asked.*`,
    `# ${pick(TOPICS)} ${draw(1000)}`,
    `${sentence()} ${sentence()}`,
    `## Points`,
    Array.from({ length: 2 + draw(3) }, () => `- ${sentence()}`).join('\n'),
    `| Aspect | Score |\n| --- | ---: |\n${scores.map((score, index) => `| ${SUBJECTS[(index + draw(3)) % SUBJECTS.length] ?? ''} | ${score} |`).join('\n')}`,
    `\`\`\`json\n${JSON.stringify({ model, scores, verdict: 'ABCD'[draw(4)] })}\n\`\`\``,
    `**In short:** ${sentence()}`,
  ].join('\n\n');
}

/** Numbers below `max`, a different one each time (xorshift, seeded by the hash). */
export function drawsOf(hash: Uint8Array): (max: number) => number {
  let state = 0x9e37_79b9;
  for (const byte of hash) state = Math.imul(state ^ byte, 0x0100_0193) >>> 0;
  state ||= 1;
  return (max) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % max;
  };
}
