/** Fenced blocks of a document, in their order. */

export interface Block {
  /** What stands behind the fence: `sh`, `sh not-run`, `text`, `json`, … */
  readonly info: string;
  readonly text: string;
  /** Of its first line, counted from 1. */
  readonly line: number;
}

export function blocksOf(text: string): Block[] {
  const blocks: Block[] = [];
  let open: { info: string; lines: string[]; line: number } | null = null;
  for (const [at, line] of text.split('\n').entries()) {
    const fence = /^```(.*)$/.exec(line);
    if (open === null) {
      if (fence !== null) open = { info: (fence[1] ?? '').trim(), lines: [], line: at + 2 };
    } else if (fence === null) open.lines.push(line);
    else {
      blocks.push({ info: open.info, text: open.lines.join('\n'), line: open.line });
      open = null;
    }
  }
  return blocks;
}
