/** A run as people call it. */
import { formatRunRef } from '../core/names.ts';

/** `faq-17` for a first run, `faq-17@2` for a later one. */
export function shortRef(run: { readonly name: string; readonly run: number }): string {
  return run.run > 1 ? formatRunRef(run) : run.name;
}
