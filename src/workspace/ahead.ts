/**
 * Reading a small file is mostly waiting for the disk: several are under way at a time. `fn` is begun for the items in their
 * order, and what came of each is given in that order, too; where it rejects, so does the step that would have given it.
 */
export async function* ahead<T, R>(
  items: Iterable<T> | AsyncIterable<T>,
  fn: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const begun: Promise<R>[] = [];
  for await (const item of items) {
    const made = fn(item);
    // Whoever takes it hears of it; where nobody comes so far, it is no unhandled one.
    made.catch(() => undefined);
    begun.push(made);
    const first = begun.length < AT_ONCE ? undefined : begun.shift();
    if (first !== undefined) yield await first;
  }
  for (const made of begun) yield await made;
}

/** As many as keep the threads busy that read for Node (4), with some to spare. */
const AT_ONCE = 16;

/** What is larger is read when its turn comes, so that no sixteen of them are in memory. */
export const LARGE_BYTES = 4 * 1024 * 1024;
