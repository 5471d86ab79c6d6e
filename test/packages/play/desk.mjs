// A package that does what the metadata of its job says, each thing once; see desk.py, which does the same.
import { execFileSync } from 'node:child_process';
import { appendFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const desks = new Map();

function deskOf(instance) {
  if (!desks.has(instance)) desks.set(instance, { status: 0, answer: null, plan: {} });
  return desks.get(instance);
}

function note(plan, ...words) {
  appendFileSync(path.join(plan.folder, 'notes'), `${words.join(' ')}\n`);
}

async function act(what) {
  if (what === 'raise') throw new RangeError('a broken desk');
  if (what === 'exit') process.exit(3);
  if (what === 'die') {
    writeSync(2, 'the desk burns\n');
    process.kill(process.pid, 'SIGKILL');
    await sleep(3_600_000);
  }
  if (what === 'hang') for (;;);
  if (what === 'print') {
    console.log('a printed line');
    console.error('a complaint');
    writeSync(1, 'written to 1\n');
    execFileSync('/bin/echo', ['of a program'], { stdio: 'inherit' });
  }
  const values = { none: null, five: 5, dict: { a: 1 }, true: true, failure: -1 };
  return Object.hasOwn(values, what) ? values[what] : what;
}

function once(plan, step) {
  const what = plan[step];
  delete plan[step];
  return what;
}

export async function get_job_status(instance) {
  const desk = deskOf(instance);
  const what = once(desk.plan, 'status');
  if (what !== undefined) {
    const result = await act(what);
    if (what !== 'print') return result;
  }
  return desk.status;
}

export async function submit_job(job, instance) {
  const desk = deskOf(instance);
  const plan = { ...job.metadata };
  desk.plan = plan;
  note(plan, 'submit', instance, job.prompt, process.pid);
  if (plan.submit !== undefined) {
    const result = await act(plan.submit);
    if (plan.submit !== 'print') return result;
  }
  Object.assign(desk, { status: -1, answer: null });
  const answers = {
    bytes: new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0, 0xff]),
    path: { path: path.join(plan.folder, plan.file ?? 'picture.png') },
    dict: { a: 1 },
  };
  setTimeout(() => {
    if (plan.answer === 'never') return;
    desk.answer = answers[plan.answer] ?? `${job.prompt} by ${instance}`;
    desk.status = plan.answer === 'lost' ? 0 : 1;
  }, plan.ms ?? 20);
  return 0;
}

export function retrieve_job(instance) {
  const desk = deskOf(instance);
  note(desk.plan, 'retrieve', instance, process.pid);
  const what = once(desk.plan, 'retrieve');
  return what === undefined ? desk.answer : act(what);
}
