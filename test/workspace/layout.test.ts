import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemFiles } from '../../src/platform/files.ts';
import { createWorkspace } from '../../src/workspace/create-workspace.ts';
import { findWorkspace, foldersOf, layoutOf, socketPath } from '../../src/workspace/layout.ts';
import { filesIn, namesIn, temporaryFolder } from './folder.ts';

describe('the layout of a workspace', () => {
  it('names every folder and file below the root', () => {
    const layout = layoutOf('/w');
    expect(layout).toMatchObject({
      config: '/w/promptd.config.json',
      conflicts_jobs: '/w/conflicts/jobs',
      database: '/w/.promptd/queue.db',
      server: '/w/.promptd/server.json',
      tmp: '/w/.promptd/tmp',
    });
  });

  it('takes a state folder elsewhere, relative or absolute', () => {
    expect(layoutOf('/w', 'state').admin_key).toBe('/w/state/admin.key');
    expect(layoutOf('/w', '/var/promptd').instance_token).toBe('/var/promptd/instance.token');
  });

  it('refuses a relative root, which would change with the current folder', () => {
    expect(() => layoutOf('w')).toThrow('absolute path, got "w"');
  });
});

describe('finding the workspace', () => {
  it('finds it from any folder below, by its config or by its state folder', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'a/data/deep'), { recursive: true });
    writeFileSync(join(folder, 'a/promptd.config.json'), '{}');
    mkdirSync(join(folder, 'b/.promptd'), { recursive: true });
    expect(await findWorkspace(systemFiles, join(folder, 'a/data/deep'))).toBe(join(folder, 'a'));
    expect(await findWorkspace(systemFiles, join(folder, 'b'))).toBe(join(folder, 'b'));
  });

  it('takes the nearest of two, and passes over a file that is called .promptd', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'outer/inner/jobs'), { recursive: true });
    writeFileSync(join(folder, 'outer/promptd.config.json'), '{}');
    writeFileSync(join(folder, 'outer/inner/promptd.config.json'), '{}');
    writeFileSync(join(folder, 'outer/inner/jobs/.promptd'), '');
    expect(await findWorkspace(systemFiles, join(folder, 'outer/inner/jobs'))).toBe(
      join(folder, 'outer/inner'),
    );
  });

  it('says so where there is none', async () => {
    expect(await findWorkspace(systemFiles, '/proc/self')).toBe(null);
  });
});

describe('making a workspace', () => {
  it('makes every folder and the files to begin with', async () => {
    const layout = layoutOf(join(temporaryFolder(), 'new'));
    const made = await createWorkspace(systemFiles, layout, [{ path: 'jobs/hello.json', text: '{}\n' }]);
    expect(made.created).toEqual([...foldersOf(layout), join(layout.jobs, 'hello.json')]);
    expect(namesIn(layout.root)).toEqual([
      '.promptd',
      'commands',
      'conflicts',
      'data',
      'ended',
      'jobs',
      'prompts',
      'rejected',
      'results',
    ]);
  });

  it('keeps the folder of prompts and keys to its own user, whatever the umask is', async () => {
    const layout = layoutOf(join(temporaryFolder(), 'new'));
    const umask = process.umask(0);
    onTestFinished(() => void process.umask(umask));
    await createWorkspace(systemFiles, layout);
    const modes = [layout.state, layout.jobs].map((folder) => statSync(folder).mode & 0o777);
    expect(modes).toEqual([0o700, 0o777]);
  });

  it('R8: overwrites nothing that stands there, and says what it kept', async () => {
    const layout = layoutOf(temporaryFolder());
    writeFileSync(layout.config, '{"mine": true}');
    const made = await createWorkspace(systemFiles, layout, [{ path: 'promptd.config.json', text: '{}' }]);
    expect(made.kept).toEqual([layout.config]);
    expect(filesIn(layout.root)).toEqual({ 'promptd.config.json': '{"mine": true}' });
    expect((await createWorkspace(systemFiles, layout)).created).toEqual([]);
  });

  it('names the file that stands in the place of a folder', async () => {
    const layout = layoutOf(temporaryFolder());
    writeFileSync(layout.results, '');
    const making = createWorkspace(systemFiles, layout);
    await expect(making).rejects.toMatchObject({
      code: 'NoWorkspace',
      message: `${layout.results}: expected a folder, got a file`,
    });
  });
});

describe('the path of the Unix socket', () => {
  it('lies in the state folder while a socket can have that path', () => {
    expect(socketPath(layoutOf('/w'), '/w', '/tmp')).toBe('/w/.promptd/http.sock');
  });

  it('falls back to a short path of its own under the temporary folder, counted in bytes', () => {
    const deep = layoutOf(`/${'ü'.repeat(48)}`);
    const path = socketPath(deep, deep.root, '/tmp');
    expect(path).toMatch(/^\/tmp\/promptd-[0-9a-f]{20}\.sock$/);
    expect(socketPath(deep, deep.root, '/tmp')).toBe(path);
    expect(socketPath(deep, `${deep.root}/other`, '/tmp')).not.toBe(path);
  });

  it('says what to do where both are too long', () => {
    const deep = layoutOf(`/${'x'.repeat(100)}`);
    expect(() => socketPath(deep, deep.root, `/${'t'.repeat(100)}`)).toThrow('at most 103 bytes');
  });
});
