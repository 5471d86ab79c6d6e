// In which order test files begin: those that take longest first, so that none of them is left for the end, where it would
// be alone on a machine that has nothing else to do by then. Vitest does so by the times of an earlier run; in a fresh
// clone it knows none and goes by the size of a file, and the longest are among the smallest.
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { longestFirst } from './longest-first.ts';

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const groups = new Set(sorted.map(({ project }) => project));
    return [...groups].flatMap((group) =>
      longestFirst(
        sorted.filter(({ project }) => project === group),
        ({ moduleId }) => moduleId,
      ),
    );
  }
}
