// docs/jobs.md is read by people who write jobs: what it shows must be accepted, and what it states must be so.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { formatDuration } from '../../src/core/durations.ts';
import { checkJob, DEFAULT_OPTIONS, jobJsonSchema, jobSchema } from '../../src/core/job.ts';
import { optionsSchema } from '../../src/core/job-schema.ts';
import { parseJobText, splitNdjson } from '../../src/core/job-text.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { PARAMETERS } from '../../src/core/vocabulary.ts';
import { ollamaBody } from '../../src/providers/ollama-body.ts';

const docs = readFileSync(path.join(import.meta.dirname, '../../docs/jobs.md'), 'utf8');
const context = { endpoints: new Set(['ollama']), default_endpoint: null };
const matchesSchema = new Ajv2020({ allowUnionTypes: true }).compile(jobJsonSchema());

function blocks(language: string): string[] {
  return [...docs.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(
    ([, text]) => text ?? '',
  );
}

/** Cells of the rows of the table whose header begins with these words. */
function table(...header: readonly string[]): string[][] {
  const at = docs.indexOf(`| ${header.join(' | ')} |`);
  expect(at, `the table ${header.join(', ')}`).not.toBe(-1);
  const rows = docs.slice(at).split('\n\n')[0]?.split('\n').slice(2) ?? [];
  return rows.map((row) =>
    row
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const code = (cell: string | undefined): string => /`([^`]+)`/.exec(cell ?? '')?.[1] ?? '';

describe('R1: docs/jobs.md', () => {
  const jobs = [
    ...blocks('jsonc'),
    ...blocks('jsonl').flatMap((text) => splitNdjson(text).map((line) => line.text)),
  ];

  it.each(jobs)('shows a job that is accepted: %s', (text) => {
    const parsed = parseJobText(text);
    expect(parsed.faults).toEqual([]);
    expect(checkJob(parsed.value, context)).toMatchObject({ ok: true });
    expect(matchesSchema(parsed.value), JSON.stringify(matchesSchema.errors)).toBe(true);
  });

  it('shows some of them', () => {
    expect(jobs.length).toBeGreaterThanOrEqual(8);
  });

  it('lists every key of a job, and every option with its default', () => {
    const keys = table('key', 'what it is', 'if absent').map(([key]) => code(key));
    expect(keys.toSorted()).toEqual(Object.keys(jobSchema.shape).toSorted());
    const options = table('option', 'value', 'default');
    expect(options.map(([option]) => code(option))).toEqual(Object.keys(optionsSchema.shape));
    const defaults = Object.fromEntries(options.map(([option, , value]) => [code(option), value]));
    expect(defaults).toMatchObject({
      priority: String(DEFAULT_OPTIONS.priority),
      timeout: `\`${formatDuration(DEFAULT_OPTIONS.attempt_timeout_ms)}\``,
      first_token_timeout: `\`${formatDuration(DEFAULT_OPTIONS.first_token_timeout_ms)}\``,
      stall_timeout: `\`${formatDuration(DEFAULT_OPTIONS.stall_timeout_ms)}\``,
      max_attempts: String(DEFAULT_OPTIONS.max_attempts),
    });
  });

  it('R3: lists the vocabulary, and what Ollama gets of it', () => {
    const rows = table('parameter', 'value', '`ollama`', '`openai-compatible`');
    expect(rows.map(([word]) => code(word))).toEqual([...PARAMETERS]);
    for (const [word, , ollama] of rows) {
      const value = word === '`stop`' ? ['x'] : word === '`response_schema`' ? { type: 'object' } : 1;
      const { body } = ollamaBody({
        endpoint: {
          name: 'o',
          kind: 'ollama',
          base_urls: [],
          api_key_env: null,
          api_key_file: null,
          max_concurrent: 1,
          sticky_models: true,
          settings: {},
        },
        base_url: '',
        api_key: null,
        model: 'm',
        messages: [],
        parameters: { [code(word)]: value },
        extra: {},
        drawer: {},
        job: null,
        result_bytes_max: 1,
      });
      const found = code(ollama)
        .split('.')
        .reduce<unknown>((inside, key) => (inside as Record<string, unknown>)[key], body);
      expect(found, code(word)).toEqual(value);
    }
  });

  it('states the limits as they are', () => {
    const limits = Object.fromEntries(table('limit', 'value').map(([limit, value]) => [limit, value]));
    expect(limits).toMatchObject({
      'a job, as text, and its built prompt': `${LIMITS.job_bytes_max / 1024 / 1024} MiB`,
      'brackets inside each other': String(LIMITS.job_depth_max),
      '`metadata`': `${LIMITS.metadata_bytes_max / 1024} KiB`,
      '`key`': `${LIMITS.key_length_max} characters`,
      'a data file': `${LIMITS.data_file_bytes_max / 1024 / 1024} MiB`,
      'faults listed for one job': String(LIMITS.faults_max),
    });
    expect(docs).toContain(`up to ${LIMITS.tags_max} texts of up to ${LIMITS.tag_length_max} characters`);
    expect(docs).toContain(
      '`configuration.temprature: expected a known parameter, got "temprature". Did you mean temperature?`',
    );
  });
});
