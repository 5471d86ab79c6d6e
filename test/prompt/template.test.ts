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

function code(text: string): string {
  try {
    quick.render(text, { q: 'x' });
  } catch (error) {
    if (!(error instanceof TemplateFailure)) throw error;
    return error.code;
  }
  return 'rendered';
}

/** A list of two lists, each of which is the list before. */
const DOUBLING =
  '{% assign a = "x" | split: "," %}{% for i in (1..40) %}{% assign b = "" | split: "" | push: a | push: a %}{% assign a = b %}{% endfor %}';
const CONCAT =
  '{% assign a = "xxxxxxxxxxxxxxxx" | split: "," %}{% for i in (1..40) %}{% assign a = a | concat: a %}{% endfor %}';
const LISTS = '{% assign a = (1..1900000) %}{% assign b = (1..1900000) %}';

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
    ['of loops inside of loops', '{% for i in (1..2) %}'.repeat(60) + 'x' + '{% endfor %}'.repeat(60)],
    ['of a range below zero', '{% for i in (-1000000000..1000000000) %}{% endfor %}'],
    ['of a range that is only looked at', '{% for i in (1..30000000) reversed limit: 1 %}x{% endfor %}'],
    ['of a vast table', '{% tablerow i in (1..10000000) cols:1 %}{% endtablerow %}'],
    ['of lists inside of lists', `${DOUBLING}{{ a | upcase }}`],
    ['of lists inside of lists that are shown', `${DOUBLING}{{ a }}`],
    ['of lists that are joined to themselves', `${CONCAT}{{ a | join: "" | size }}`],
    ['of a wide date', '{{ "2026-01-01" | date: "%999999999d" }}'],
    ['of fractions of a second', '{{ "2026-01-01" | date: "%999999999N" }}'],
    ['of comparing', `${LISTS}{% if a == b %}x{% endif %}`],
    ['of looking for what is not there', `${LISTS}{% if a contains 0 %}x{% endif %}`],
    ['of sorting', '{% assign a = (1..3000000) | reverse | sort %}{{ a | size }}'],
    [
      'of evaluating',
      '{% assign a = (1..900000) %}{% assign b = a | where_exp: "i", "i > 5" %}{{ b | size }}',
    ],
    ['of grouping', '{% assign a = (1..900000) %}{% assign b = a | group_by_exp: "i", "i" %}{{ b | size }}'],
    ['of adding up', '{% assign a = (1..4000000) %}{{ a | sum }}'],
    [
      'of prepending',
      '{% assign a = "xxxxxxxx" %}{% for i in (1..99) %}{% assign a = a | prepend: a %}{% endfor %}{{ a }}',
    ],
    [
      'of counting for ever',
      '{% for i in (1..3000) %}{% for j in (1..3000) %}{% increment n %}{% endfor %}{% endfor %}',
    ],
    ['of a case with many branches', `{% case q %}${'{% when "a" %}'.repeat(10_001)}{% endcase %}`],
    ['of one long filter', `{{ q ${'| append: q '.repeat(30_000)} }}`],
  ])('%s is stopped', (_title, text) => {
    expect(code(text)).toBe('TemplateLimit');
  });

  it.each([
    ['a long text', '{{ t | strip | upcase | replace: "X", "y" | size }}', '5000000'],
    ['many rows', '{{ rows | where: "k", 5 | map: "v" | join: ", " | size }}', '62887'],
    ['sorted rows', '{% assign s = rows | sort: "v" %}{{ s[0].v }}', 'v0'],
    [
      'a list that grows by one',
      '{% assign l = "" | split: "" %}{% for i in (1..2000) %}{% assign l = l | push: i %}{% endfor %}{{ l | size }}',
      '2000',
    ],
    ['rows by an expression', '{% assign s = rows | where_exp: "r", "r.k < 5" %}{{ s | size }}', '40000'],
    ['rows that are no empty list', '{% if rows == empty %}none{% else %}some{% endif %}', 'some'],
    [
      'rows of some kinds',
      '{% for k in kinds %}{% assign s = rows | where: "k", k %}{{ s | size }} {% endfor %}',
      '8000 8000 8000 ',
    ],
    [
      'words that are looked for',
      '{% assign n = 0 %}{% for r in rows limit: 5000 %}{% if kinds contains r.k %}{% assign n = n | plus: 1 %}{% endif %}{% endfor %}{{ n }}',
      '1500',
    ],
    ['a loop over rows', '{% for r in rows limit: 20000 %}{{ r.k }}{% endfor %}', /^\d{20000}$/],
  ])('is not a template with much honest work: %s', (_title, text, expected) => {
    const rows = Array.from({ length: 80_000 }, (_, n) => ({ k: n % 10, v: `v${n}` }));
    const made = new Templates({ time_ms: 30_000 }).render(text, {
      t: 'x'.repeat(5_000_000),
      kinds: [1, 2, 3],
      rows,
    });
    if (typeof expected === 'string') expect(made).toBe(expected);
    else expect(made).toMatch(expected);
  });

  it.each([
    ['comparing', `${LISTS}${'{% if a == b %}x{% endif %}'.repeat(2)}`],
    ['looking for what is not there', `${LISTS}${'{% if a contains 0 %}x{% endif %}'.repeat(5)}`],
    ['evaluating', '{% assign a = (1..900000) %}{% assign b = a | where_exp: "i", "i > 5" %}{{ b | size }}'],
  ])(
    'of %s is stopped by what it looks at, not by a clock that nobody can look at meanwhile',
    (_title, text) => {
      const patient = new Templates({ time_ms: 600_000 });
      expect(() => patient.render(text, {})).toThrow('needs less memory');
    },
  );

  it('is stopped where it is parsed, when it is only looked at', () => {
    const templates = new Templates();
    expect(() => templates.check('{{ q }}'.repeat(10_001))).toThrow('at most 10000 tags');
    expect(() => templates.check('{% if %}')).toThrow(TemplateFailure);
    expect(() => templates.check('{% include "x" %}')).toThrow('without includes');
    expect(() => templates.check('{{ what_is_not_known_yet.at_all | upcase }}')).not.toThrow();
  });

  it('of large output is stopped at the limit', () => {
    const templates = new Templates();
    const variables = { big: 'x'.repeat(1024 * 1024) };
    const pieces = (count: number): string => `{% for i in (1..${count}) %}{{ big }}{% endfor %}`;
    expect(templates.render(pieces(16), variables)).toHaveLength(16_777_216);
    expect(() => templates.render(`${pieces(16)}x`, variables)).toThrow('at most 16777216 characters');
    expect(() => templates.render('{% for i in (1..100000) %}{{ big }}{% endfor %}', variables)).toThrow(
      'at most 16777216 characters',
    );
  });
});
