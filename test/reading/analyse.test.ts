import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { analyse } from '../../src/reading/analyse.ts';

const ANSWER = `# Findings

Two of **three** studies agree, see [the review](https://example.org/a "Review") and ![a chart](chart.png).

## Method

1. Read
2. Count
   - twice
   - [x] by hand
   - [ ] by machine

### Limits

> Small samples.

## Data

| model | score | score |
| --- | ---: | --- |
| \`a\` | 1 | low |
| b \\| c | **2** | |

\`\`\`python title=x
print("# no heading")
\`\`\`

    indented
`;

describe('an answer in Markdown', () => {
  const data = analyse(ANSWER);

  it('R13: has its headings as a tree', () => {
    expect(data.headings).toEqual([
      {
        level: 1,
        text: 'Findings',
        children: [
          { level: 2, text: 'Method', children: [{ level: 3, text: 'Limits', children: [] }] },
          { level: 2, text: 'Data', children: [] },
        ],
      },
    ]);
  });

  it('R13: has its code blocks with their languages', () => {
    expect(data.code_blocks).toEqual([
      { language: 'python', text: 'print("# no heading")' },
      { language: null, text: 'indented' },
    ]);
  });

  it('R13: has its tables as rows of named cells, no two columns under one name', () => {
    expect(data.tables).toEqual([
      {
        columns: ['model', 'score', 'score 2'],
        rows: [
          { model: 'a', score: '1', 'score 2': 'low' },
          { model: 'b | c', score: '2', 'score 2': '' },
        ],
      },
    ]);
  });

  it('R13: has its lists with what is nested in them, tasks with whether they are done', () => {
    const item = (text: string, checked: boolean | null = null) => ({ text, checked, lists: [] });
    expect(data.lists).toEqual([
      {
        ordered: true,
        start: 1,
        items: [
          item('Read'),
          {
            text: 'Count',
            checked: null,
            lists: [
              {
                ordered: false,
                start: null,
                items: [item('twice'), item('by hand', true), item('by machine', false)],
              },
            ],
          },
        ],
      },
    ]);
  });

  it('R13: has its links and images', () => {
    expect(data.links).toEqual([
      { kind: 'link', text: 'the review', href: 'https://example.org/a', title: 'Review' },
      { kind: 'image', text: 'a chart', href: 'chart.png', title: null },
    ]);
  });

  it('R13: has its text without marks', () => {
    expect(data.text).toBe(
      [
        'Findings',
        'Two of three studies agree, see the review and a chart.',
        'Method',
        'Read\nCount\ntwice\nby hand\nby machine',
        'Limits',
        'Small samples.',
        'Data',
        'model\tscore\tscore\na\t1\tlow\nb | c\t2\t',
        'print("# no heading")',
        'indented',
      ].join('\n\n'),
    );
  });
});

describe('any text', () => {
  it('that is empty, or no Markdown, is what it is', () => {
    const nothing = { headings: [], code_blocks: [], tables: [], lists: [], links: [] };
    expect(analyse('')).toEqual({ ...nothing, text: '' });
    expect(analyse('a < b && c > d')).toEqual({ ...nothing, text: 'a < b && c > d' });
  });

  it('has headings in their place where levels are left out or begin low', () => {
    const { headings } = analyse('### a\n# b\n#### c\n## d\n');
    expect(headings).toEqual([
      { level: 3, text: 'a', children: [] },
      {
        level: 1,
        text: 'b',
        children: [
          { level: 4, text: 'c', children: [] },
          { level: 2, text: 'd', children: [] },
        ],
      },
    ]);
  });

  it('names columns without a name, and keeps `__proto__` a column like any other', () => {
    const [table] = analyse('| | `__proto__` |\n|-|-|\n| 1 | 2 |\n').tables;
    expect(table?.columns).toEqual(['column 1', '__proto__']);
    expect(Object.entries(table?.rows[0] ?? {})).toEqual([
      ['column 1', '1'],
      ['__proto__', '2'],
    ]);
  });

  it('is taken apart without an error', () => {
    const marks = fc.constantFrom(
      '#',
      '|',
      '-',
      '\n',
      '`',
      '```',
      '*',
      '> ',
      '1. ',
      '[',
      '](',
      ')',
      '<',
      '>',
      ' ',
      'x',
    );
    fc.assert(
      fc.property(fc.array(marks, { maxLength: 80 }), (parts) => {
        const data = analyse(parts.join(''));
        for (const { columns, rows } of data.tables)
          for (const row of rows) expect(Object.keys(row)).toEqual(columns);
      }),
      { seed: 11, numRuns: 1_000 },
    );
  });
});
