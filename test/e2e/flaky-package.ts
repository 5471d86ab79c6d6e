/** An AI package of three functions whose first try of a job may go wrong as the job's metadata says (`first`). */
import { appendFileSync, existsSync, statSync } from 'node:fs';
import path from 'node:path';
import type { AiAnswer, AiJob, AiJobStatus } from '../../src/ai.ts';

interface Plan {
  readonly folder: string;
  readonly first?: 'fail' | 'die' | 'late';
}

interface Desk {
  status: AiJobStatus;
  readonly job: AiJob;
  answer: string | null;
}

const desks = new Map<number, Desk>();

function planOf(job: AiJob): Plan {
  return job.metadata as Plan;
}

function note(job: AiJob, ...words: (string | number)[]): void {
  appendFileSync(path.join(planOf(job).folder, 'notes'), `${words.join(' ')}\n`);
}

function tries(job: AiJob): number {
  const file = path.join(planOf(job).folder, `try-${job.name}`);
  appendFileSync(file, 'x');
  return statSync(file).size;
}

export function get_job_status(instance: number): AiJobStatus {
  return desks.get(instance)?.status ?? 0;
}

export async function submit_job(job: AiJob, instance: number): Promise<0 | -1> {
  const count = tries(job);
  const first = count === 1 ? planOf(job).first : undefined;
  note(job, 'submit', instance, job.name, count);
  if (first === 'fail') return Promise.resolve(-1);
  if (first === 'die') process.exit(9);
  const desk: Desk = { status: -1, job, answer: null };
  desks.set(instance, desk);
  const released = path.join(planOf(job).folder, 'release');
  const timer = setInterval(() => {
    if (first === 'late' && !existsSync(released)) return;
    clearInterval(timer);
    desk.answer = `${job.prompt}, try ${count}`;
    desk.status = 1;
  }, 50);
  return 0;
}

export function retrieve_job(instance: number): AiAnswer {
  const desk = desks.get(instance);
  if (desk === undefined) return null;
  note(desk.job, 'retrieve', instance, desk.job.name);
  return desk.answer;
}
