/** F63, F64, F76: a real server on its real ports, among clients that garble and stall, and files that are no UTF-8. */
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Machine, mixedJobs, setup } from './machine.ts';
import { until } from '../support/until.ts';

const MIB = 1024 ** 2;

/** Memory of a process that is in RAM, in bytes. */
async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

async function ports(machine: Machine): Promise<{ http: number; instances: number }> {
  const info = JSON.parse(await readFile(machine.path('.promptd', 'server.json'), 'utf8')) as {
    url: string;
    instances: { port: number };
  };
  return { http: Number(new URL(info.url).port), instances: info.instances.port };
}

function open(machine: Machine, port: number): Socket {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  machine.onFinished(() => void socket.destroy());
  return socket;
}

const KINDS: readonly Buffer[] = [
  Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
  Buffer.from('16030100c8010000c40303', 'hex'),
  Buffer.from([0xff, 0xff, 0xff, 0xff]),
  Buffer.concat([Buffer.from([0x04, 0xff, 0xff, 0xff]), Buffer.alloc(60_000)]),
  Buffer.concat([Buffer.from([0, 0, 0, 8]), Buffer.from('not mpck')]),
];

describe('a server among hostile clients', { timeout: 180_000 }, () => {
  it('F64: closes what says garbage on either port, grows by none of it, and does its work meanwhile', async () => {
    const machine = await setup();
    const { client, process: serve } = await machine.serve();
    const { http, instances } = await ports(machine);
    const drawn = fc.sample(fc.uint8Array({ minLength: 8, maxLength: 4_000 }), { numRuns: 100, seed: 64 });
    const before = await residentBytes(serve.pid!);
    const working = client.submitMany(mixedJobs(100));
    const closed: Promise<unknown>[] = [];
    for (const bytes of [...KINDS, ...drawn])
      for (const port of [http, instances]) {
        const socket = open(machine, port);
        socket.resume();
        closed.push(once(socket, 'close'));
        socket.write(bytes);
        // An end, where it was taken for the beginning of something.
        socket.end();
      }
    await Promise.all(closed);
    await working;
    await until('the work to be done', async () => (await client.stats()).states['completed'] === 100);
    expect(await client.instances()).toMatchObject([{ id: 0, state: 'connected' }]);
    expect((await residentBytes(serve.pid!)) - before, 'a length alone would be 4 GiB').toBeLessThan(
      300 * MIB,
    );
    expect(serve.exitCode).toBe(null);
  });

  it('F63: lets go whoever says nothing on the port of instances, and takes others meanwhile', async () => {
    const machine = await setup();
    const { client } = await machine.serve();
    const { instances } = await ports(machine);
    const closed: Promise<unknown>[] = [];
    for (let nth = 0; nth < 300; nth += 1) {
      const socket = open(machine, instances);
      socket.resume();
      closed.push(once(socket, 'close'));
      if (nth % 2 === 0) socket.write(Buffer.from([0, 0, 0]));
    }
    await machine.instance('late', client);
    await Promise.all(closed);
    expect((await client.instances()).map(({ state }) => state)).toEqual(['connected', 'connected']);
  });
});

describe('files of jobs in other encodings', { timeout: 60_000 }, () => {
  it('F76: with a byte order mark or the line ends of Windows are taken; all others are refused with their place', async () => {
    const machine = await setup();
    await mkdir(machine.path('jobs'));
    const text = '{\r\n  "prompt": "größer",\r\n  "configuration": {"LLM_name": "simulator:parrot"}\r\n}\r\n';
    const files: readonly (readonly [name: string, bytes: Buffer, taken: boolean])[] = [
      ['bom', Buffer.from(`\uFEFF${text}`), true],
      ['crlf', Buffer.from(text), true],
      ['utf16le', Buffer.from(`\uFEFF${text}`, 'utf16le'), false],
      ['utf16be', Buffer.from(`\uFEFF${text}`, 'utf16le').swap16(), false],
      ['latin1', Buffer.from(text, 'latin1'), false],
      ['zeros', Buffer.alloc(64), false],
    ];
    for (const [name, bytes, taken] of files) {
      const path = machine.path('jobs', `${name}.json`);
      await writeFile(path, bytes);
      const { code, stderr } = await machine.promptd('validate', path);
      expect([name, code]).toEqual([name, taken ? 0 : 12]);
      if (!taken) expect(stderr).toMatch(new RegExp(`${name}\\.json:[12]:\\d+`));
    }
  });
});
