/** What the simulation must have hit to have proved anything, and what it cannot hit, each with the reason. */
import { CRASH_POINTS } from '../../src/core/ports/crashpoint.ts';
import { transitions } from '../../src/core/states.ts';
import { OTHER_POINTS, REACHABLE_POINTS } from './crash-points.ts';
import { FAULTS } from './faults.ts';

/** Cells of the table of states that the rules allow and nothing can lead to today. */
const OTHER_CELLS: Readonly<Record<string, string>> = {};

const ASKED = [
  'user: submit',
  'user: insist',
  'user: cancel',
  'user: retry',
  'user: rerun',
  'a fresh draw was asked',
  'a fresh draw was shared',
  'rerun: created',
  'rerun: shared',
  'rerun: answered_before',
  'rerun: known',
  'rerun: under way',
  'user: endpoint',
  'a backup was put back',
  'the database was made from the folders',
  'an ended run was found again',
  'submit: created',
  'submit: shared',
  'submit: answered_before',
  'submit: known',
  'submit: conflict',
  'submit: refused',
  'cancel: cancelled',
  'cancel: cancelling',
  'cancel: already_ended',
  'cancel: not_found',
  'retry: queued',
  'retry: blocked',
  'retry: answered',
  'retry: wrong_state',
  'retry: not_found',
  'a name was taken',
  'an outcome rotted',
  'draining spool_full',
  'a script made the prompt of an answer',
  'a desk was given a job',
  'a desk had an answer for nobody',
  'a file was dropped: right',
  'a file was dropped: wrong',
  'a file was removed',
  'a published file was replaced',
  'a hint was lost',
  'a wrong file was reported',
  'a changed file was shown',
  'dropped: created',
  'dropped: shared',
  'dropped: answered_before',
  'dropped: conflict',
  'job files waited',
  'an answer was put into results/',
  'an answer was adopted',
  'an answer was of no run',
  'a file of another workspace was copied: result none',
  'a file of another workspace was copied: result half',
  'a file of another workspace was copied: result changed',
  'a file of another workspace was copied: result renamed',
  'a file of another workspace was copied: ended none',
  'a file of another workspace was copied: ended half',
  'a file of another workspace was copied: ended renamed',
  'a result was copied beside itself',
  'an end was adopted',
  'an end was of no run',
  'adopt: adopted',
  'adopt: completed',
  'adopt: of_no_run',
];

function cells(): readonly string[] {
  const begun = ['scheduled', 'queued', 'blocked', 'completed', 'failed', 'cancelled'].map(
    (state) => `new accept ${state}`,
  );
  const changed = transitions().map(({ from, event, to }) => `${from} ${event} ${to}`);
  return [...begun, ...changed].filter((cell) => !Object.hasOwn(OTHER_CELLS, cell));
}

export interface Missed {
  readonly faults: readonly string[];
  readonly points: readonly string[];
  readonly cells: readonly string[];
  readonly asked: readonly string[];
  /** Listed as not to be hit, and hit or unknown: the list is out of date. */
  readonly outdated: readonly string[];
}

export function missedBy(hits: ReadonlySet<string>): Missed {
  const known = new Set<string>(CRASH_POINTS);
  const outdatedPoints = Object.keys(OTHER_POINTS).filter(
    (name) => !known.has(name) || hits.has(`point ${name}`),
  );
  const outdatedCells = Object.keys(OTHER_CELLS).filter((cell) => hits.has(`transition ${cell}`));
  return {
    faults: Object.keys(FAULTS).filter((kind) => !hits.has(`fault: ${kind}`)),
    points: REACHABLE_POINTS.filter((name) => !hits.has(`point ${name}`)),
    cells: cells().filter((cell) => !hits.has(`transition ${cell}`)),
    asked: ASKED.filter((what) => !hits.has(what)),
    outdated: [...outdatedPoints, ...outdatedCells],
  };
}
