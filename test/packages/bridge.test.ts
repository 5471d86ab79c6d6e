// Python packages in real processes: the bridge, and what a package may do to it.
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { failureOf } from '../providers/calls.ts';
import { bench } from './setup.ts';

/** Works in a thread, as packages for slow models do. */
const DESK = `
import threading, time
state, answers = {}, {}

def get_job_status(instance):
    return state.get(instance, 0)

def submit_job(job, instance):
    state[instance] = -1
    def work():
        time.sleep(0.05)
        answers[instance] = "%s, said %d" % (job.prompt, instance)
        state[instance] = 1
    threading.Thread(target=work).start()
    return 0

def retrieve_job(instance):
    return answers.get(instance) if state.get(instance) == 1 else None
`;

describe('a Python package', () => {
  it('R28, R29, R30, R31, R33: is asked by its three functions, as it is', async () => {
    const desk = await bench('desk.py', DESK);
    const asked = desk.ask('Hello');
    expect(await asked.answer).toMatchObject({ text: 'Hello, said 0', finish_reason: 'stop', files: [] });
    expect(asked.log).toContain('info: submitted to id 0');
  });
});
