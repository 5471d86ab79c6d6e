/** What `promptd doctor` finds: each point a line, with what to do where it is not well. */
export interface Finding {
  /** What was looked at: `node`, `hard links`, `endpoint gpu`. */
  readonly what: string;
  /** `wrong`: promptd does not work so, or loses something. `warning`: it works, and somebody should know. */
  readonly verdict: 'ok' | 'warning' | 'wrong';
  /** What was found. */
  readonly message: string;
  /** What to do; absent where it is well. */
  readonly advice?: string;
}
