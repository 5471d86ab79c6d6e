// What a command script may print, and what is said of everything else.
import { describe, expect, it } from 'vitest';
import type { Fault } from '../../src/core/errors.ts';
import { readCommand, type Command } from '../../src/executor/command-output.ts';

const RESULT = '/choices/0/message/content';

function read(value: unknown): ReturnType<typeof readCommand> {
  return readCommand(typeof value === 'string' ? value : JSON.stringify(value));
}

function commandIn(value: unknown): Command {
  const command = read(value);
  if (command.kind === 'none') throw new Error(`expected a command, got ${JSON.stringify(command.faults)}`);
  return command;
}

function faultsIn(value: unknown): readonly Fault[] {
  const command = read(value);
  if (command.kind !== 'none') throw new Error(`expected faults, got ${JSON.stringify(command)}`);
  expect(command.faults.length).toBeGreaterThan(0);
  return command.faults;
}

const http = (more: object = {}): object => ({ http: { path: '/x', result: RESULT, ...more } });

describe('what a command script prints', () => {
  it('R3: is an HTTP request', () => {
    const body = { model: 'm', messages: [] };
    expect(commandIn(http({ headers: { 'X-Trace': 'a' }, body }))).toEqual({
      kind: 'http',
      http: {
        method: 'POST',
        path: '/x',
        headers: [['x-trace', 'a']],
        body,
        result: { kind: 'json', pointer: RESULT },
      },
    });
    expect(commandIn(http({ method: 'GET', result: 'text' }))).toMatchObject({
      http: { method: 'GET', headers: [], body: null, result: { kind: 'text' } },
    });
  });

  it.each([
    ['', { kind: 'json', pointer: '' }],
    ['/a~1b', { kind: 'json', pointer: '/a~1b' }],
    ['text', { kind: 'text' }],
    ['sse', { kind: 'sse', pointer: '/choices/0/delta/content', end: null }],
    [{ sse: '/delta/text' }, { kind: 'sse', pointer: '/delta/text', end: null }],
    [
      { sse: '/content', end: '/stop' },
      { kind: 'sse', pointer: '/content', end: '/stop' },
    ],
  ])('R3: the result %j is a place in the answer', (result, expected) => {
    expect(commandIn(http({ result }))).toMatchObject({ http: { result: expected } });
  });

  it('R3: is a program, its stdin and its environment', () => {
    expect(commandIn({ exec: { argv: ['date'] } })).toEqual({
      kind: 'exec',
      exec: { argv: ['date'], stdin: '', env: {} },
    });
    const exec = { argv: ['/bin/cat', '-n', ''], stdin: 'größer', env: { LANG: 'C' } };
    expect(commandIn({ exec })).toEqual({ kind: 'exec', exec });
  });

  it.each([
    ['no JSON', 'Traceback: …', /^\(job\)/, /./],
    ['nothing', '', /^\(job\)/, /./],
    ['a text', '"x"', /^\(job\)/, /\{"http": \{…\}\} or \{"exec": \{…\}\}/],
    ['a list', '[]', /^\(job\)/, /or/],
    ['an empty object', {}, /^\(job\)/, /or/],
    ['both', { ...http(), exec: { argv: ['date'] } }, /^\(job\)/, /one of them/],
    ['a near miss', { htpp: {} }, /^htpp$/, /http or exec/],
    ['another key beside', { ...http(), extra: 1 }, /^extra$/, /http or exec/],
    ['http that is no object', { http: '/x' }, /^http$/, /an object such as/],
    ['another key in http', http({ url: 'http://elsewhere/' }), /^http\.url$/, /path/],
    ['another method', http({ method: 'TRACE' }), /^http\.method$/, /GET, POST, PUT, PATCH or DELETE/],
    ['no path', { http: { result: '' } }, /^http\.path$/, /begins with one \//],
    ['no result', { http: { path: '/x' } }, /^http\.result$/, /"sse"/],
    ['a result that is no pointer', http({ result: 'choices' }), /^http\.result$/, /a JSON pointer/],
    ['a pointer with a stray tilde', http({ result: '/a~2' }), /^http\.result$/, /a JSON pointer/],
    ['a stream without a pointer', http({ result: {} }), /^http\.result\.sse$/, /a JSON pointer/],
    ['another key in a result', http({ result: { sse: '', fin: '' } }), /^http\.result\.fin$/, /end/],
    ['a body with GET', http({ method: 'GET', body: {} }), /^http\.body$/, /no body/],
    ['headers that are none', http({ headers: [] }), /^http\.headers$/, /an object of texts/],
    ['exec that is no object', { exec: ['date'] }, /^exec$/, /argv/],
    ['no argv', { exec: {} }, /^exec\.argv$/, /a list of texts/],
    ['an empty argv', { exec: { argv: [] } }, /^exec\.argv$/, /the program first/],
    ['an empty program', { exec: { argv: [''] } }, /^exec\.argv$/, /a program in front/],
    ['a number in argv', { exec: { argv: ['a', 1] } }, /^exec\.argv\[1\]$/, /a text/],
    ['NUL in argv', { exec: { argv: ['a\0b'] } }, /^exec\.argv\[0\]$/, /without NUL/],
    ['a shell’s line', { exec: { argv: 'date | cat' } }, /^exec\.argv$/, /a list of texts/],
    ['stdin that is no text', { exec: { argv: ['a'], stdin: {} } }, /^exec\.stdin$/, /a text/],
    [
      'a name of the environment with =',
      { exec: { argv: ['a'], env: { 'A=B': '' } } },
      /^exec\.env$/,
      /names/,
    ],
    ['a value of the environment', { exec: { argv: ['a'], env: { A: 1 } } }, /^exec\.env\.A$/, /a text/],
    ['NUL in the environment', { exec: { argv: ['a'], env: { A: '\0' } } }, /^exec\.env\.A$/, /without NUL/],
    ['a key of every object', '{"exec":{"argv":["a"],"env":{"__proto__":"x"}}}', /^exec\.env$/, /names/],
    ['a key given twice', '{"http":{"path":"/a","path":"/b","result":""}}', /^http\.path$/, /./],
  ])('R3: %s is no command', (_, value, path, expected) => {
    const [fault] = faultsIn(value);
    expect(fault?.path).toMatch(path);
    expect(fault?.expected).toMatch(expected);
  });

  it('R3: a near miss is told what was probably meant', () => {
    expect(faultsIn(http({ methd: 'GET' }))[0]?.hint).toBe('Did you mean method?');
    expect(faultsIn({ excec: { argv: ['a'] } })[0]?.hint).toBe('Did you mean exec?');
  });

  it.each([
    ['brackets within brackets', '['.repeat(1_000_000)],
    [
      'a body within bodies',
      `{"http":{"path":"/x","result":"","body":${'['.repeat(1_000)}${']'.repeat(1_000)}}}`,
    ],
    ['16 MiB of one text', JSON.stringify('x'.repeat(16 * 1024 * 1024))],
  ])('R3: %s are refused, and nothing falls over', (_, text) => {
    expect(faultsIn(text)[0]?.got.length).toBeLessThan(200);
  });

  it('R3: a key "__proto__" in a body stays a key of the body', () => {
    const command = commandIn('{"http":{"path":"/x","result":"","body":{"__proto__":{"a":1}}}}');
    expect(JSON.stringify(command)).toContain('"body":{"__proto__":{"a":1}}');
    expect({}).not.toHaveProperty('a');
  });
});

describe('the path of a command', () => {
  it.each([
    '/',
    '/chat/completions',
    '/models/gemini-2.5-flash:generateContent?alt=sse',
    '/models/org%2Fname/..hidden/a.b',
    '/x?next=//elsewhere&up=../..',
    '/a;v=1/b',
    '/100%25',
    '/...',
    '/@user',
  ])('R3: %s goes', (path) => {
    expect(commandIn(http({ path }))).toMatchObject({ http: { path } });
  });

  it.each([
    [''],
    ['chat'],
    ['http://elsewhere.example/'],
    ['@elsewhere.example/'],
    ['//elsewhere.example/'],
    ['/a//b'],
    ['/%2f/b'],
    ['/%2Felsewhere'],
    ['/\\elsewhere.example/'],
    ['\\\\elsewhere.example'],
    ['/a%5cb'],
    ['/a%255cb'],
    ['/..'],
    ['/../x'],
    ['/a/..'],
    ['/a/../../x'],
    ['/./x'],
    ['/%2e%2e/x'],
    ['/.%2E/x'],
    ['/%2e./x'],
    ['/%2e/x'],
    ['/%252e%252e/x'],
    ['/%25252e%25252e/x'],
    ['/..%2fx'],
    ['/a%2f..%2f..%2fx'],
    ['/..;/x'],
    ['/..;a=b/x'],
    ['/%2e%2e%3b/x'],
    ['/%2525252525252525252e'],
    ['/a\tb'],
    ['/a\nb'],
    ['/\t/elsewhere.example/'],
    ['/a b'],
    [' /a'],
    ['/a%00b'],
    ['/a%0d%0aHost:%20x'],
    ['/a%'],
    ['/a%zz'],
    ['/größer'],
    ['/a#b'],
    ['/\u2025/x'],
    [`/${'x'.repeat(10_000)}`],
  ])('R3: %j does not', (path) => {
    expect(faultsIn(http({ path }))).toMatchObject([{ path: 'http.path' }]);
  });
});

describe('the headers of a command', () => {
  it.each([
    ...['host', 'Host', 'authorization', 'AUTHORIZATION', 'Proxy-Authorization', 'proxy-anything', 'cookie'],
    ...[
      'Set-Cookie',
      'x-api-key',
      'X-Api-Key',
      'api-key',
      'x-goog-api-key',
      'X-Auth-Token',
      'content-length',
    ],
    ...[
      'Transfer-Encoding',
      'connection',
      'keep-alive',
      'upgrade',
      'te',
      'trailer',
      'expect',
      'http2-settings',
    ],
    ...['content-encoding', 'forwarded', 'X-Forwarded-For', 'x-real-ip', 'X-Original-URL', 'x-rewrite-url'],
    ...['x-http-method-override'],
  ])('R3: %s is refused by its name, and its value is not shown', (name) => {
    const [fault] = faultsIn(http({ headers: { [name]: 'a-secret-of-the-script' } }));
    expect(fault?.expected).toContain('no such header');
    expect(JSON.stringify(fault)).not.toContain('a-secret-of-the-script');
    expect(JSON.stringify(fault)).toContain(name);
  });

  it.each([
    ['a line break', { 'x-a': 'a\r\nauthorization: Bearer x' }],
    ['a line feed', { 'x-a': 'a\nb' }],
    ['NUL', { 'x-a': 'a\0b' }],
    ['another alphabet', { 'x-a': 'größer' }],
    ['a number', { 'x-a': 1 }],
    ['a list', { 'x-a': ['a'] }],
    ['too much', { 'x-a': 'x'.repeat(10_000) }],
    ['a name with a colon', { 'x-a:': 'a' }],
    ['a name with a line break', { 'x-a\r\nhost': 'a' }],
    ['a name with a space', { 'host ': 'a' }],
    ['an empty name', { '': 'a' }],
    ['one name in two cases', { 'X-A': 'a', 'x-a': 'b' }],
    ['too many', Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`x-${index}`, 'a']))],
  ])('R3: %s is refused', (_, headers) => {
    expect(faultsIn(http({ headers }))[0]?.path).toMatch(/^http\.headers/);
  });

  it('R3: a name of every object is refused, not passed over', () => {
    expect(faultsIn('{"http":{"path":"/x","result":"","headers":{"__proto__":"a"}}}')).toHaveLength(1);
  });

  it.each([
    'content-type',
    'Accept',
    'anthropic-version',
    'OpenAI-Organization',
    'Idempotency-Key',
    'x-trace_id',
  ])('R3: %s goes', (name) => {
    const command = commandIn(http({ headers: { [name]: 'a\tb' } }));
    expect(command).toMatchObject({ http: { headers: [[name.toLowerCase(), 'a\tb']] } });
  });
});
