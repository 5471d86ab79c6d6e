/** Headings in the order of a text, as the tree that they mean. */
import type { HeadingNode } from '../core/analysis.ts';

export interface Heading {
  readonly level: number;
  readonly text: string;
}

interface Growing extends HeadingNode {
  readonly children: Growing[];
}

/** A heading belongs to the last one before it of a level above its own; levels may be left out. */
export function headingTree(headings: readonly Heading[]): readonly HeadingNode[] {
  const roots: Growing[] = [];
  const path: Growing[] = [];
  for (const { level, text } of headings) {
    while ((path.at(-1)?.level ?? 0) >= level) path.pop();
    const node: Growing = { level, text, children: [] };
    (path.at(-1)?.children ?? roots).push(node);
    path.push(node);
  }
  return roots;
}
