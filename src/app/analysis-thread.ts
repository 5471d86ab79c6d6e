/** The thread that takes answers apart: one text in, one analysis out, in order. */
import { parentPort } from 'node:worker_threads';
import type { Analysis } from '../core/analysis.ts';
import { analyse } from '../reading/analyse.ts';

export type AnalysisAnswer = { readonly analysis: Analysis } | { readonly fault: string };

function answerTo(text: string): AnalysisAnswer {
  try {
    return { analysis: analyse(text) };
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error) };
  }
}

parentPort?.on('message', (text: string) => parentPort?.postMessage(answerTo(text)));
