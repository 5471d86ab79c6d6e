/** Identity and reuse: what makes two jobs the same work, and how somebody gets another answer on purpose. */
import type { Mutant } from './mutant.ts';

const IDENTITY = 'test/core/identity.test.ts';
const DRAWS = 'test/scheduler/fresh-draws.test.ts';
const HTTP_DRAWS = 'test/http/fresh-draws.test.ts';

export const IDENTITY_MUTANTS: readonly Mutant[] = [
  {
    name: 'identity-without-sample',
    breaks: 'takes two samples of one question for the same work',
    file: 'src/core/identity.ts',
    from: '...(job.sample === null ? {} : { sample: job.sample }),',
    to: '...(job.sample === null ? {} : {}),',
    killed_by: [IDENTITY],
  },
  {
    name: 'identity-sample-keeps-seed',
    breaks: 'sends every draw of a seed with the same seed',
    file: 'src/core/identity.ts',
    from: 'return { ...parameters, seed: seed + sample };',
    to: 'return { ...parameters, seed: sample === 0 ? 0 : seed };',
    killed_by: [IDENTITY],
  },
  {
    name: 'identity-seed-rounded',
    breaks: 'sends a seed that JSON cannot carry exactly',
    file: 'src/core/identity.ts',
    from: 'Number.isSafeInteger(seed + sample)',
    to: 'Number.isInteger(seed + sample)',
    killed_by: [IDENTITY],
  },
  {
    name: 'identity-schema-sorted',
    breaks: 'takes schemas whose keys stand in another order for the same',
    file: 'src/core/identity.ts',
    from: '{ response_schema: JSON.stringify(response_schema) }',
    to: '{ response_schema: canonicalJson(response_schema) }',
    killed_by: [IDENTITY],
  },
  {
    name: 'identity-only-for-forgotten',
    breaks: 'lets jobs with scripts that are not pure share an answer',
    file: 'src/core/identity.ts',
    from: '...(context.only_for == null ? {} : { only_for: context.only_for }),',
    to: '...(context.only_for == null ? {} : {}),',
    killed_by: [IDENTITY],
  },
  {
    name: 'identity-program-unread',
    breaks: 'takes a job whose program was edited for the same work',
    file: 'src/core/identity.ts',
    from: '...(context.program_sha256 == null ? {} : { program_sha256: context.program_sha256 }),',
    to: '',
    killed_by: [IDENTITY, 'test/prompt/scripts.test.ts'],
  },
  {
    name: 'identity-program-shared',
    breaks: 'lets jobs share an answer that a program of the workspace made',
    file: 'src/prompt/prepare.ts',
    from: 'if (isPure && program_sha256 === null) return null;',
    to: 'if (isPure) return null;',
    killed_by: ['test/prompt/scripts.test.ts'],
  },
  {
    name: 'fresh-draw-for-all',
    breaks: 'lets every fresh draw share the answer of any other',
    file: 'src/core/identity.ts',
    from: '...(JSON.parse(request) as JobRequest), fresh: word }',
    to: "...(JSON.parse(request) as JobRequest), fresh: word.slice(0, 0) + 'w' }",
    killed_by: [IDENTITY, DRAWS],
  },
  {
    name: 'fresh-draw-made-stale',
    breaks: 'makes another run of a plain job after a fresh draw of it',
    file: 'src/core/decisions/submit.ts',
    from: 'if (asked !== null && isFreshDrawOf(asked.request, job.request)) return latest;',
    to: 'if (asked !== null && isFreshDrawOf(asked.request, asked.request)) return latest;',
    killed_by: [DRAWS],
  },
  {
    name: 'fresh-lot-refused',
    breaks: 'refuses fresh draws of names that are known',
    file: 'src/http/submission.ts',
    from: "job: { ...prepared.job, if_exists: 'new_run' }",
    to: "job: { ...prepared.job, if_exists: 'same' }",
    killed_by: [HTTP_DRAWS],
  },
  {
    name: 'rerun-publishes-again',
    breaks: 'writes the job file of a rerun a second time',
    file: 'src/core/rerun.ts',
    from: "source: run.source === 'http' ? 'folder' : run.source,",
    to: 'source: run.source,',
    killed_by: [DRAWS],
  },
  {
    name: 'rerun-under-way',
    breaks: 'asks once more what is still being asked',
    file: 'src/http/routes/rerun.ts',
    from: 'return hasEnded(run.state) || job.digest === run.digest ? job : null;',
    to: 'return hasEnded(run.state) || job.digest !== "" ? job : null;',
    killed_by: [HTTP_DRAWS],
  },
  {
    name: 'equal-jobs-warned-of-always',
    breaks: 'warns of equal jobs whose draws would not differ',
    file: 'src/http/equal-jobs.ts',
    from: "return sample === null && parameters['seed'] === undefined && parameters['temperature'] !== 0;",
    to: "return sample === null && parameters['seed'] === undefined;",
    killed_by: [HTTP_DRAWS],
  },
];
