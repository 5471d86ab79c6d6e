/** Jobs of one lot that are the same work share one answer. Where draws would differ, that may not be what was meant. */
import { readRequest } from '../core/identity.ts';
import type { PreparedJob } from '../core/submission.ts';

/** One sentence for the whole lot; null where there is nothing to say. */
export function equalJobsWarning(jobs: readonly PreparedJob[]): string | null {
  const first = new Map<string, PreparedJob>();
  let repeated = 0;
  let example = '';
  for (const job of jobs) {
    const same = first.get(job.digest);
    if (same === undefined) first.set(job.digest, job);
    else if (wouldDrawAnother(job)) {
      repeated += 1;
      example ||= same.name === job.name ? job.name : `${job.name} and ${same.name}`;
    }
  }
  if (repeated === 0) return null;
  const [which, get] = repeated === 1 ? ['1 job is', 'gets'] : [`${repeated} jobs are`, 'get'];
  return `${which} the same work as another of this submission (${example}) and ${get} its answer. For a draw of each, give them "sample": 0, 1, 2, … in their configuration.`;
}

/** Without a sample, a seed, or a temperature of 0 a model would answer otherwise the next time. */
function wouldDrawAnother({ type, request }: PreparedJob): boolean {
  if (type !== 'llm') return false;
  const { sample, parameters } = readRequest(request);
  return sample === null && parameters['seed'] === undefined && parameters['temperature'] !== 0;
}
