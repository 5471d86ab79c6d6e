// The titles of tests, read off the syntax tree of their files: what a document names must be there, word for word.
import { parseSync, Visitor } from 'oxc-parser';

interface Titled {
  readonly title: string;
  readonly start: number;
  readonly end: number;
}

/**
 * Every title of `it`, `test` and `describe`, behind those it stands in: `a folder that disappears › is made again`. What is
 * filled in at run time is `…` (a template) or stands as it is written (`%s`, `$kind`).
 */
export function titlesIn(path: string, text: string): string[] {
  const { program, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]?.message ?? 'cannot be read'}`);
  const found: Titled[] = [];
  new Visitor({
    CallExpression({ callee, arguments: [first], start, end }) {
      const title = isOfATest(callee) && first !== undefined ? textOf(first) : null;
      if (title !== null) found.push({ title, start, end });
    },
  }).visit(program);
  return found.map((one) => {
    const around = found.filter(({ start, end }) => start < one.start && one.end <= end);
    return [...around.toSorted((a, b) => a.start - b.start), one].map(({ title }) => title).join(' › ');
  });
}

interface Node {
  readonly type: string;
}

/** `it`, `it.each(…)`, `describe.concurrent.for(…)`, `it.skipIf(…)`: whatever hangs on one of the three names. */
function isOfATest(callee: Node): boolean {
  const node = callee as Node & { name?: string; object?: Node; callee?: Node; tag?: Node };
  if (node.type === 'Identifier') return ['it', 'test', 'describe'].includes(node.name ?? '');
  const inner = node.object ?? node.callee ?? node.tag;
  return inner !== undefined && isOfATest(inner);
}

function textOf(argument: Node): string | null {
  const node = argument as Node & { value?: unknown; quasis?: { value: { cooked: string | null } }[] };
  if (node.type === 'Literal') return typeof node.value === 'string' ? node.value : null;
  if (node.type !== 'TemplateLiteral') return null;
  return (node.quasis ?? []).map(({ value }) => value.cooked ?? '').join('…');
}
