/** The summary of `run`: what was new, how it ended, what it took, where the answers are, and what to do about the rest. */
import path from 'node:path';
import type { LotView, NextRuns } from '../../core/views.ts';
import type { RunState } from '../../core/states.ts';
import type { Context } from '../context.ts';
import type { Workspace } from '../deps.ts';
import type { Output } from '../output.ts';
import { clip, plainLine } from '../plain-text.ts';
import { costText, count, duration, many } from '../quantities.ts';
import { stateColor, stateWord } from '../states-shown.ts';
import type { FailureGroup, Spent } from './summary.ts';

export interface RunReport {
  readonly jobs: number;
  readonly created: number;
  readonly answered_before: number;
  readonly shared: number;
  /** Accepted before, and not completed then. */
  readonly known: number;
  /** Of these, runs that had failed or were cancelled: `run` does not ask them again. */
  readonly ended_before: readonly EndedBefore[];
  /** Jobs whose content had changed: how many, and the first of them with what differs. Null where there is none. */
  readonly next_runs: NextRuns | null;
  readonly refused: number;
  readonly states: Partial<Record<RunState, number>>;
  /** Null where there were too many to add up. */
  readonly spent: Spent | null;
  readonly elapsed_ms: number;
  readonly failures: readonly FailureGroup[];
  readonly results_dir: string | null;
  /** A run that completed, to show where to look. */
  readonly example: string | null;
}

export interface EndedBefore {
  readonly state: 'failed' | 'cancelled';
  readonly names: readonly string[];
}

/** `3 created · 297 answered before · 0 shared` */
export function receiptLine(
  answer: Pick<LotView, 'created' | 'answered_before' | 'shared' | 'known'>,
): string {
  const words = [
    `${count(answer.created)} created`,
    `${count(answer.answered_before)} answered before`,
    `${count(answer.shared)} shared`,
  ];
  if (answer.known > 0) words.push(`${count(answer.known)} accepted before`);
  return words.join(' · ');
}

/** Whether all there was to know was known: nothing of it was sent to a model now. */
function nothingWasAsked(report: RunReport): boolean {
  return report.jobs > 0 && report.answered_before === report.jobs;
}

const EXAMPLES = 5;

export function reportLines(out: Output, report: RunReport, results: string | null): string[] {
  const c = out.out;
  if (nothingWasAsked(report)) {
    return [
      `${count(report.jobs)} of ${count(report.jobs)} answered before; nothing was asked.`,
      ...answersLine(c.dim, report, results),
    ];
  }
  const lines = [`${c.dim('jobs'.padEnd(10))}${many(report.jobs, 'job')}: ${receiptLine(report)}`];
  if (report.next_runs !== null)
    lines.push(
      `${c.dim('changed'.padEnd(10))}${changedText(report.next_runs)}; asked as the next run, the answers before stay`,
    );
  if (report.refused > 0)
    lines.push(`${c.dim('left out'.padEnd(10))}${c.yellow(many(report.refused, 'wrong job'))}`);
  lines.push(...report.ended_before.map((one) => endedBeforeLine(c.yellow, one)));
  lines.push(`${c.dim('ended'.padEnd(10))}${statesText(out, report.states)}`);
  if (report.spent !== null && report.spent.attempts > 0) {
    lines.push(`${c.dim('tokens'.padEnd(10))}${tokensText(report.spent)}`);
  }
  if (report.spent !== null && report.spent.cost.length > 0)
    lines.push(`${c.dim('cost'.padEnd(10))}${costText(report.spent)}`);
  lines.push(`${c.dim('time'.padEnd(10))}${duration(report.elapsed_ms)}`);
  lines.push(...answersLine(c.dim, report, results));
  for (const group of report.failures) lines.push(...failureLines(out, group));
  lines.push(...warningLines(out, report.spent?.warnings ?? []));
  return lines;
}

