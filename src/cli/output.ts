/** The two ways out: data on stdout, everything said to a person on stderr. */
import { createColors } from 'picocolors';
import { type ErrorCode, type Problem, problemBody } from '../core/errors.ts';
import type { CliDeps, Sink } from './deps.ts';
import { plainText } from './plain-text.ts';

export type Colors = ReturnType<typeof createColors>;

export class Output {
  readonly json: boolean;
  /** Colours of stdout and of stderr; functions that do nothing where there is no terminal, or NO_COLOR. */
  readonly out: Colors;
  readonly err: Colors;
  readonly #deps: CliDeps;
  readonly isQuiet: boolean;

  constructor(deps: CliDeps, options: { readonly json: boolean; readonly quiet: boolean }) {
    this.#deps = deps;
    this.json = options.json;
    this.isQuiet = options.quiet;
    this.out = createColors(hasColors(deps, deps.isTty.stdout));
    this.err = createColors(hasColors(deps, deps.isTty.stderr));
  }

  /** Columns of the terminal, where it knows them (0 says that it does not); wide where there is none, so that nothing is cut for a file. */
  get width(): number {
    return this.#deps.isTty.stdout ? this.#deps.stdout.columns || 80 : 1000;
  }

  /** Data as it is, waiting for a slow reader. */
  async data(text: string): Promise<void> {
    await writeAll(this.#deps.stdout, text);
  }

  async line(text: string): Promise<void> {
    await this.data(`${text}\n`);
  }

  /** One JSON value on a line of its own. */
  async value(value: unknown): Promise<void> {
    await this.line(JSON.stringify(value));
  }

  /** A sentence for a person: on stderr, and with --quiet nowhere. */
  notice(text: string): void {
    if (!this.isQuiet) this.#deps.stderr.write(`${text}\n`);
  }

  /** A problem is said also with --quiet. With --json it is one object, on stderr as well: stdout stays data. */
  problem(problem: Problem): void {
    if (this.json) {
      this.#deps.stderr.write(`${JSON.stringify(problemBody(problem))}\n`);
      return;
    }
    for (const line of problemLines(problem, this.err)) this.#deps.stderr.write(`${line}\n`);
  }

  complain(text: string): void {
    this.#deps.stderr.write(`${text}\n`);
  }
}

function hasColors(deps: CliDeps, isTty: boolean): boolean {
  if ((deps.env['NO_COLOR'] ?? '') !== '') return false;
  if ((deps.env['FORCE_COLOR'] ?? '') !== '') return deps.env['FORCE_COLOR'] !== '0';
  return isTty && deps.env['TERM'] !== 'dumb';
}

function writeAll(sink: Sink, text: string): Promise<void> {
  if (sink.write(text)) return Promise.resolve();
  return new Promise((resolve) => {
    sink.once('drain', resolve);
  });
}

/** Codes of which the status of HTTP says something to people who know it. */
const WITH_STATUS: ReadonlySet<ErrorCode> = new Set([
  'NameTaken',
  'WrongState',
  'Overloaded',
  'DiskLow',
  'TooManyRequests',
]);

/** `409 NameTaken: "faq-17" exists … To ask again: …`, and the faults below it, one a line. */
function problemLines(problem: Problem, colors: Colors): string[] {
  const code = WITH_STATUS.has(problem.code) ? `${problem.status} ${problem.code}` : problem.code;
  const hint = problem.hint === undefined || problem.message.includes(problem.hint) ? '' : ` ${problem.hint}`;
  const lines = [`${colors.red(code)}: ${plainText(ended(problem.message))}${plainText(hint)}`];
  if (problem.faults.length > 1) {
    for (const fault of problem.faults.slice(0, FAULTS_SHOWN)) {
      const advice = fault.hint === undefined ? '' : `. ${fault.hint}`;
      lines.push(plainText(`  ${fault.path}: expected ${fault.expected}, got ${fault.got}${advice}`));
    }
    if (problem.faults.length > FAULTS_SHOWN)
      lines.push(`  and ${problem.faults.length - FAULTS_SHOWN} more`);
  }
  return lines;
}

const FAULTS_SHOWN = 20;

function ended(sentence: string): string {
  return /[.!?:]$/.test(sentence) ? sentence : `${sentence}.`;
}
