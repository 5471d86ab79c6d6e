/**
 * What stands in the place of a request that nobody can make again: of a result whose job file is gone or was edited since.
 * Its run keeps the digest that its file tells, so that the same job is answered as before; but what exactly was asked is not
 * known, so nobody may ask it again by it.
 */
import { canonicalJson } from './json.ts';
import { freshRequest, type JobRequest, readRequest } from './identity.ts';

export function unknownRequest(known: Pick<JobRequest, 'type' | 'endpoint' | 'model' | 'prompt'>): string {
  return canonicalJson({ ...known, unknown: true });
}

export function isUnknownWork(request: string): boolean {
  return (
    request.includes('"unknown":true') && (JSON.parse(request) as { unknown?: unknown }).unknown === true
  );
}

/** Not a word that anybody can give: it has a space. */
const LOST_WORD = 'lost with the database ';

/** A fresh draw of `request` whose word is not known any more: all that is sent is, so it may be asked and drawn again. */
export function drawWithoutWord(request: string, digest: string): string {
  return freshRequest(request, `${LOST_WORD}${digest}`);
}

/** Whether the digest of a run cannot be that of its request, since not all of that is known any more. */
export function isRequestLost(request: string): boolean {
  return isUnknownWork(request) || (readRequest(request).fresh?.startsWith(LOST_WORD) ?? false);
}
