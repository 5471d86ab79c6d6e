/** What a table of wrong jobs is made of. */
import { type ErrorCode, ERRORS, type Fault } from '../../src/core/errors.ts';

export interface WrongJob {
  /** The requirement that it is about. */
  readonly row: 'R1' | 'R2' | 'R3';
  readonly title: string;
  /** The text of the job's file, or of the body. */
  readonly text: string;
  /** In this order. */
  readonly faults: readonly Fault[];
}

/** A fault a line: `<code> <path> <line>:<column> | <expected> | <got> | <hint>`. */
export function said(...lines: readonly string[]): Fault[] {
  return lines.map((line) => {
    const [head = '', expected = '', got = '', hint] = line.split(' | ');
    const [, code = '', path = '', row, column] = /^(\w+) (.+) (\d+):(\d+)$/.exec(head) ?? [];
    if (!(code in ERRORS)) throw new Error(`no fault: ${line}`);
    const place = { line: Number(row), column: Number(column) };
    return {
      code: code as ErrorCode,
      path,
      ...place,
      expected,
      got,
      ...(hint === undefined ? {} : { hint }),
    };
  });
}
