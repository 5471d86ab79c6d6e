import { describe, expect, it } from 'vitest';
import { Problem } from '../../src/core/errors.ts';
import { sha256 } from '../../src/core/identity.ts';
import { canonicalJson } from '../../src/core/json.ts';
import { job, lines, setup } from './watcher-setup.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

describe('a file in jobs/', () => {
  it('R14: is taken when it appears, under its own name and as its own file', async () => {
    const { clock, folder, door, watcher } = setup();
    watcher.start();
    await clock.advance(5 * SECOND);
    for (const name of ['5_job', 'a.b', 'x_1_2']) folder.put(`${name}.json`, job(name));
    await clock.advance(100);
    expect(door.jobs.map(({ name, link, source }) => [name, link, source])).toEqual([
      ['5_job', '5_job.json', 'folder'],
      ['a.b', 'a.b.json', 'folder'],
      ['x_1_2', 'x_1_2.json', 'folder'],
    ]);
  });

  it('R7: is taken at the start where it was put while nothing ran', async () => {
    const { clock, folder, door, watcher } = setup();
    for (let i = 0; i < 1_000; i += 1) folder.put(`early-${i}.json`, job(`early ${i}`));
    watcher.start();
    await clock.settle();
    expect(door.jobs).toHaveLength(1_000);
  });

  it('R14: is taken where nothing tells of it, within two seconds', async () => {
    const { clock, folder, door, watcher } = setup();
    watcher.start();
    await clock.advance(10 * SECOND);
    folder.loses_hints = true;
    for (let i = 0; i < 5_000; i += 1) folder.put(`burst-${i}.json`, job(`burst ${i}`));
    await clock.advance(2 * SECOND);
    expect(door.jobs).toHaveLength(5_000);
  });

  it('R7: that comes while thousands of old ones are looked at does not wait for them', async () => {
    const { clock, folder, door, watcher } = setup();
    for (let i = 0; i < 5_000; i += 1) folder.put(`old-${i}.json`, job(`old ${i}`));
    door.onSubmit = () => {
      door.onSubmit = null;
      folder.put('new.json', job('new'));
    };
    watcher.start();
    await clock.settle();
    expect(door.jobs.findIndex(({ name }) => name === 'new')).toBeLessThan(2_000);
    expect(door.jobs).toHaveLength(5_001);
  });

  it('R7: that was put while nothing ran goes before thousands that the queue knows, which are looked at bit by bit', async () => {
    const { clock, folder, door, watcher } = setup();
    for (let i = 0; i < 3_000; i += 1) {
      await door.accept(job(`old ${i}`), `old-${i}`);
      folder.put(`old-${i}.json`, job(`old ${i}`));
    }
    folder.put('old-2999.json', job('other words'));
    await door.accept(job('line', { batch: 'lines', key: 'a' }), 'lines.a');
    folder.put('lines.jsonl', lines(job('line', { key: 'a' })));
    folder.put('new.json', job('new'));
    watcher.start();
    await clock.settle();
    expect(folder.opened[0]).toBe('new.json');
    expect(folder.opened.length).toBeLessThanOrEqual(1_001);
    expect([door.jobs.length, watcher.waiting]).toEqual([3_002, 0]);
    await clock.advance(10 * SECOND);
    expect(folder.opened).toHaveLength(3_002);
    expect([...watcher.changed.keys()]).toEqual(['old-2999.json']);
    expect(door.jobs).toHaveLength(3_002);
  });

  it('R8: is listed before the answers are, so that whatever it finds there was there after it', async () => {
    const { clock, folder, watcher } = setup();
    folder.put('faq.json', job('one'));
    const told: string[] = [];
    folder.whileListing = () => told.push('listing');
    void watcher.listed.then(() => told.push('listed'));
    await clock.settle();
    expect(told).toEqual([]);
    watcher.start();
    await clock.settle();
    expect(told).toEqual(['listing', 'listed']);
  });

  it('R14: is found where it came in the middle of a listing, or at a time that the folder cannot tell from it', async () => {
    const { clock, folder, door, watcher } = setup();
    folder.loses_hints = true;
    folder.granularity_ms = 2 * SECOND;
    folder.put('first.json', job('first'));
    folder.whileListing = () => {
      folder.whileListing = null;
      folder.put('second.json', job('second'));
    };
    watcher.start();
    await clock.settle();
    expect(door.names).toEqual(['first']);
    await clock.advance(5 * SECOND);
    expect(door.names).toEqual(['first', 'second']);
  });

  it('R14: is found while the wall clock is set back and forth', async () => {
    const { clock, folder, door, watcher } = setup();
    watcher.start();
    folder.loses_hints = true;
    for (const [i, jump] of [-3_600_000, 7_200_000, -86_400_000].entries()) {
      await clock.advance(10 * SECOND);
      clock.jumpWall(jump);
      folder.put(`job-${i}.json`, job(`job ${i}`));
      await clock.advance(3 * SECOND);
      expect(door.names).toContain(`job-${i}`);
    }
    const { names } = folder.asked;
    await clock.advance(MINUTE);
    expect(folder.asked.names - names).toBeLessThan(3);
  });

  it('R14: is none by its name where it begins with a dot or ends otherwise', async () => {
    const { clock, folder, door, watcher, reports } = setup();
    for (const name of ['.a.json', 'a.json.tmp', 'notes.md', 'a.json~', '.json', 'a.JSON'])
      folder.put(name, job(name));
    watcher.start();
    await clock.advance(MINUTE);
    expect([door.jobs, reports, watcher.waiting]).toEqual([[], [], 0]);
  });

  it('R8: that the queue knows in the same words is left alone, whoever wrote it', async () => {
    const { clock, folder, door, watcher } = setup();
    await door.accept(job('published'), 'published');
    folder.put('published.json', job('published', { options: { priority: 3 }, metadata: { a: 1 } }));
    watcher.start();
    await clock.advance(MINUTE);
    expect([door.submissions, watcher.changed.size, watcher.waiting]).toEqual([0, 0, 0]);
  });

  it('R8: is not looked at any closer once its words are known: what it links to may be gone', async () => {
    const { clock, folder, door, watcher, reports } = setup();
    await door.accept(job('old'), 'old');
    const linked = { prompt: { base: '{{ a }}', data: { a: { file: 'data/gone.txt' } } }, configuration: {} };
    folder.put('linked.json', linked);
    watcher.start();
    await clock.advance(20 * SECOND);
    expect(reports).toHaveLength(1);
    const [asked] = door.jobs;
    if (asked === undefined) throw new Error('nothing was asked');
    const spec_sha256 = sha256(canonicalJson({ type: 'llm', ...linked }));
    door.add({ ...asked, name: 'linked', spec_sha256 });
    await clock.advance(20 * SECOND);
    expect([watcher.rejected.size, watcher.waiting, door.submissions]).toEqual([0, 0, 0]);
  });
});

