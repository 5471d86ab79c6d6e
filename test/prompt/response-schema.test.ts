import { describe, expect, it } from 'vitest';
import type { AnswerVerdict } from '../../src/core/ports/answer-checker.ts';
import { AnswerCheck } from '../../src/executor/answer-check.ts';
import { ResponseSchemas } from '../../src/prompt/response-schema.ts';

const WRONG = { type: 'thing' };

class Counted {
  asked = 0;
  verdicts: AnswerVerdict[] = [];
  check(schema: object): Promise<AnswerVerdict> {
    this.asked += 1;
    const next = this.verdicts.shift();
    return Promise.resolve(next ?? new AnswerCheck().check(schema as { type: string }, null));
  }
}

describe('the schema of an answer, at the door', () => {
  it('R19: is refused where it is none, with the reason', async () => {
    const schemas = new ResponseSchemas(new Counted());
    expect(await schemas.faultOf({ response_schema: WRONG })).toMatchObject({
      code: 'InvalidJob',
      path: 'configuration.response_schema',
      got: expect.stringContaining('type must be') as string,
    });
    expect(await schemas.faultOf({ response_schema: { type: 'object' } })).toBe(null);
    expect(await schemas.faultOf({ temperature: 1 })).toBe(null);
  });

  it('is looked at once for all jobs that have the same one', async () => {
    const checker = new Counted();
    const schemas = new ResponseSchemas(checker);
    const jobs = Array.from({ length: 50 }, (_, i) => ({ response_schema: WRONG, seed: i }));
    const faults = await Promise.all(jobs.map((job) => schemas.faultOf(job)));
    expect(faults.every((fault) => fault !== null)).toBe(true);
    expect(checker.asked).toBe(1);
  });

  it('passes where nobody could tell in time, and is asked for again where its checker broke', async () => {
    const checker = new Counted();
    checker.verdicts = [{ kind: 'too_slow', limit_ms: 5_000 }];
    expect(await new ResponseSchemas(checker).faultOf({ response_schema: WRONG })).toBe(null);
    let broken = true;
    const mending = new ResponseSchemas({
      check: () => (broken ? Promise.reject(new Error('its thread ended')) : checker.check(WRONG)),
    });
    expect(await mending.faultOf({ response_schema: WRONG })).toBe(null);
    broken = false;
    expect(await mending.faultOf({ response_schema: WRONG })).not.toBe(null);
  });
});
