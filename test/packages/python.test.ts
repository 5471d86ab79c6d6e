// What is Python's own about AI packages.
import { describe, expect, it } from 'vitest';
import { failureOf } from '../providers/calls.ts';
import { bench } from './setup.ts';

/** Answers at once with what `answer(job)` in its source gives. */
function packageOf(answer: string): string {
  return `
import asyncio, json, os, pathlib, sys
answers = {}
${answer}
def get_job_status(instance): return 1 if instance in answers else 0
def submit_job(job, instance):
    answers[instance] = answer(job)
    return 0
def retrieve_job(instance): return answers.pop(instance, None)
`;
}

describe('a Python package', () => {
  it('R30: gets its job as a dict whose keys are attributes, with what is attached as files', async () => {
    const desk = await bench('desk.py', {
      source: packageOf(`
def answer(job):
    assert isinstance(job, dict) and set(job) == {"name", "prompt", "messages", "configuration", "metadata", "file_type", "files"}
    assert all(getattr(job, key) is job[key] for key in job)
    assert not hasattr(job, "other")
    content = [pathlib.Path(file.path).read_text() for file in job.files]
    first, second = job.messages
    picture = first["content"][1]
    return json.dumps([job.name, job.prompt, job.configuration, job.metadata["folder"], job.file_type,
        [file.name for file in job.files], content, picture["type"], picture["path"] == job.files[0]["path"], second])
`),
    });
    const data = (text: string): string => Buffer.from(text).toString('base64');
    const answer = await desk.ask(
      'look',
      {},
      {
        call: {
          parameters: { seed: 8 },
          drawer: { file_type: 'text/plain' },
          messages: [
            {
              role: 'user',
              content: [
                { type: 'text', text: 'Look: ' },
                { type: 'image', media_type: 'image/png', data: data('a picture') },
                { type: 'file', media_type: 'text/csv', data: data('a,b'), filename: '../two.csv' },
              ],
            },
            { role: 'assistant', content: 'I see.' },
          ],
        },
      },
    ).answer;
    expect(JSON.parse(answer.text)).toEqual([
      'look',
      'Look: \n\nI see.',
      // As given, but for the seed, which is that of this draw.
      { LLM_name: 'desk:oak', seed: 8 },
      desk.folder,
      'text/plain',
      ['1-image.png', '2-two.csv'],
      ['a picture', 'a,b'],
      'image',
      true,
      { role: 'assistant', content: 'I see.' },
    ]);
  });

  it('R33: may define its functions with async def, and leave tasks at work between them', async () => {
    const desk = await bench('desk.py', {
      source: `
import asyncio
status, answers = {}, {}
async def work(job, instance):
    await asyncio.sleep(0.05)
    answers[instance] = job.prompt + ", async"
    status[instance] = 1
async def get_job_status(instance): return status.get(instance, 0)
async def submit_job(job, instance):
    status[instance] = -1
    asyncio.get_running_loop().create_task(work(job, instance))
    return 0
async def retrieve_job(instance): return answers.get(instance)
`,
    });
    expect((await desk.ask('Hello').answer).text).toBe('Hello, async');
  });

  it('R33: calls sys.exit without ending its process', async () => {
    const desk = await bench('desk.py');
    const failure = await failureOf(desk.ask('Hello', { submit: 'exit' }).answer);
    expect(failure.message).toBe('desk: submit_job raised SystemExit: 3. Its traceback is in the log.');
    await desk.ask('Next').answer;
    expect(new Set((await desk.notes('submit')).map(([, , , pid]) => pid)).size).toBe(1);
  });

  it('R33: answers with text that is no Unicode, and with numbers of other types', async () => {
    const desk = await bench('desk.py', {
      source: `
import enum
class Code(enum.IntEnum):
    done = 1
    taken = 0
class Index:
    def __index__(self): return 1
taken = []
def get_job_status(instance): return Index() if taken else Code.taken
def submit_job(job, instance):
    taken.append(job)
    return Code.taken
def retrieve_job(instance):
    taken.clear()
    return "ä \\ud800 \\u2028 ok"
`,
    });
    expect((await desk.ask('Hello').answer).text).toMatch(/^ä . \u2028 ok$/u);
  });

  it.each([
    ['def get_job_status(', 'SyntaxError'],
    ['import nothing_of_that_name', 'ModuleNotFoundError'],
    ['raise SystemExit(4)', 'SystemExit: 4'],
    ['def get_job_status(instance): return 0', 'desk.py has no function submit_job, retrieve_job'],
  ])('R33: fails the attempts where its file cannot be loaded: %s', async (source, sentence) => {
    const desk = await bench('desk.py', { source, settings: { instances: 3 } });
    const asked = desk.ask('Hello');
    const failure = await failureOf(asked.answer);
    expect(failure).toMatchObject({ blame: 'transient', reason_code: 'PackageError' });
    expect(failure.message).toContain('desk: the package could not be loaded: ');
    expect(failure.message).toContain(sentence);
    expect(failure.message).not.toContain('\n');
    expect(asked.log.join('\n')).toContain('Traceback');
    // It does not hide behind the first failure.
    expect(await failureOf(desk.ask('Again').answer)).toMatchObject({ reason_code: 'PackageError' });
  });

  it('R33: says that python3 is missing where it is', async () => {
    const desk = await bench('desk.py', { env: { PATH: '/nowhere' } });
    const failure = await failureOf(desk.ask('Hello').answer);
    expect(failure.message).toContain('a Python package needs python3 in PATH of the instance');
  });

  it('R33: imports what lies beside it, and leaves its folder as it was', async () => {
    const desk = await bench('desk.py', {
      source: packageOf(`
def answer(job):
    import beside
    return "%s %s" % (beside.word, sorted(os.listdir(os.path.dirname(__file__))))
`),
    });
    await desk.write('beside.py', 'word = "found"');
    expect((await desk.ask('Hello').answer).text).toBe("found ['beside.py', 'desk.py']");
  });
});
