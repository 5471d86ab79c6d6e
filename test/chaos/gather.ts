/** Gathers the evidence of a chaos run: the database, the files, HTTP, the model server. Reads only, and of copies. */
import { copyFile, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Client } from '../../src/client/client.ts';
import type { ModelServer } from '../support/model-server.ts';
import type {
  FoundAttempt,
  FoundFile,
  FoundResult,
  FoundRun,
  ModelAsked,
  ServedRun,
  Snapshot,
} from './evidence.ts';

/**
 * The database as it lies there, with its log, while nobody writes it. A copy is opened, so that recovering it is left to
 * the next `serve`.
 */
export async function snapshotOf(workspace: string, scratch: string, when: string): Promise<Snapshot> {
  const folder = await mkdtemp(join(scratch, 'snapshot-'));
  try {
    for (const file of ['queue.db', 'queue.db-wal'])
      await copyFile(join(workspace, '.promptd', file), join(folder, file)).catch(
        (error: NodeJS.ErrnoException) => {
          if (error.code !== 'ENOENT') throw error;
        },
      );
    const db = new DatabaseSync(join(folder, 'queue.db'));
    try {
      return { when, ...read(db) };
    } finally {
      db.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function read(db: DatabaseSync): Omit<Snapshot, 'when'> {
  const rows = (sql: string) => db.prepare(sql).all();
  const integrity = rows('PRAGMA integrity_check').map((row) => String(row['integrity_check']));
  const runs = rows(
    `SELECT j.id, j.name, j.run, j.digest, j.state, j.leads, j.attempt, j.epoch, j.answered_by, b.body
     FROM jobs j JOIN specs s ON s.job = j.id JOIN bodies b ON b.id = s.prompt ORDER BY j.id`,
  ).map(({ leads, body, ...run }) => {
    const messages = JSON.parse(String(body)) as readonly { readonly content: string }[];
    return { ...run, leads: leads === 1, question: messages.at(-1)?.content ?? '' } as unknown as FoundRun;
  });
  const counted = rows(
    'SELECT (SELECT count(*) FROM jobs) AS jobs, (SELECT count(*) FROM to_publish) AS waiting',
  )[0];
  if (counted?.['jobs'] !== runs.length)
    integrity.push(`${String(counted?.['jobs'])} jobs, ${runs.length} of them with a prompt`);
  return {
    integrity:
      integrity.length === 1 ? (integrity[0] ?? '') : integrity.filter((line) => line !== 'ok').join('; '),
    runs,
    attempts: rows('SELECT job, attempt, outcome, charged_for FROM attempts') as unknown as FoundAttempt[],
    results: rows(
      'SELECT r.job, r.epoch, r.attempt, b.body AS text FROM results r JOIN bodies b ON b.id = r.text',
    ) as unknown as FoundResult[],
    to_publish: Number(counted?.['waiting'] ?? 0),
  };
}

const FOLDERS = [
  ['results', 'results'],
  ['ended', 'ended'],
  ['jobs', 'jobs'],
  ['conflicts', 'conflicts/jobs'],
  ['rejected', 'rejected'],
  ['tmp', '.promptd/tmp'],
] as const;

/** Every file that promptd wrote for people, with its hash. `known` are not read again. */
export async function filesOf(
  workspace: string,
  folders: readonly FoundFile['folder'][] = FOLDERS.map(([folder]) => folder),
  known: ReadonlySet<string> = new Set(),
): Promise<readonly FoundFile[]> {
  const found: FoundFile[] = [];
  for (const [folder, path] of FOLDERS) {
    if (!folders.includes(folder)) continue;
    for (const file of await readdir(join(workspace, path)).catch(() => [])) {
      if (known.has(`${folder}/${file}`)) continue;
      const bytes = await readFile(join(workspace, path, file));
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      found.push({ folder, file, sha256, ...contentOf(folder, bytes.toString('utf8')) });
    }
  }
  return found;
}

function contentOf(folder: FoundFile['folder'], text: string): Pick<FoundFile, 'name' | 'run' | 'text'> {
  const none = { name: null, run: null, text: null };
  if (folder !== 'results' && folder !== 'ended') return none;
  try {
    const { name, run, result } = JSON.parse(text) as { name: string; run: number; result: string | null };
    return { name, run, text: result };
  } catch {
    return none;
  }
}

/** Every run and every answer as HTTP gives them. */
export async function servedBy(client: Client): Promise<readonly ServedRun[]> {
  const served: ServedRun[] = [];
  for await (const { name, run, state, digest } of client.jobs({ latest: false }, { page: 1_000 })) {
    const text = state === 'completed' ? (await client.result({ name, run })).result : null;
    served.push({ name, run, state, digest, text });
  }
  return served;
}

export function askedOf(server: ModelServer): readonly ModelAsked[] {
  return server.requests.map(({ prompt, nth, state }) => ({
    question: prompt,
    nth,
    answered: state === 'answered',
  }));
}
