/** Takes an answer apart (R13): GitHub's Markdown, by the lexer of `marked`. */
import { Lexer, type MarkedToken, type Token } from 'marked';
import type { Analysis, CodeBlock, Link, List, ListItem, Table } from '../core/analysis.ts';
import { headingTree, type Heading } from './heading-tree.ts';
import { codeText, plainBlocks, plainInline } from './plain-text.ts';

/**
 * Pure, and of any text: what is no Markdown is a paragraph. Throws a RangeError where the text is nested deeper than the
 * stack. Takes time in proportion to the text for what models write; texts made to be slow are for whoever sets the limit.
 */
export function analyse(text: string): Analysis {
  const tokens = Lexer.lex(text, { gfm: true });
  const found = new Found();
  found.visit(tokens, true);
  return {
    headings: headingTree(found.headings),
    code_blocks: found.code_blocks,
    tables: found.tables,
    lists: found.lists,
    links: found.links,
    text: plainBlocks(tokens),
  };
}

class Found {
  readonly headings: Heading[] = [];
  readonly code_blocks: CodeBlock[] = [];
  readonly tables: Table[] = [];
  readonly lists: List[] = [];
  readonly links: Link[] = [];

  /** `outside`: of every list, so that one that is met is not in the item of another. */
  visit(tokens: readonly Token[], outside: boolean): void {
    for (const token of tokens) this.#visitOne(token as MarkedToken, outside);
  }

  #visitOne(token: MarkedToken, outside: boolean): void {
    switch (token.type) {
      case 'heading':
        this.headings.push({ level: token.depth, text: plainInline(token.tokens) });
        return this.visit(token.tokens, outside);
      case 'code':
        this.code_blocks.push({ language: token.lang?.match(/\S+/)?.[0] ?? null, text: codeText(token) });
        return undefined;
      case 'table':
        this.tables.push(tableOf(token));
        for (const cell of [...token.header, ...token.rows.flat()]) this.visit(cell.tokens, outside);
        return undefined;
      case 'list':
        if (outside) this.lists.push(listOf(token));
        for (const item of token.items) this.visit(item.tokens, false);
        return undefined;
      case 'link':
      case 'image':
        this.links.push({
          kind: token.type,
          text: token.type === 'link' ? plainInline(token.tokens) : token.text,
          href: token.href,
          title: token.title ?? null,
        });
        return undefined;
      default:
        if ('tokens' in token && token.tokens !== undefined) this.visit(token.tokens, outside);
        return undefined;
    }
  }
}

type TokenOf<T extends MarkedToken['type']> = Extract<MarkedToken, { type: T }>;

function listOf(token: TokenOf<'list'>): List {
  return {
    ordered: token.ordered,
    start: token.start === '' ? null : token.start,
    items: token.items.map((item): ListItem => {
      const nested = (item.tokens as MarkedToken[]).filter((one) => one.type === 'list');
      const own = item.tokens.filter((one) => one.type !== 'list' && one.type !== 'checkbox');
      return {
        text: plainBlocks(own),
        checked: item.task ? item.checked === true : null,
        lists: nested.map(listOf),
      };
    }),
  };
}

function tableOf({ header, rows }: TokenOf<'table'>): Table {
  const columns = distinct(header.map((cell) => plainInline(cell.tokens)));
  return {
    columns,
    rows: rows.map((row) =>
      Object.fromEntries(columns.map((column, at) => [column, plainInline(row[at]?.tokens ?? [])])),
    ),
  };
}

/** Names of columns, none of them empty and no two the same. */
function distinct(names: readonly string[]): readonly string[] {
  const taken = new Set<string>();
  return names.map((name, at) => {
    let one = name === '' ? `column ${at + 1}` : name;
    for (let n = 2; taken.has(one); n += 1) one = `${name === '' ? `column ${at + 1}` : name} ${n}`;
    taken.add(one);
    return one;
  });
}
