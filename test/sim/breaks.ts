/** Rules of the design, each broken in one place. A simulation that passes with one of them would prove nothing about it. */
import { canonicalRequest, digestOf, type JobRequest, sha256 } from '../../src/core/identity.ts';
import { runKey, type Board } from '../../src/core/board.ts';
import { decide } from '../../src/core/decide.ts';
import type { LoadedRows } from '../../src/core/draft.ts';
import type { Files } from '../../src/core/ports/files.ts';
import type { TurnEvent } from '../../src/core/turn-events.ts';
import type { FaultKind } from './faults.ts';
import type { Break } from './server-process.ts';

export interface BrokenRule {
  readonly broken: Break;
  /** Those under which it shows; default: as each seed likes. */
  readonly faults?: readonly FaultKind[];
  /** Of the seeds that are tried; default: 1. */
  readonly first_seed?: number;
  /** The rule that must be found broken, or one of them. */
  readonly caught_by: readonly string[];
}

function changing(change: (event: TurnEvent, board: Board) => TurnEvent | null): Break {
  return {
    decide: (events, board, ...rest) =>
      decide(
        // A turn's answers go by the place of its events, so one that is left out becomes one that does nothing.
        events.map((event) => change(event, board) ?? { type: 'wake' }),
        board,
        ...rest,
      ),
  };
}

function forgetting(type: TurnEvent['type'], only: (event: TurnEvent) => boolean = () => true): Break {
  return changing((event) => (event.type === type && only(event) ? null : event));
}

/** Files of which one call does something else. */
function withFiles(change: (files: Files) => Partial<Files>): (files: Files) => Files {
  return (files) => {
    const changed = change(files);
    return new Proxy(files, {
      get: (target, key) => Reflect.get(changed, key) ?? Reflect.get(target, key),
    });
  };
}

