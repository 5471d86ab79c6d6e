/** An answer as data: what its Markdown is made of. Texts are plain, without marks; character references stay as written. */
export interface Analysis {
  /** As a tree: a heading holds those below it, whatever their levels, until one of its own level or above. */
  readonly headings: readonly HeadingNode[];
  /** In the order of the text, wherever they stand. */
  readonly code_blocks: readonly CodeBlock[];
  readonly tables: readonly Table[];
  /** Those that are in no other list; nested ones are in the items. */
  readonly lists: readonly List[];
  readonly links: readonly Link[];
  /** All of it without marks: blocks apart by an empty line, cells by tabs. */
  readonly text: string;
}

export interface HeadingNode {
  /** 1 to 6. */
  readonly level: number;
  readonly text: string;
  readonly children: readonly HeadingNode[];
}

export interface CodeBlock {
  /** The first word behind the fence; null where there is none, and for indented code. */
  readonly language: string | null;
  readonly text: string;
}

export interface Table {
  /** Where a name comes twice, or is empty, its number stands behind it: `score`, `score 2`. */
  readonly columns: readonly string[];
  readonly rows: readonly Readonly<Record<string, string>>[];
}

export interface List {
  readonly ordered: boolean;
  /** The number of the first item; null where there are none. */
  readonly start: number | null;
  readonly items: readonly ListItem[];
}

export interface ListItem {
  readonly text: string;
  /** Of a task; null where it is none. */
  readonly checked: boolean | null;
  readonly lists: readonly List[];
}

export interface Link {
  readonly kind: 'link' | 'image';
  readonly text: string;
  readonly href: string;
  readonly title: string | null;
}
