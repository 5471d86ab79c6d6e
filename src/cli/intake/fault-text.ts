/** What is wrong with job files, as editors and compilers say it. */
import type { Output } from '../output.ts';
import { plainLine } from '../plain-text.ts';
import { count, many } from '../quantities.ts';
import type { FileFault } from './source-job.ts';

const SHOWN = 100;

/** `jobs/a.json:4:5: configuration.seed: expected an integer, got "7". Hint` */
export function faultLine({ file, fault }: FileFault): string {
  const place = fault.line === undefined ? file : `${file}:${fault.line}:${fault.column ?? 1}`;
  const hint = fault.hint === undefined ? '' : `. ${fault.hint}`;
  return plainLine(`${place}: ${fault.path}: expected ${fault.expected}, got ${fault.got}${hint}`);
}

/** On stderr, by file and line. */
export function showFaults(out: Output, faults: readonly FileFault[]): void {
  if (out.json) {
    for (const { file, fault } of faults) out.complain(JSON.stringify({ file, ...fault }));
    return;
  }
  for (const one of faults.slice(0, SHOWN)) out.complain(faultLine(one));
  if (faults.length > SHOWN) out.complain(`and ${count(faults.length - SHOWN)} more`);
}

export function filesWrong(faults: readonly FileFault[]): string {
  const files = new Set(faults.map(({ file }) => file));
  return `${many(faults.length, 'fault')} in ${many(files.size, 'file')}`;
}