describe('a file that is being written', () => {
  it('R14: is waited for while it grows, and taken once it is whole', async () => {
    const { clock, folder, door, watcher, reports } = setup();
    watcher.start();
    const text = JSON.stringify(job('slow'));
    folder.put('slow.json', '');
    for (let end = 0; end < text.length; end += 10) {
      folder.write('slow.json', text.slice(0, end));
      await clock.advance(9 * SECOND);
      expect(door.jobs).toEqual([]);
    }
    folder.write('slow.json', text);
    await clock.advance(SECOND);
    expect([door.names, reports]).toEqual([['slow'], []]);
  });

  it('R14: of one job a line is taken when it has rested, and grows by new lines only', async () => {
    const { clock, folder, door, watcher, reports } = setup();
    watcher.start();
    const [a, b, c] = [job('a', { key: 'a' }), job('b'), job('c', { name: 'own-name' })];
    folder.put('lot.jsonl', lines(a));
    await clock.advance(SECOND);
    folder.write('lot.jsonl', lines(a, b));
    await clock.advance(1_500);
    expect(door.jobs).toEqual([]);
    await clock.advance(3 * SECOND);
    expect(door.jobs.map(({ name, batch, link }) => [name, batch, link])).toEqual([
      ['lot.a', 'lot', 'lot.jsonl#a'],
      [expect.stringMatching(/^lot\.[0-9a-f]{12}$/), 'lot', expect.stringMatching(/^lot\.jsonl#lot\./)],
    ]);
    folder.write('lot.jsonl', lines(a, b, c));
    await clock.advance(5 * SECOND);
    expect([door.jobs.length, door.jobs[2]?.name, reports]).toEqual([3, 'own-name', []]);
  });

  it('R14: is taken in OpenAI’s batch format, too', async () => {
    const { clock, folder, door, watcher } = setup();
    const body = { model: 'any', messages: [{ role: 'user', content: 'hi' }] };
    folder.put('oa.jsonl', lines({ custom_id: 'r-1', method: 'POST', url: '/v1/chat/completions', body }));
    watcher.start();
    await clock.advance(5 * SECOND);
    expect(door.names).toEqual(['oa.r-1']);
  });
});

describe('a wrong file', () => {
  it('R14: is reported once a version, with line and column, and shown until it is mended', async () => {
    const { clock, folder, door, watcher, reports } = setup();
    watcher.start();
    const wrong = '{\n  "prompt": "x",\n  "configuration": { "LLM_name": "any", "sed": 1 }\n}';
    folder.put('wrong.json', wrong);
    await clock.advance(SECOND);
    expect(reports).toEqual([]);
    await clock.advance(10 * MINUTE);
    expect(reports).toMatchObject([
      {
        file: 'wrong.json',
        faults: [{ path: 'configuration.sed', line: 3, column: 41 }],
        version: { kind: 'file' },
      },
    ]);
    expect([...watcher.rejected.keys()]).toEqual(['wrong.json']);
    folder.write('wrong.json', wrong.replace('"sed"', '"seeed"'));
    await clock.advance(10 * SECOND);
    expect(reports.map(({ faults }) => faults[0]?.path)).toEqual([
      'configuration.sed',
      'configuration.seeed',
    ]);
    folder.write('wrong.json', wrong.replace('sed', 'seed'));
    await clock.advance(SECOND);
    expect([door.names, watcher.rejected.size, reports.length]).toEqual([['wrong'], 0, 2]);
  });

  it('R14: that is no JSON is reported after ten seconds without a change, an old one at once', async () => {
    const { clock, folder, watcher, reports } = setup();
    watcher.start();
    folder.put('new.json', '{"prompt": "x"');
    folder.put('old.json', '{"prompt": "x"', 'file', clock.now() - MINUTE);
    await clock.advance(8 * SECOND);
    expect(reports.map(({ file }) => file)).toEqual(['old.json']);
    await clock.advance(5 * SECOND);
    expect(reports.map(({ file }) => file)).toEqual(['old.json', 'new.json']);
  });

  it('R14: of one job a line takes nothing while one line is wrong, or a name is given twice', async () => {
    const { clock, folder, door, watcher, reports } = setup();
    folder.put('lot.jsonl', `${lines(job('a', { key: 'a' }))}\n{"prompt": 1}\n`);
    folder.put('twice.jsonl', lines(job('a', { key: 'k' }), job('b', { key: 'k' })));
    watcher.start();
    await clock.advance(30 * SECOND);
    expect(door.jobs).toEqual([]);
    expect(reports.map(({ file, faults }) => [file, faults[0]?.line])).toEqual([
      ['lot.jsonl', 3],
      ['twice.jsonl', 2],
    ]);
  });

  it('R14: that says other words under the name of a line that is known, beside that line, is wrong, and not a change of it', async () => {
    const { clock, folder, door, watcher, reports } = setup();
    const known = job('a', { key: 'k' });
    for (const file of ['above.jsonl', 'below.jsonl']) folder.put(file, lines(known));
    watcher.start();
    await clock.advance(30 * SECOND);
    expect(door.names).toEqual(['above.k', 'below.k']);
    folder.put('above.jsonl', lines(job('b', { key: 'k' }), known));
    folder.put('below.jsonl', lines(known, job('b', { key: 'k' })));
    await clock.advance(30 * SECOND);
    expect(reports.map(({ file, faults }) => [file, faults[0]?.line, faults[0]?.expected])).toEqual([
      ['above.jsonl', 1, 'a name that is used once'],
      ['below.jsonl', 2, 'a name that is used once'],
    ]);
    expect([door.names, watcher.changed.size]).toEqual([['above.k', 'below.k'], 0]);
    // In the place of that line it is a change.
    folder.put('below.jsonl', lines(job('b', { key: 'k' })));
    await clock.advance(30 * SECOND);
    expect([watcher.changed.size, watcher.rejected.size]).toEqual([1, 1]);
  });

  it('R14: by its name or its kind is rejected and never opened', async () => {
    const { clock, folder, watcher, reports } = setup();
    folder.put('my job.json', job('x'));
    folder.put('link.json', '', 'symlink');
    folder.put('pipe.json', '', 'fifo');
    folder.put('sock.jsonl', '', 'socket');
    folder.put('dev.json', '', 'device');
    folder.put('dir.json', '', 'directory');
    watcher.start();
    await clock.advance(MINUTE);
    expect(folder.opened).toEqual([]);
    expect(reports.map(({ file, faults }) => `${file}: ${faults[0]?.got}`)).toEqual([
      'link.json: a symbolic link',
      'pipe.json: a FIFO',
      'sock.jsonl: a socket',
      'dev.json: a device',
      'dir.json: a folder',
      'my job.json: "my job"',
    ]);
  });

  it('R14: by its name is reported once, though it was written slowly', async () => {
    const { clock, folder, watcher, reports } = setup();
    folder.put('my job.json', '{');
    watcher.start();
    for (let at = 1; at <= 10; at += 1) {
      await clock.advance(SECOND);
      folder.write('my job.json', '{'.repeat(at));
    }
    await clock.advance(MINUTE);
    expect(reports).toHaveLength(1);
    folder.write('my job.json', JSON.stringify(job('x')));
    await clock.advance(MINUTE);
    expect(reports).toHaveLength(2);
  });

  it('R14: that the server may not read is rejected, and taken when it may', async () => {
    const { clock, folder, door, watcher, reports } = setup();
    folder.put('closed.json', job('x'));
    folder.broken.set('closed.json', Object.assign(new Error('no'), { code: 'EACCES', syscall: 'open' }));
    watcher.start();
    await clock.advance(SECOND);
    expect(reports.map(({ faults }) => faults[0]?.got)).toEqual(['EACCES']);
    folder.broken.clear();
    await clock.advance(11 * SECOND);
    expect([door.names, watcher.rejected.size]).toEqual([['closed'], 0]);
  });
});

describe('a changed file of a known name', () => {
  it('R8: is shown and not spent on, until somebody asks it or puts it back', async () => {
    const { clock, folder, door, watcher } = setup();
    watcher.start();
    folder.put('faq.json', job('one'));
    await clock.advance(SECOND);
    folder.put('faq.json', job('two'));
    folder.put('other.json', job('x'));
    await clock.advance(SECOND);
    expect(watcher.changed.get('faq.json')?.jobs.map(({ name }) => name)).toEqual(['faq']);
    expect(door.names).toEqual(['faq', 'other']);
    await door.accept(job('two'), 'faq');
    await clock.advance(2 * SECOND);
    expect(watcher.changed.size).toBe(0);
    folder.write('faq.json', JSON.stringify(job('three')));
    await clock.advance(SECOND);
    expect(watcher.changed.size).toBe(1);
    folder.write('faq.json', JSON.stringify(job('one')));
    await clock.advance(SECOND);
    expect([watcher.changed.size, door.jobs.length]).toEqual([0, 3]);
  });

  it('R8: is found without hints where another was moved over it', async () => {
    const { clock, folder, watcher } = setup();
    watcher.start();
    folder.put('faq.json', job('one'));
    await clock.advance(10 * SECOND);
    folder.loses_hints = true;
    folder.put('faq.json', job('two'));
    await clock.advance(3 * SECOND);
    expect([...watcher.changed.keys()]).toEqual(['faq.json']);
  });

  it('R8: is forgotten when it is gone', async () => {
    const { clock, folder, door, watcher } = setup();
    await door.accept(job('one'), 'faq');
    folder.put('faq.json', job('two'));
    folder.put('wrong.json', '7');
    watcher.start();
    await clock.advance(20 * SECOND);
    expect([watcher.changed.size, watcher.rejected.size]).toEqual([1, 1]);
    folder.remove('faq.json');
    folder.remove('wrong.json');
    await clock.advance(5 * SECOND);
    expect([watcher.changed.size, watcher.rejected.size, watcher.waiting]).toEqual([0, 0, 0]);
  });
});

describe('what is no file’s fault', () => {
  it.each(['DiskLow', 'Overloaded', 'StoreBusy'] as const)(
    'R7: %s lets all wait, and rejects none',
    async (code) => {
      const { clock, folder, door, watcher, reports, troubles } = setup();
      door.trouble = new Problem(code, 'not now');
      watcher.start();
      for (let i = 0; i < 50; i += 1) folder.put(`job-${i}.json`, job(`job ${i}`));
      await clock.advance(MINUTE);
      expect([door.jobs.length, reports.length, watcher.waiting]).toEqual([0, 0, 50]);
      expect(door.submissions).toBeLessThan(70);
      door.trouble = null;
      await clock.advance(2 * SECOND);
      expect([door.jobs.length, watcher.waiting]).toEqual([50, 0]);
      expect(troubles).toEqual(['not now', null]);
    },
  );

  it('R7: one file that cannot be read, or that the queue cannot take, keeps no other one waiting', async () => {
    const { clock, folder, door, watcher, reports, troubles } = setup();
    door.poison = 'job-7';
    folder.broken.set('job-9.json', Object.assign(new Error('bad sector'), { code: 'EIO', syscall: 'read' }));
    for (let i = 0; i < 300; i += 1) folder.put(`job-${i}.json`, job(`job ${i}`));
    watcher.start();
    await clock.advance(3 * SECOND);
    expect([door.jobs.length, reports.length, watcher.waiting]).toEqual([298, 0, 2]);
    // As long as one waits for it, it is said: not at the looks alone that meet it.
    await clock.advance(MINUTE);
    expect(troubles).toEqual([expect.stringMatching(/^job-[79]\.json: /)]);
    door.poison = '';
    folder.broken.clear();
    await clock.advance(20 * SECOND);
    expect([door.jobs.length, watcher.waiting, troubles.at(-1)]).toEqual([300, 0, null]);
  });
});

describe('looking', () => {
  it('R14: at a folder at rest takes one look at its time, and none at its files', async () => {
    const { clock, folder, watcher } = setup();
    for (let i = 0; i < 3_000; i += 1) folder.put(`job-${i}.json`, job(`job ${i}`));
    watcher.start();
    await clock.advance(MINUTE);
    const { changedAt, names, look, read } = folder.asked;
    await clock.advance(MINUTE);
    expect(folder.asked).toEqual({ changedAt: changedAt + 60, names, look, read });
    // Once where it is taken, and once after the listing that followed while the folder's time was fresh, at most twice.
    expect(look).toBeLessThan(4 * 3_000);
    expect(read).toBe(3_000);
  });

  it('R14: by listing takes a tenth of the time at most, however often files come', async () => {
    const { clock, folder, door, watcher } = setup();
    watcher.start();
    await clock.advance(10 * SECOND);
    folder.listing_takes_ms = 500;
    folder.loses_hints = true;
    const { names } = folder.asked;
    for (let i = 0; i < 120; i += 1) {
      folder.put(`job-${i}.json`, job(`job ${i}`));
      await clock.advance(SECOND);
    }
    expect((folder.asked.names - names) * 500).toBeLessThanOrEqual(0.11 * 120 * SECOND);
    await clock.advance(10 * SECOND);
    expect(door.jobs).toHaveLength(120);
  });

  it('R14: ends where it is told to stop, and takes nothing afterwards', async () => {
    const { clock, folder, door, watcher } = setup();
    watcher.start();
    await clock.advance(SECOND);
    await watcher.stop();
    folder.put('late.json', job('late'));
    await clock.advance(MINUTE);
    expect([door.jobs, clock.waiting]).toEqual([[], 0]);
  });
});