/** Loaded rows of which some things are not said. */
function withLoaded(change: (loaded: LoadedRows) => Partial<LoadedRows>): Break {
  return {
    decide: (events, board, loaded, ...rest) => {
      const changed = change(loaded);
      const bent = new Proxy(loaded, {
        get: (target, key) => {
          const value: unknown = Reflect.get(changed, key) ?? Reflect.get(target, key);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
      return decide(events, board, bent, ...rest);
    },
  };
}

const CUTS: readonly FaultKind[] = [
  'a connection is cut in the middle of a frame',
  'an instance is cut off for a while',
  'the server ends at a crash point',
];

export const BREAKS = {
  /** An outcome counts for the attempt that runs now, whichever attempt it is of. */
  'the fence is dropped from outcomes': {
    broken: changing((event, board) => {
      if (event.type !== 'report') return event;
      const { name, run, attempt } = event.report;
      const current = board.leases.get(runKey(name, run))?.attempt ?? attempt;
      return { ...event, report: { ...event.report, attempt: current } };
    }),
    faults: CUTS,
    caught_by: ['fence', 'no unexpected result'],
  },
  /** An answer is taken for any run of the name, whatever was asked. */
  'an answer is not held against its question': {
    broken: changing((event, board) => {
      if (event.type !== 'report') return event;
      const lease = [...board.leases.values()].find(({ name }) => name === event.report.name);
      if (lease === undefined) return event;
      const { run, digest, attempt } = lease;
      return { ...event, report: { ...event.report, run, digest, attempt } };
    }),
    faults: CUTS,
    caught_by: ['fence', 'no unexpected result'],
  },
  /** What an instance holds is forgotten at its hello. */
  'a returning instance is not asked what it holds': {
    broken: changing((event) => (event.type === 'settle' ? { ...event, held: [] } : event)),
    faults: CUTS,
    caught_by: ['fence'],
  },
  /** Done is said before it is: some commits never reach the disk. */
  'a commit is told before it is on disk': {
    broken: {
      store: (store) => {
        let seen = 0;
        return new Proxy(store, {
          get: (target, key) =>
            key === 'commit'
              ? async (changes: Parameters<typeof store.commit>[0]) =>
                  ++seen % 40 === 0 && changes.every((change) => change.do !== 'put_lane')
                    ? []
                    : target.commit(changes)
              : (Reflect.get(target, key) as () => unknown).bind(target),
        });
      },
    },
    caught_by: [
      'told before disk',
      'turns',
      'nothing lost',
      'ends',
      'fatal',
      'transitions',
      'final',
      'one run',
    ],
  },
  'a heartbeat renews everything that its instance was given': {
    broken: {
      bend: (message, { ledger }) => {
        if (message.t !== 'heartbeat') return message;
        const held = [...ledger.leases.keys()].flatMap((key) => {
          const [name = '', run, attempt] = key.split(/[@#]/);
          return [{ name, run: Number(run), attempt: Number(attempt), digest: '' }];
        });
        return { ...message, held };
      },
    },
    faults: ['a bit of a spool turns', 'models stall', 'an instance is cut off for a while'],
    caught_by: ['leases'],
  },
  'a lease never ends with its term': {
    broken: forgetting('lease_ended', (event) => event.type === 'lease_ended' && event.proof === 'expired'),
    faults: ['an instance is cut off for a while', 'a connection goes half-open'],
    caught_by: ['leases', 'ends'],
  },
  'the spool of a killed instance is forgotten': {
    broken: { instanceFiles: withFiles((files) => ({ read: forgetful(files) })) },
    faults: ['an instance is killed', 'the server is killed'],
    caught_by: ['spool'],
  },
  'an instance does not fsync its spool': {
    broken: {
      instanceFiles: withFiles((files) => ({
        openAppend: async (path) => {
          const file = await files.openAppend(path);
          return { ...file, append: (bytes) => file.append(bytes), sync: async () => undefined };
        },
      })),
    },
    faults: ['an instance loses power', 'the server is killed'],
    caught_by: ['spool', 'told before disk'],
  },
  'a file is renamed to its name instead of linked': {
    broken: {
      serverFiles: withFiles((files) => ({ link: (from, to) => files.rename(from, to) })),
    },
    faults: ['a stranger takes the name of a file'],
    caught_by: ['files'],
  },
  'the folder of a result is not fsynced': {
    broken: { serverFiles: withFiles(() => ({ syncDirectory: async () => undefined })) },
    faults: ['the server loses power'],
    caught_by: ['files'],
  },
  'a result is written under its final name': {
    broken: {
      serverFiles: withFiles((files) => ({
        link: async (from, to) => {
          const bytes = (await files.read(from)) ?? new Uint8Array();
          const file = await files.openAppend(to);
          await file.append(bytes.subarray(0, bytes.length / 2));
          await file.append(bytes.subarray(bytes.length / 2));
        },
      })),
    },
    faults: ['the disk of the server is slow', 'the server is killed', 'the server loses power'],
    caught_by: ['files'],
  },
  'a cancelled run is queued again': {
    broken: withLoaded((loaded) => ({
      row: (id: number) => {
        const row = loaded.row(id);
        return row === undefined ? undefined : { ...row, cancel_requested_at: null };
      },
    })),
    caught_by: ['cancel'],
  },
  'two runs lead the same work': {
    broken: withLoaded((loaded) => ({
      leader: (digest: string) => {
        loaded.leader(digest);
        return null;
      },
    })),
    caught_by: ['one leader', 'turns'],
  },
  'followers are left alone': {
    broken: forgetting('settle_followers'),
    caught_by: ['ends'],
  },
  'a pause is not heeded': {
    broken: {
      decide: (...given) => {
        const decision = decide(...given);
        for (const event of given[0]) {
          const endpoint =
            event.type === 'put_endpoint' ? decision.draft?.endpoints.get(event.endpoint.name) : undefined;
          if (endpoint !== undefined)
            decision.draft?.endpoints.set(endpoint.name, { ...endpoint, paused: false });
        }
        return decision;
      },
    },
    caught_by: ['limits'],
  },
  'an instance without the workspace is given scripts': {
    broken: changing((event) => (event.type === 'settle' ? { ...event, needs: ['', 'workspace'] } : event)),
    caught_by: ['needs'],
  },
  'the prompt that a script made is forgotten': {
    broken: changing((event) => {
      if (event.type !== 'report' || event.answer === null) return event;
      const { prompt_sha256: _made, ...meta } = event.answer.meta;
      return { ...event, prompt_sha256: null, answer: { ...event.answer, meta } };
    }),
    caught_by: ['prompts'],
  },
  /** Every version of one looks as if it had been there for long. */
  'a batch is taken while it grows': {
    broken: {
      jobFolder: (folder) => ({
        ...folder,
        look: async (name) => {
          const version = await folder.look(name);
          return version !== null && name.endsWith('.jsonl') ? { ...version, mtime_ms: 0 } : version;
        },
      }),
    },
    faults: [],
    caught_by: ['folder', 'ends'],
  },
  /** Its time seems never to change. */
  'the folder is not listed, since hints will tell': {
    broken: { jobFolder: (folder) => ({ ...folder, changedAt: async () => 'always' }) },
    faults: [],
    caught_by: ['ends'],
  },
  /** Nothing that is there is found known, and what is handed over is meant as work of its own. */
  'a dropped file is asked again after each start': {
    broken: {
      door: (door) => ({
        ...door,
        specsOf: () => new Set(),
        submit: (jobs) =>
          door.submit(
            jobs.map((job) => ({
              ...job,
              if_exists: 'new_run',
              digest: `1:${sha256(`${job.digest} anew`)}`,
            })),
          ),
      }),
    },
    faults: ['the server is killed'],
    caught_by: ['folder', 'answers'],
  },
  /** What was said of it before is not looked at. */
  'a wrong file is reported again after each start': {
    broken: {
      serverFiles: withFiles((files) => ({
        facts: async (path) => (path.includes('/rejected/') ? null : files.facts(path)),
      })),
    },
    faults: ['the server is killed'],
    caught_by: ['folder'],
  },
  'a file with one wrong line is taken without it': {
    broken: {
      jobFolder: (folder) => ({
        ...folder,
        read: async (name, version) => {
          const bytes = await folder.read(name, version);
          const text = Buffer.from(bytes ?? []).toString('utf8');
          return name.endsWith('.jsonl') ? Buffer.from(text.replace(/\n.*"key":"last".*\n/, '\n')) : bytes;
        },
      }),
    },
    faults: [],
    caught_by: ['folder', 'ends'],
  },
  'a dropped job is queued without a look into results/': {
    broken: { answers: () => ({ settled: async () => new Set() }) },
    faults: ['models stall'],
    first_seed: 40,
    caught_by: ['folder', 'answers'],
  },
  /** As if its file did not say what was asked. */
  'a file is not held against what its run asked': {
    broken: changing((event) =>
      event.type === 'adopt'
        ? { ...event, adoptions: event.adoptions.map((one) => ({ ...one, is_certain: false })) }
        : event,
    ),
    faults: [],
    caught_by: ['no unexpected result'],
  },
  'ends that somebody put there are passed over': {
    broken: changing((event) =>
      event.type === 'adopt'
        ? { ...event, adoptions: event.adoptions.filter(({ result }) => result !== null) }
        : event,
    ),
    faults: [],
    caught_by: ['answers'],
  },
  /** Its word is not heeded. */
  'a fresh draw is the work that was asked before': {
    broken: changing((event) => {
      if (event.type !== 'submit') return event;
      const jobs = event.jobs.map((job) => {
        const { fresh, ...asked } = JSON.parse(job.request) as JobRequest;
        const request = canonicalRequest(asked);
        return fresh === undefined ? job : { ...job, request, digest: digestOf(request) };
      });
      return { ...event, jobs };
    }),
    faults: [],
    caught_by: ['draws', 'told before disk'],
  },
  /** What has an answer looks as if it were other work. */
  'a fresh draw is made again for whoever asks again': {
    broken: withLoaded((loaded) => ({
      row: (id: number) => {
        const row = loaded.row(id);
        return row?.state === 'completed' ? { ...row, digest: `${row.digest} once` } : row;
      },
    })),
    faults: [],
    caught_by: ['draws'],
  },
  'a rebuild overlooks a file': {
    broken: { rebuilt: (files) => files.filter((_, i) => i % 5 !== 4) },
    faults: [],
    caught_by: ['rebuild'],
  },
  /** Whatever it is called. */
  'what stands in results/ is taken for what the queue knows': {
    broken: {
      known: (known) => ({
        named: (names) => known.named(names),
        published: (after, count) => known.published(after, count),
        ofRuns: (files) => {
          const named = known.named(files.map(({ name }) => name));
          return files.map(({ name }) => named.has(name));
        },
      }),
    },
    faults: ['the server is killed'],
    caught_by: ['answers', 'files'],
  },
  'an instance is given more than its slots': {
    broken: changing((event) => (event.type === 'settle' ? { ...event, slots: event.slots + 3 } : event)),
    faults: [],
    caught_by: ['limits'],
  },
} as const satisfies Readonly<Record<string, BrokenRule>>;

/** Segments of a spool look empty to whoever opens it. */
function forgetful(files: Files): Files['read'] {
  return async (path) => (path.endsWith('.spool') ? new Uint8Array() : files.read(path));
}
