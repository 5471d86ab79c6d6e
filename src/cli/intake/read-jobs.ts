/** The jobs in one text: a job file, a batch of one a line, or whatever comes on stdin. */
import { describe } from '../../core/describe.ts';
import type { Fault } from '../../core/errors.ts';
import { isJsonObject } from '../../core/json.ts';
import {
  decodeUtf8,
  type ParsedJobText,
  parseJobText,
  placeFaults,
  splitNdjson,
} from '../../core/job-text.ts';
import { fromOpenAiLine, isOpenAiLine, openAiPath } from '../../core/openai-line.ts';
import { type FileFault, type JobDefaults, type SourceJob, withDefaults } from './source-job.ts';

export interface ReadJobs {
  readonly jobs: readonly SourceJob[];
  readonly faults: readonly FileFault[];
}

export interface TextSource {
  /** As the user named it. */
  readonly file: string;
  readonly bytes: Uint8Array;
  /** What the jobs are called where they do not say: the file's name. */
  readonly name?: string;
  /** The batch of the jobs where nobody says another. */
  readonly batch?: string;
}

/** One job in a file of its own. */
export function readJobFile(source: TextSource, defaults: JobDefaults): ReadJobs {
  return fromText(source, (text) => {
    const parsed = parseJobText(text);
    return collect(source, [oneOf(source, defaults, parsed, parsed.value, '', 1)]);
  });
}

/** A batch: one job a line, of promptd or of the OpenAI batch format. */
export function readBatchFile(source: TextSource, defaults: JobDefaults): ReadJobs {
  return fromText(source, (text) => collect(source, linesOf(source, defaults, text)));
}

/** One job, an array of them, or one a line: what a program writes to a pipe. */
export function readAnyJobs(source: TextSource, defaults: JobDefaults): ReadJobs {
  return fromText(source, (text) => {
    const parsed = parseJobText(text);
    if (parsed.faults.length > 0 && splitNdjson(text).length > 1)
      return collect(source, linesOf(source, defaults, text));
    const { value } = parsed;
    if (!Array.isArray(value)) return collect(source, [oneOf(source, defaults, parsed, value, '', 1)]);
    return collect(
      source,
      value.map((item: unknown, index) => oneOf(source, defaults, parsed, item, `[${index}]`, 1)),
    );
  });
}

type One = { readonly job: SourceJob } | { readonly faults: readonly Fault[] };

function fromText(source: TextSource, read: (text: string) => ReadJobs): ReadJobs {
  const text = decodeUtf8(source.bytes);
  return typeof text === 'string' ? read(text) : { jobs: [], faults: [{ file: source.file, fault: text }] };
}

function collect(source: TextSource, ones: readonly One[]): ReadJobs {
  return {
    jobs: ones.flatMap((one) => ('job' in one ? [one.job] : [])),
    faults: ones.flatMap((one) =>
      'job' in one ? [] : one.faults.map((fault) => ({ file: source.file, fault })),
    ),
  };
}

function linesOf(source: TextSource, defaults: JobDefaults, text: string): One[] {
  return splitNdjson(text).map((line) => {
    const parsed = parseJobText(line.text);
    return oneOf(source, defaults, parsed, parsed.value, '', line.line);
  });
}

function oneOf(
  source: TextSource,
  defaults: JobDefaults,
  parsed: ParsedJobText,
  value: unknown,
  prefix: string,
  line: number,
): One {
  const placed = (faults: readonly Fault[]): Fault[] => placeFaults(faults, parsed, prefix, line);
  if (parsed.faults.length > 0) return { faults: placed(parsed.faults) };
  if (!isJsonObject(value)) {
    const expected = 'an object with "prompt" and "configuration"';
    return { faults: placed([{ code: 'InvalidJob', path: '(job)', expected, got: describe(value) }]) };
  }
  const isOpenAi = isOpenAiLine(value);
  const made = isOpenAi ? fromOpenAiLine(value) : { job: value };
  if ('fault' in made) return { faults: placed([made.fault]) };
  return {
    job: {
      job: withDefaults(made.job, defaults, source),
      file: source.file,
      place(fault) {
        // Lines and columns that a server gives are of what was sent, not of this file.
        const { line: _line, column: _column, ...rest } = fault;
        const [found] = placed([{ ...rest, path: isOpenAi ? openAiPath(fault.path) : fault.path }]);
        return found ?? rest;
      },
    },
  };
}
