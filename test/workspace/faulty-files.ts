/** A file system that does as it is told: real calls, counted, of which chosen ones fail as the system would let them fail. */
import type { Files } from '../../src/core/ports/files.ts';

export type FileCall = Exclude<keyof Files, 'openAppend'> | 'openAppend';

/** What a call fails with: null lets it through. */
export type FaultOf = (call: FileCall, path: string, count: number) => NodeJS.ErrnoException | null;

export function systemError(code: string, syscall: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: told to fail, ${syscall}`), { code, syscall, errno: -1 });
}

export interface FaultyFiles extends Files {
  /** Calls so far, failed ones too, as `link /path`. */
  readonly calls: string[];
  count(call: FileCall, part?: string): number;
}

export function faultyFiles(real: Files, faultOf: FaultOf = () => null): FaultyFiles {
  const calls: string[] = [];
  const counts = new Map<string, number>();
  const wrap =
    (call: FileCall) =>
    async (...args: unknown[]) => {
      // For link and rename, the path that is made.
      const path = String(call === 'link' || call === 'rename' ? args[1] : args[0]);
      const count = (counts.get(call) ?? 0) + 1;
      counts.set(call, count);
      calls.push(`${call} ${path}`);
      const fault = faultOf(call, path, count);
      if (fault !== null) throw fault;
      return (real[call] as (...args: unknown[]) => Promise<unknown>).apply(real, args);
    };
  const names = Object.keys(real) as FileCall[];
  const wrapped = Object.fromEntries(names.map((call) => [call, wrap(call)])) as unknown as Files;
  const count = (call: FileCall, part = '') =>
    calls.filter((line) => line.startsWith(`${call} `) && line.includes(part)).length;
  return { ...wrapped, calls, count };
}
