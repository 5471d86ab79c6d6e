// Fails a test file that leaves a process running, and ends that process.
//
// Two nets, since neither holds everything. Every process that a test starts, and all that these start in turn,
// inherits a mark in its environment, by which it is found even where it detached itself from its parents. A child
// that is given an environment without the mark is registered by `track`.
import { type ChildProcess } from 'node:child_process';
import { afterAll } from 'vitest';
import { endLeftProcesses, livingOf, type LivingProcess, MARK, markedProcesses, RUN } from './processes.ts';

const tracked = new Set<ChildProcess>();

/** Registers a child that a test starts, and gives it back; it must have ended when the test file has. */
export function track<Child extends ChildProcess>(child: Child): Child {
  tracked.add(child);
  return child;
}

function livingTracked(): LivingProcess[] {
  const running = [...tracked].filter((child) => child.exitCode === null && child.signalCode === null);
  return livingOf(running.flatMap((child) => child.pid ?? []));
}

const mark = `${process.env[RUN] ?? 'none'}.${process.pid}`;
process.env[MARK] = mark;

afterAll(async () => {
  const left = await endLeftProcesses(() => [...markedProcesses(`${mark}\0`), ...livingTracked()]);
  tracked.clear();
  if (left.length > 0)
    throw new Error(`This file leaves running after its last test:\n  ${left.join('\n  ')}`);
});
