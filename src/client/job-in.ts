/** What a caller sends: "Job in" of docs/http.md. */
import type { Json, JsonObject } from '../core/json.ts';
import type { JobType } from '../core/rows.ts';

export interface JobIn {
  readonly name?: string;
  readonly batch?: string;
  readonly key?: string;
  readonly metadata?: Json;
  readonly type?: JobType;
  readonly prompt: Json;
  readonly configuration: JsonObject;
  readonly options?: JsonObject;
  /** What to do where the name stands for other work: refuse (`same`, the default), or ask as its next run. */
  readonly if_exists?: 'same' | 'new_run';
  /** Over the workspace's own socket only: the file of `jobs/` in which it stands, so that no second one is made of it. */
  readonly link?: string;
}
