import { describe, expect, it } from 'vitest';
import { TemplateFailure, Templates } from '../../src/prompt/template.ts';

const quick = new Templates({ time_ms: 50 });

function failure(text: string, variables: Record<string, string> = { q: 'x' }): string {
  try {
    quick.render(text, variables);
  } catch (error) {
    if (!(error instanceof TemplateFailure)) throw error;
    return `${error.expected}, got ${error.got}`;
  }
  return 'rendered';
}

describe('a template', () => {
  it('shows texts as they are, numbers as numbers, lists and objects as JSON, and nothing for null', () => {
    const templates = new Templates();
    const variables = { t: '<b>', n: 1.5, l: [1, 'a'], o: { a: 1 }, z: null, y: true };
    expect(templates.render('{{ t }}|{{ n }}|{{ l }}|{{ o }}|{{ z }}|{{ y }}', variables)).toBe(
      '<b>|1.5|[1,"a"]|{"a":1}||true',
    );
  });

  it('may ask whether there is something, and give a default', () => {
    const templates = new Templates();
    const text = '{% if o.b %}b{% else %}none{% endif %} {{ o.c | default: "c" }}';
    expect(templates.render(text, { o: {} })).toBe('none c');
  });

  it('gives the same wherever the server stands', () => {
    expect(new Templates().render('{{ "2026-03-01T23:30:00Z" | date: "%Y-%m-%d %H:%M" }}', {})).toBe(
      '2026-03-01 23:30',
    );
  });

  it('reaches nothing but its own data', () => {
    for (const path of [
      'constructor',
      '__proto__',
      'toString',
      'q.constructor.prototype',
      'q.__proto__',
      'process',
      'globalThis',
      'this',
    ]) {
      expect(failure(`{{ ${path} }}`)).toMatch(/^a (variable|field) of/);
    }
    for (const tag of ['include "a"', 'render "/etc/passwd"', 'layout "../x"']) {
      expect(failure(`{% ${tag} %}`)).toMatch(/^a template/);
    }
  });

  it('does not remember what another one assigned', () => {
    const templates = new Templates();
    expect(templates.render('{% assign x = "1" %}{% increment n %}{{ x }}', {})).toBe('01');
    expect(templates.render('{% increment n %}', {})).toBe('0');
    expect(() => templates.render('{{ x }}', {})).toThrow(TemplateFailure);
  });
});

describe('a template bomb', () => {
  it.each([
    [
      'of long loops',
      '{% for i in (1..3000) %}{% for j in (1..3000) %}{% for k in (1..3000) %}{% endfor %}{% endfor %}{% endfor %}',
    ],
    ['of a vast range', '{% for i in (1..1000000000) %}x{% endfor %}'],
    [
      'of doubling',
      '{% assign a = "xxxxxxxx" %}{% for i in (1..99) %}{% assign a = a | append: a %}{% endfor %}{{ a }}',
    ],
    [
      'of doubling by capture',
      '{% assign a = "xxxxxxxx" %}{% for i in (1..99) %}{% capture a %}{{ a }}{{ a }}{% endcapture %}{% endfor %}{{ a }}',
    ],
    [
      'of replacement',
      '{% assign a = "xxxxxxxx" %}{% for i in (1..99) %}{% assign a = a | replace: "x", "xxxxxxxx" %}{% endfor %}{{ a }}',
    ],
    ['of nesting', '{% if true %}'.repeat(9_000) + '{% endif %}'.repeat(900)],
    ['of many outputs', '{{ q }}'.repeat(10_001)],
    ['of one long output', `{{ ${'q.'.repeat(200_000)}q }}`],
    ['of one long condition', `{% if ${'q and '.repeat(100_000)}q %}{% endif %}`],
    ['of many openings', '{{'.repeat(200_000)],
  ])('%s is stopped', (_title, text) => {
    expect(failure(text)).not.toBe('rendered');
  });

  it('of large output is stopped at the limit', () => {
    const templates = new Templates();
    const variables = { big: 'x'.repeat(1024 * 1024) };
    expect(() => templates.render('{% for i in (1..100000) %}{{ big }}{% endfor %}', variables)).toThrow(
      'at most 16777216 characters',
    );
  });
});
