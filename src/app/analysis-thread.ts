/** The thread that takes answers apart: one text in, one analysis out, in order. */
import { messageOf } from '../core/errors.ts';
import type { Analysis } from '../core/analysis.ts';
import { analyse } from '../reading/analyse.ts';
import { answerTasks } from './single-file-thread.ts';

export type AnalysisAnswer = { readonly analysis: Analysis } | { readonly fault: string };

answerTasks((text: string): AnalysisAnswer => {
  try {
    return { analysis: analyse(text) };
  } catch (error) {
    return { fault: messageOf(error) };
  }
});
