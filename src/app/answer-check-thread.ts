/** The thread that checks answers against schemas. */
import type { JsonObject } from '../core/json.ts';
import { AnswerCheck } from '../executor/answer-check.ts';
import { answerTasks } from './single-file-thread.ts';

export interface CheckTask {
  readonly schema: JsonObject;
  readonly text: string | null;
}

const check = new AnswerCheck();
answerTasks(({ schema, text }: CheckTask) => check.check(schema, text));
