// What every AI package can rely on, in whatever language it is written, and what none of them can break.
import { expect, it } from 'vitest';
import { failureOf } from '../providers/calls.ts';
import { until } from '../support/until.ts';
import { bench } from './setup.ts';

export function packageSuite(file: 'desk.py' | 'desk.mjs'): void {
  it('R28, R29, R30, R31, R33: is asked by its three functions, as it is', async () => {
    const desk = await bench(file);
    const asked = desk.ask('Hello');
    expect(await asked.answer).toMatchObject({ text: 'Hello by 0', finish_reason: 'stop', files: [] });
    expect(asked.log).toContain('info: submitted to id 0');
  });

  it('R28: works on as many jobs at a time as it has ids, each in a process of its own', async () => {
    const desk = await bench(file, { settings: { instances: 3 } });
    const stop = new AbortController();
    const held = Array.from({ length: 4 }, (_, i) =>
      desk.ask(`job-${i}`, { answer: 'never' }, { signal: stop.signal }),
    );
    const ended = Promise.allSettled(held.map(async ({ answer }) => answer));
    await until('three jobs to be taken', async () => (await desk.notes('submit')).length === 3);
    const submits = await desk.notes('submit');
    expect(new Set(submits.map(([, id]) => id))).toEqual(new Set(['0', '1', '2']));
    expect(new Set(submits.map(([, , , pid]) => pid)).size).toBe(3);
    stop.abort('cancelled');
    expect((await ended).map(({ status }) => status)).toEqual(Array(4).fill('rejected'));
    expect(await desk.notes('submit')).toHaveLength(3);
  });

  it('R28: gives each of many jobs the answer to it, whichever id was free', async () => {
    const desk = await bench(file, { settings: { instances: 3 } });
    const asked = Array.from({ length: 9 }, (_, i) => desk.ask(`job-${i}`));
    const texts = await Promise.all(asked.map(async ({ answer }) => (await answer).text));
    for (const [i, text] of texts.entries()) expect(text).toMatch(new RegExp(`^job-${i} by [012]$`));
    expect(await desk.notes('submit')).toHaveLength(9);
  });

  it('R28: has one process for all ids where the endpoint says "shared"', async () => {
    const desk = await bench(file, { settings: { instances: 3, shared: true } });
    const asked = Array.from({ length: 6 }, (_, i) => desk.ask(`job-${i}`));
    const texts = await Promise.all(asked.map(async ({ answer }) => (await answer).text));
    for (const [i, text] of texts.entries()) expect(text).toMatch(new RegExp(`^job-${i} by [012]$`));
    const submits = await desk.notes('submit');
    expect(new Set(submits.map(([, id]) => id)).size).toBe(3);
    expect(new Set(submits.map(([, , , pid]) => pid)).size).toBe(1);
  });

  it('R33: may print what it likes: it stands in the log of the attempt, and breaks nothing', async () => {
    const desk = await bench(file);
    const asked = desk.ask('Hello', { submit: 'print' });
    expect((await asked.answer).text).toBe('Hello by 0');
    expect(asked.log).toContain('stdout: a printed line');
    expect(asked.log).toContain('stderr: a complaint');
    await until('what was written past its stdout', () => asked.log.includes('stderr: of a program'));
    expect(asked.log).toContain('stderr: written to 1');
  });

  it('R31: gives bytes as a file beside the answer', async () => {
    const desk = await bench(file);
    const drawer = { file_type: 'image/png' };
    const answer = await desk.ask('Draw', { answer: 'bytes' }, { call: { drawer } }).answer;
    const data = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 0xff]).toString('base64');
    expect(answer.files).toEqual([{ name: 'answer.png', media_type: 'image/png', data }]);
    expect(answer.text).toBe('answer.png');
  });

  it('R31: gives a path as a file beside the answer, and a file of text as the text', async () => {
    const desk = await bench(file);
    await desk.write('picture.png', 'no picture');
    await desk.write('story.md', '# Once\n');
    await desk.write('broken.txt', new Uint8Array([0xff, 0xfe, 0]));
    const picture = await desk.ask('Draw', { answer: 'path' }).answer;
    expect(picture.text).toBe('picture.png');
    expect(picture.files).toEqual([
      { name: 'picture.png', media_type: 'image/png', data: Buffer.from('no picture').toString('base64') },
    ]);
    const story = await desk.ask('Tell', { answer: 'path', file: 'story.md' }).answer;
    expect(story).toMatchObject({ text: '# Once\n', files: [] });
    const broken = await desk.ask('Tell', { answer: 'path', file: 'broken.txt' }).answer;
    expect(broken).toMatchObject({ text: 'broken.txt', files: [{ media_type: 'text/plain' }] });
  });

  it('R31: fails the attempt where the file of the answer is not there', async () => {
    const desk = await bench(file);
    const failure = await failureOf(desk.ask('Draw', { answer: 'path' }).answer);
    expect(failure).toMatchObject({ blame: 'transient', reason_code: 'PackageError' });
    expect(failure.message).toMatch(/^desk: retrieve_job raised .*picture\.png/s);
  });

  it('R31: goes on looking while the package says 1 and has nothing yet', async () => {
    const desk = await bench(file);
    const asked = desk.ask('Hello', { retrieve: 'none' });
    expect((await asked.answer).text).toBe('Hello by 0');
    expect(await desk.notes('retrieve')).toHaveLength(2);
  });

  it('refuses an answer that is larger than a result may be', async () => {
    const desk = await bench(file);
    const call = { result_bytes_max: 5 };
    const long = await failureOf(desk.ask('Hello', {}, { call }).answer);
    expect(long).toMatchObject({ blame: 'job', reason_code: 'AnswerTooLarge' });
    const bytes = await failureOf(desk.ask('Draw', { answer: 'bytes' }, { call }).answer);
    expect(bytes).toMatchObject({ blame: 'job', reason_code: 'AnswerTooLarge' });
    // Nothing is wrong with the package.
    expect((await desk.ask('Hello').answer).text).toBe('Hello by 0');
  });

  it('R30: tries again later when submit_job says -1', async () => {
    const desk = await bench(file);
    const failure = await failureOf(desk.ask('Hello', { submit: 'failure' }).answer);
    expect(failure).toMatchObject({ blame: 'transient', reason_code: 'PackageError' });
    expect(failure.message).toBe('desk: submit_job said -1 (failure) for id 0.');
    expect((await desk.ask('Again').answer).text).toBe('Again by 0');
  });

  it.each(['submit', 'status', 'retrieve'] as const)(
    'R33: an error that it raises (%s) ends the attempt, with its traceback in the log',
    async (step) => {
      const desk = await bench(file);
      const asked = desk.ask('Hello', { [step]: 'raise' });
      const failure = await failureOf(asked.answer);
      expect(failure).toMatchObject({ blame: 'transient', reason_code: 'PackageError' });
      expect(failure.message).toMatch(/^desk: \w+ raised (ValueError|RangeError): a broken desk\. /);
      const trace = asked.log.filter((line) => line.startsWith('stderr: ')).join('\n');
      expect(trace).toContain(file);
      expect(trace).toContain('a broken desk');
      // The id is looked at, what it has is put aside, and the next job has its own answer.
      expect((await desk.ask('Next').answer).text).toBe('Next by 0');
      expect(new Set((await desk.notes('submit')).map(([, , , pid]) => pid)).size).toBe(1);
    },
  );

  it('R33: nonsense ends the attempt, and says what was expected and what was got', async () => {
    const desk = await bench(file);
    const submits = 'submit_job must return 0 (success) or -1 (failure), got ';
    const looks = 'get_job_status must return -1, 0 or 1, got ';
    const gives = 'retrieve_job must return text, bytes, a path, or nothing while it is not done, got ';
    const nonsense = [
      ['submit', 'five', `${submits}5`],
      ['submit', 'none', submits],
      ['submit', 'true', `${submits}bool`],
      ['status', 'five', `${looks}5`],
      ['status', 'dict', looks],
      ['status', '1', `${looks}str`],
      ['retrieve', 'five', gives],
      ['retrieve', 'dict', gives],
    ] as const;
    for (const [step, what, sentence] of nonsense) {
      const failure = await failureOf(desk.ask('Hello', { [step]: what }).answer);
      expect(failure).toMatchObject({ blame: 'transient', reason_code: 'PackageError' });
      expect(failure.message).toContain(`desk: ${sentence}`);
    }
    expect((await desk.ask('Next').answer).text).toBe('Next by 0');
  });

  it.each(['submit', 'status', 'retrieve'] as const)(
    'R33: a process that dies (%s) ends the attempt with what it said last; other ids go on',
    async (step) => {
      const desk = await bench(file, { settings: { instances: 2 } });
      const other = desk.ask('Other', { ms: 400 });
      await until('the other to work', async () => (await desk.notes('submit')).length === 1);
      const failure = await failureOf(desk.ask('Hello', { [step]: 'die' }).answer);
      expect(failure).toMatchObject({ blame: 'transient', reason_code: 'PackageError' });
      expect(failure.message).toMatch(
        /the process of the package (exited with code 7|was killed by SIGKILL)/,
      );
      expect(failure.message).toContain('the desk burns');
      expect((await other.answer).text).toBe('Other by 0');
      expect((await desk.ask('Next').answer).text).toMatch(/^Next by [01]$/);
    },
  );

  it('R33: a call that hangs ends the attempt and its process; the id is started anew', async () => {
    const desk = await bench(file, { limits: { call_timeout_ms: 1_500 } });
    const failure = await failureOf(desk.ask('Hello', { submit: 'hang' }).answer);
    expect(failure).toMatchObject({ blame: 'transient', reason_code: 'PackageError' });
    expect(failure.message).toContain(
      'submit_job did not return within 1500 ms (package_call_timeout_ms); its process was replaced',
    );
    expect((await desk.ask('Next').answer).text).toBe('Next by 0');
    expect(new Set((await desk.notes('submit')).map(([, , , pid]) => pid)).size).toBe(2);
  });

  it('R33: other ids go on while a call hangs', async () => {
    const desk = await bench(file, { limits: { call_timeout_ms: 1_500 }, settings: { instances: 2 } });
    const other = desk.ask('Other', { ms: 500 });
    await until('the other to work', async () => (await desk.notes('submit')).length === 1);
    const hung = failureOf(desk.ask('Hello', { submit: 'hang' }).answer);
    expect((await other.answer).text).toBe('Other by 0');
    expect(await hung).toMatchObject({ reason_code: 'PackageError' });
  });

  it('R31: the late answer of an attempt that was ended reaches nobody; its process lives on', async () => {
    const desk = await bench(file);
    const controller = new AbortController();
    const late = desk.ask('Late', { ms: 1_500 }, { signal: controller.signal });
    await until('it to work', async () => (await desk.notes('submit')).length === 1);
    controller.abort('TotalTimeout');
    await expect(late.answer).rejects.toBe('TotalTimeout');
    const next = desk.ask('Next');
    expect((await next.answer).text).toBe('Next by 0');
    expect(next.log).toContain('info: id 0: put aside a finished answer that nobody waits for any more');
    const submits = await desk.notes('submit');
    expect(submits.map(([, , prompt]) => prompt)).toEqual(['Late', 'Next']);
    expect(new Set(submits.map(([, , , pid]) => pid)).size).toBe(1);
  });

  it('R29: an id that says -1 too long after its attempt ended gets another process', async () => {
    const desk = await bench(file, { limits: { quarantine_ms: 200 } });
    const controller = new AbortController();
    const stuck = desk.ask('Stuck', { answer: 'never' }, { signal: controller.signal });
    await until('it to work', async () => (await desk.notes('submit')).length === 1);
    controller.abort('cancelled');
    await expect(stuck.answer).rejects.toBe('cancelled');
    const next = desk.ask('Next');
    expect((await next.answer).text).toBe('Next by 0');
    expect(next.log[0]).toContain('was not free 200 ms after its attempt had ended; its process is replaced');
    expect(new Set((await desk.notes('submit')).map(([, , , pid]) => pid)).size).toBe(2);
  });

  it('R29: a package that says 0 (not in use) for a job that it took has lost it', async () => {
    const desk = await bench(file);
    const failure = await failureOf(desk.ask('Hello', { answer: 'lost' }).answer);
    expect(failure).toMatchObject({ blame: 'transient', reason_code: 'PackageError' });
    expect(failure.message).toContain('id 0 took the job and then said 0 (not in use)');
    // What it has all the same is not asked for: it may be the answer of an earlier job.
    expect(await desk.notes('retrieve')).toEqual([]);
  });

  it('an attempt that is ended while it waits for an id leaves nothing behind', async () => {
    const desk = await bench(file);
    const first = desk.ask('First', { ms: 300 });
    await until('it to work', async () => (await desk.notes('submit')).length === 1);
    const controller = new AbortController();
    const waiting = desk.ask('Waiting', {}, { signal: controller.signal });
    controller.abort('cancelled');
    await expect(waiting.answer).rejects.toBe('cancelled');
    expect((await first.answer).text).toBe('First by 0');
    expect((await desk.ask('Next').answer).text).toBe('Next by 0');
    expect((await desk.notes('submit')).map(([, , prompt]) => prompt)).toEqual(['First', 'Next']);
  });
}
