/** Checks jobs before anything is sent, so that a wrong one is named with its line, and no server is started for it. */
import { checkJob } from '../../core/job.ts';
import type { EndpointNames } from '../deps.ts';
import type { FileFault, SourceJob } from './source-job.ts';

export interface Checked {
  readonly right: readonly SourceJob[];
  readonly faults: readonly FileFault[];
}

export function checkJobs(jobs: readonly SourceJob[], known: EndpointNames): Checked {
  const { names, kinds, default_endpoint } = known;
  const context = { endpoints: new Set(names), kinds, default_endpoint };
  const right: SourceJob[] = [];
  const faults: FileFault[] = [];
  for (const one of jobs) {
    const checked = checkJob(one.job, context);
    if (checked.ok) right.push(one);
    else faults.push(...checked.faults.map((fault) => ({ file: one.file, fault: one.place(fault) })));
  }
  return { right, faults };
}
