/** Children as an instance has them: a test leaves none behind. */
import { afterEach, expect } from 'vitest';
import { GuardedChildren } from '../../src/platform/children.ts';
import { systemRandom } from '../../src/platform/random.ts';
import { endMarked, guardEnvironment, marksFrom } from './child-processes.ts';

/** Children of their own for each test of a file; after it they are closed, and nothing of theirs lives. */
export function realChildren(): () => GuardedChildren {
  const prefix = `test-${systemRandom.id(8)}`;
  let made: GuardedChildren[] = [];
  afterEach(async () => {
    await Promise.all(made.map(async (children) => children.close()));
    made = [];
    expect(await endMarked(prefix)).toEqual([]);
  });
  return () => {
    const children = new GuardedChildren({ env: guardEnvironment(), random: marksFrom(prefix) });
    made.push(children);
    return children;
  };
}
