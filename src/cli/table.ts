/** Tables without lines, for terminals and for cutting columns. */
import { clip, plainLine } from './plain-text.ts';

export interface Column<Row> {
  readonly head: string;
  /** Text of others is made harmless here, before it is coloured. */
  readonly text: (row: Row) => string;
  readonly color?: (text: string, row: Row) => string;
  readonly align?: 'right';
  /** Longer texts are cut at this width. */
  readonly max?: number;
}

/** The lines of a table, head included. */
export async function tableText<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  style: { readonly head: (text: string) => string; readonly width: number },
): Promise<string> {
  const { default: Table } = await import('cli-table3');
  const table = new Table({
    chars: BARE,
    style: { 'padding-left': 0, 'padding-right': 2, head: [], border: [] },
    colAligns: columns.map((column) => column.align ?? 'left'),
  });
  table.push(columns.map((column) => style.head(column.head)));
  for (const row of rows) {
    table.push(
      columns.map((column) => {
        const text = clip(plainLine(column.text(row)), column.max ?? style.width);
        return column.color === undefined ? text : column.color(text, row);
      }),
    );
  }
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

const BARE = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '',
};
