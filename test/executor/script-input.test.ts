// What scripts are told of their job: all of it, or, where they are pure, what makes it the same work as another.
import { expect, it } from 'vitest';
import type { ScriptCall } from '../../src/core/recipe.ts';
import { scriptInput } from '../../src/executor/script-input.ts';
import { orderOf } from './attempts.ts';

const ORDER = orderOf({
  parameters: { temperature: 0.2 },
  extra: { guided_choice: ['a'] },
  drawers: { ollama: { num_ctx: 9 } },
  job: {
    ...{ name: 'faq-17', run: 2, batch: 'faq', key: '17', metadata: { gold: 'B' }, type: 'llm' },
    prompt: { script: 'prompts/make.py' },
    configuration: { LLM_name: 'gpu:m', temperature: 0.2 },
  },
});

function callOf(pure: boolean): ScriptCall {
  return { script: 'prompts/make.py', args: [1], pure, source_sha256: '0', inputs: [] };
}

it('R2: a script is told the whole job, and its arguments', () => {
  expect(scriptInput(ORDER, callOf(false))).toEqual({ ...ORDER.job, args: [1] });
});

it('R6: a pure script is told what is sent, and neither name, key nor metadata: its answer is shared', () => {
  const told = scriptInput(ORDER, callOf(true));
  expect(told).toEqual({
    configuration: {
      LLM_name: 'gpu:m',
      temperature: 0.2,
      guided_choice: ['a'],
      ollama: { num_ctx: 9 },
    },
    args: [1],
  });
  // Two jobs of one digest that differ in everything else.
  const other = {
    ...ORDER,
    name: 'other',
    run: 1,
    job: { ...ORDER.job!, name: 'other', key: null, metadata: 7 },
  };
  expect(scriptInput(other, callOf(true))).toEqual(told);
});
