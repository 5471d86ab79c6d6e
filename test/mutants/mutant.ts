/** A rule of the design, broken on purpose in one place of the source. */
export interface Mutant {
  /** Short and unique, for the command line. */
  readonly name: string;
  /** What promptd does wrong with it. */
  readonly breaks: string;
  readonly file: string;
  /** Stands once in the file, to the letter. */
  readonly from: string;
  readonly to: string;
  /** Each of these test files must fail. They are unit tests, or all of test/e2e. */
  readonly killed_by: readonly string[];
}