function answersLine(dim: (text: string) => string, report: RunReport, results: string | null): string[] {
  if (report.example === null) return [];
  const where = results === null ? '' : `${plainLine(results)}${path.sep} · `;
  return [`${dim('answers'.padEnd(10))}${where}look at one: promptd result ${report.example} --render`];
}

/** `1 failed before, not asked again; promptd retry a` */
function endedBeforeLine(color: (text: string) => string, { state, names }: EndedBefore): string {
  const which = names.length > EXAMPLES ? `--state ${state}` : names.join(' ');
  return `${color('before'.padEnd(10))}${count(names.length)} ${state} before, not asked again; promptd retry ${which}`;
}

/** `faq-17 (prompt.base), faq-18 (configuration.seed) and 997 more` */
export function changedText({ total, some }: NextRuns): string {
  const shown = some
    .slice(0, EXAMPLES)
    .map(({ name, differs }) => plainLine(differs.length === 0 ? name : `${name} (${differsText(differs)})`));
  const more = total - shown.length;
  return `${shown.join(', ')}${more > 0 ? ` and ${count(more)} more` : ''}`;
}

/** What is not known is not 0: `3 in, 101 out`, `3 in, 101 out and 2 answers unknown`, `unknown`. */
export function tokensText(spent: Pick<Spent, 'input_tokens' | 'output_tokens' | 'tokens_unknown'>): string {
  const { input_tokens, output_tokens, tokens_unknown } = spent;
  const known = `${count(input_tokens)} in, ${count(output_tokens)} out`;
  if (tokens_unknown === 0) return known;
  return input_tokens + output_tokens === 0
    ? 'unknown'
    : `${known} and ${many(tokens_unknown, 'answer')} unknown`;
}

/** That the run before was a fresh draw is no change of the job: it is said only where nothing else differs. */
function differsText(differs: readonly string[]): string {
  const paths = differs.filter((path) => path !== 'fresh');
  return paths.length === 0 ? 'a fresh draw' : paths.join(', ');
}

function statesText(out: Output, states: RunReport['states']): string {
  const words = Object.entries(states).map(([state, runs]) => {
    const known = state as RunState;
    return stateColor(known, out.out)(`${stateWord(known)} ${count(runs)}`);
  });
  return words.join(' · ');
}

/** The same warning of many runs is one line. */
function warningLines(out: Output, warnings: Spent['warnings']): string[] {
  const byText = new Map<string, { count: number; readonly name: string }>();
  for (const { name, warning } of warnings) {
    const known = byText.get(warning);
    if (known === undefined) byText.set(warning, { count: 1, name });
    else known.count++;
  }
  const sorted = [...byText].toSorted(([, a], [, b]) => b.count - a.count);
  const lines = sorted.slice(0, EXAMPLES).map(([text, one]) => {
    const head = out.out.yellow('warning'.padEnd(10));
    return `${head}${count(one.count)} × ${clip(plainLine(text), 300)} e.g. ${one.name}`;
  });
  if (sorted.length > EXAMPLES)
    lines.push(`${' '.repeat(10)}and ${count(sorted.length - EXAMPLES)} other warnings`);
  return lines;
}

function failureLines(out: Output, group: FailureGroup): string[] {
  const c = out.out;
  const head = `${c.red('failed'.padEnd(10))}${count(group.runs)} × ${plainLine(group.reason)}, e.g. ${group.example}: `;
  const lines = [`${head}${clip(plainLine(group.message), 300)}`];
  if (!group.message.includes(group.advice)) lines.push(`${' '.repeat(10)}${group.advice}`);
  lines.push(
    `${' '.repeat(10)}More: promptd show ${group.example}. Again: promptd retry --reason ${plainLine(group.reason)}`,
  );
  return lines;
}

/** The folder of the results as seen from the current one. */
export function resultsShown(context: Context, workspace: Workspace | null): string | null {
  if (workspace === null || context.isRemote) return null;
  const relative = path.relative(context.deps.cwd, workspace.results_dir);
  return relative.startsWith('..') ? workspace.results_dir : relative || '.';
}
