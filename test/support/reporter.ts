// The report of a test run. Beside what Vitest's own prints, it
//   - ends with one line that people and machines can count on: `12 passed, 0 failed, 1 skipped`;
//   - fails the run for a test that is skipped without a reason;
//   - fails the run for a process that outlived the process of its test file.
import { DefaultReporter, type TestCase, type TestModule, type Vitest } from 'vitest/node';
import { endLeftProcesses, markedProcesses, RUN } from './processes.ts';

type EndOfRun = Parameters<DefaultReporter['onTestRunEnd']>;

function hasErrors(parent: TestCase['parent']): boolean {
  return parent.errors().length > 0 || (parent.type === 'suite' && hasErrors(parent.parent));
}

/** Whether a test says why it is skipped, with `ctx.skip('why')`. Where a hook failed, the tests after it do not run;
 * the failure is the reason, and is counted for itself. */
function isExplained(test: TestCase): boolean {
  const result = test.result();
  return (result.state === 'skipped' && Boolean(result.note)) || hasErrors(test.parent);
}

/** What went wrong outside a test: a file that does not load, a hook that throws. */
function countErrorsOutsideTests(testModule: TestModule): number {
  const suites = [...testModule.children.allSuites()];
  return [testModule, ...suites].filter((entity) => entity.errors().length > 0).length;
}

export default class LastLineReporter extends DefaultReporter {
  #run = '';
  /** With `-t` or a line number, what the developer left out counts as skipped for Vitest: nothing is judged then. */
  #isSelection = false;

  override onInit(vitest: Vitest): void {
    super.onInit(vitest);
    this.#run = `${process.pid}-${Date.now()}`;
    process.env[RUN] = this.#run;
  }

  override onTestRunStart(specifications: Parameters<DefaultReporter['onTestRunStart']>[0]): void {
    super.onTestRunStart(specifications);
    this.#isSelection = specifications.some(
      ({ project, testLines }) => project.config.testNamePattern !== undefined || testLines !== undefined,
    );
  }

  override async onTestRunEnd(...[modules, errors, reason]: EndOfRun): Promise<void> {
    super.onTestRunEnd(modules, errors, reason);
    const tests = modules.flatMap((testModule) => [...testModule.children.allTests()]);
    const count = (state: string): number => tests.filter((test) => test.result().state === state).length;
    const outside = modules.map(countErrorsOutsideTests).reduce((sum, many) => sum + many, errors.length);

    const unexplained = this.#unexplainedSkips(tests);
    const left = await endLeftProcesses(() => markedProcesses(`${this.#run}.`));
    this.#print('is skipped without a reason; say why with ctx.skip("…"), or delete the test', unexplained);
    this.#print('outlived the test file that started it', left);

    const failed = count('failed') + count('pending') + outside + unexplained.length + left.length;
    const skipped = count('skipped') - unexplained.length;
    // A run that was interrupted, or found nothing to run, has not passed.
    if (failed > 0 || tests.length === 0 || reason !== 'passed') process.exitCode = 1;
    this.log(`${count('passed')} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  }

  #unexplainedSkips(tests: readonly TestCase[]): string[] {
    if (this.#isSelection) return [];
    const bare = tests.filter((test) => test.result().state === 'skipped' && !isExplained(test));
    return bare.map((test) => `${test.module.relativeModuleId} > ${test.fullName}`);
  }

  #print(fault: string, culprits: readonly string[]): void {
    for (const culprit of culprits) this.error(`FAILED  ${culprit}\n        ${fault}`);
    if (culprits.length > 0) this.error();
  }
}
