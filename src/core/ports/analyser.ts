import type { Analysis } from '../analysis.ts';

/** Takes answers apart where others need not wait for it. */
export interface Analyser {
  /**
   * Rejects with a Problem: `NotAnalysable` where the text is nested too deep or takes too long, `Overloaded` where too many
   * wait already.
   */
  analyse(text: string): Promise<Analysis>;
}
