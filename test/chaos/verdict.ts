/** What a chaos run comes to, as a table for people. */
import { VIOLATIONS } from './check.ts';
import { atTheEnd } from './check-runs.ts';
import type { ChaosReport } from './chaos.ts';

const VIOLATIONS_SHOWN = 40;

export function verdictOf(report: ChaosReport): string {
  const { violations, history, evidence, faults } = report;
  const { runs, attempts, results } = atTheEnd(evidence);
  const ops = history.map((op) => `${op.op} ${op.via} ${op.outcome}`);
  const answeredBy = runs.filter((run) => run.answered_by !== null).length;
  const lines = [
    ...section('users', ops),
    ...section(
      'faults',
      [...faults].flatMap(([kind, count]) => Array<string>(count).fill(kind)),
    ),
    ...section(
      'runs',
      runs.map((run) => run.state),
    ),
    ...section(
      'attempts',
      attempts.map((row) => row.outcome ?? 'without an end'),
    ),
    'found',
    row('results', results.length),
    row('of them from the same work', answeredBy),
    row('result files', evidence.files.filter((file) => file.folder === 'results').length),
    row('requests to models', evidence.asked.length),
    row('attempts', attempts.length),
    row('databases checked', evidence.snapshots.length),
    'violations',
    ...VIOLATIONS.map((kind) => row(kind, violations.filter((one) => one.kind === kind).length)),
    ...violations.slice(0, VIOLATIONS_SHOWN).map(({ kind, what }) => `  ${kind}: ${what}`),
    violations.length === 0
      ? 'nothing lost, nothing unexpected, nothing twice: everything holds'
      : `${violations.length} violations; everything lies in ${report.kept ?? 'no place'}`,
  ];
  return `${lines.join('\n')}\n`;
}

function section(title: string, words: readonly string[]): readonly string[] {
  const counts = [...Map.groupBy(words, (word) => word)].map(([word, all]) => row(word, all.length));
  return [title, ...counts.toSorted()];
}

function row(what: string, count: number): string {
  return `  ${what.padEnd(28)}${String(count).padStart(7)}`;
}
