// What the tidy test must know of a source file, read off its syntax tree, so that text in strings and comments is
// never taken for code.
import { parseSync, Visitor } from 'oxc-parser';

export interface Import {
  readonly from: string;
  /** The names taken from the module; `*` where all of it is. */
  readonly names: readonly string[];
  readonly line: number;
}

export interface Source {
  readonly path: string;
  readonly lines: number;
  /** Re-exports, dynamic imports and imports of types are imports too. */
  readonly imports: readonly Import[];
  readonly functions: readonly { readonly line: number; readonly lines: number }[];
  readonly comments: readonly { readonly line: number; readonly text: string }[];
  /** The lines that ask for today's date: `new Date()` or `Date()`, without an argument. */
  readonly dateReads: readonly number[];
  readonly hasDefaultExport: boolean;
  readonly syntaxErrors: readonly string[];
}

type Located = { readonly start: number; readonly end: number };

export function readSource(path: string, text: string): Source {
  const { program, module, comments, errors } = parseSync(path, text);
  const lineStarts = [0, ...Array.from(text.matchAll(/\n/g), ({ index }) => index + 1)];
  const lineAt = (offset: number): number => lineStarts.filter((start) => start <= offset).length;

  const imports: Import[] = [];
  for (const { moduleRequest, entries, start } of module.staticImports) {
    const names = entries.map(({ importName }) => importName.name ?? '*');
    imports.push({ from: moduleRequest.value, names, line: lineAt(start) });
  }
  for (const entry of module.staticExports.flatMap(({ entries }) => entries)) {
    if (entry.moduleRequest === null) continue;
    imports.push({
      from: entry.moduleRequest.value,
      names: [entry.importName.name ?? '*'],
      line: lineAt(entry.start),
    });
  }

  const functions: { line: number; lines: number }[] = [];
  const dateReads: number[] = [];
  const measure = ({ start, end }: Located): void => {
    functions.push({ line: lineAt(start), lines: lineAt(end) - lineAt(start) + 1 });
  };
  const importOf = ({ source }: { readonly source: { readonly type: string } } & Located): void => {
    if (!('value' in source) || typeof source.value !== 'string') return;
    imports.push({ from: source.value, names: ['*'], line: lineAt((source as unknown as Located).start) });
  };
  const dateRead = (
    node: { readonly callee: object; readonly arguments: readonly unknown[] } & Located,
  ): void => {
    const isDate = 'name' in node.callee && node.callee.name === 'Date';
    if (isDate && node.arguments.length === 0) dateReads.push(lineAt(node.start));
  };
  new Visitor({
    FunctionDeclaration: measure,
    FunctionExpression: measure,
    ArrowFunctionExpression: measure,
    ImportExpression: importOf,
    TSImportType: importOf,
    NewExpression: dateRead,
    CallExpression: dateRead,
  }).visit(program);

  return {
    path,
    lines: text.split('\n').length - (text.endsWith('\n') ? 1 : 0),
    imports,
    functions,
    comments: comments.map(({ value, start }) => ({ line: lineAt(start), text: value })),
    dateReads,
    hasDefaultExport: module.staticExports.some(({ entries }) =>
      entries.some(({ exportName }) => exportName.kind === 'Default' || exportName.name === 'default'),
    ),
    syntaxErrors: errors.map(({ message }) => message),
  };
}
