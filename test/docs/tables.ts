/** Tables in Markdown as rows of cells, so that documentation can be held to the source. */
import { readFileSync } from 'node:fs';
import path from 'node:path';

const ROOT = path.join(import.meta.dirname, '../..');

export function readDoc(file: string): string {
  return readFileSync(path.join(ROOT, file), 'utf8');
}

/** Every row of the tables in a text, heads and rules left out; cells without the ticks around a whole cell. */
export function tableRows(text: string): string[][] {
  const rows: string[][] = [];
  let inTable = false;
  for (const line of text.split('\n')) {
    if (/^\|[\s:|-]+\|$/.test(line)) inTable = true;
    else if (!line.startsWith('|')) inTable = false;
    else if (inTable) rows.push(cells(line));
  }
  return rows;
}

function cells(line: string): string[] {
  const parts = line.split(/(?<!\\)\|/).slice(1, -1);
  return parts.map((part) => part.trim().replaceAll('\\|', '|').replace(/^`([^`]*)`$/, '$1'));
}

/** What stands between `<!-- name -->` and `<!-- /name -->`. */
export function marked(text: string, name: string): string {
  const [, found] = new RegExp(`<!-- ${name} -->\n([\\s\\S]*?)<!-- /${name} -->`).exec(text) ?? [];
  if (found === undefined) throw new Error(`expected <!-- ${name} --> and <!-- /${name} -->`);
  return found;
}

/** The text below a heading, up to the next one of the same or a higher level. */
export function section(text: string, heading: string): string {
  const lines = text.split('\n');
  const start = lines.indexOf(heading);
  if (start === -1) throw new Error(`expected the heading ${heading}`);
  const level = /^#+/.exec(heading)?.[0].length ?? 1;
  const end = lines.findIndex((line, at) => at > start && (/^#+(?= )/.exec(line)?.[0].length ?? 9) <= level);
  return lines.slice(start + 1, end === -1 ? undefined : end).join('\n');
}
