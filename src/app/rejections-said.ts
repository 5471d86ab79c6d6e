/**
 * Says at the terminal of a server which files of `jobs/` it does not take: who drops a file looks there first. The first fault
 * without what was found, since a terminal is often a journal, and words of jobs do not belong there.
 */
import { clip, plainLine } from '../cli/plain-text.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { RejectedReports, Rejection } from '../workspace/rejected-file.ts';

/** Whoever has more in so short a time has one cause for them. */
const SAID_MAX = 10;
const WINDOW_MS = 60_000;
const EXPECTED_SHOWN = 200;

type Reports = Pick<RejectedReports, 'write'>;

export function sayingRejections(
  reports: Reports,
  clock: Pick<Clock, 'monotonic'>,
  say: (sentence: string) => void,
): Reports {
  /** By file: what was said of it last. What is looked at again and is as wrong as before is no news. */
  const last = new Map<string, string>();
  let since_m = clock.monotonic();
  let said = 0;
  return {
    async write(rejection) {
      const report = await reports.write(rejection);
      if (last.get(rejection.file) === report) return report;
      last.set(rejection.file, report);
      if (clock.monotonic() - since_m >= WINDOW_MS) [since_m, said] = [clock.monotonic(), 0];
      said += 1;
      if (said <= SAID_MAX) say(rejectionSentence(rejection));
      if (said === SAID_MAX)
        say('Other wrong files of jobs/ are not named here for a while: promptd ls --rejected');
      return report;
    },
  };
}

/** The first fault of a file, and where the others stand. */
export function rejectionSentence({ file, faults: [fault] }: Pick<Rejection, 'file' | 'faults'>): string {
  if (fault === undefined) return plainLine(`jobs/${file} is not taken. Why: promptd ls --rejected`);
  const place = fault.line === undefined ? '' : `:${fault.line}:${fault.column ?? 1}`;
  const expected = clip(fault.expected, EXPECTED_SHOWN);
  return plainLine(
    `jobs/${file}${place}: ${fault.path}: expected ${expected}. It is not taken; more: promptd ls --rejected`,
  );
}
