// What an operator does to a job or a node, and what comes of it.
import Type from 'typebox';
import { Reason, words } from './fields.ts';

const JsonObject = Type.Record(Type.String(), Type.Unknown(), { description: 'A JSON object' });

/** What can be done to a pending job; the words are the last part of its path. */
export const JOB_ACTS = ['resend', 'extend', 'complete', 'fail', 'throw', 'drop'] as const;
export type JobActName = (typeof JOB_ACTS)[number];

export const ResendBody = Type.Object({ reason: Reason }, { additionalProperties: false });
export const ExtendBody = Type.Object(
  {
    reason: Reason,
    replyTimeoutMs: Type.Integer({ minimum: 1000, maximum: 366 * 86_400_000, description: 'From now on' }),
  },
  { additionalProperties: false },
);
export const CompleteBody = Type.Object({ reason: Reason, variables: JsonObject }, { additionalProperties: false });
export const FailBody = Type.Object(
  {
    reason: Reason,
    message: Type.String({ minLength: 1, maxLength: 2000, description: 'Shown in the incident' }),
    retries: Type.Optional(Type.Integer({ minimum: 0, maximum: 100, description: 'To set; default: one less' })),
    backoffMs: Type.Optional(Type.Integer({ minimum: 0, maximum: 366 * 86_400_000 })),
  },
  { additionalProperties: false },
);
export const ThrowBody = Type.Object(
  {
    reason: Reason,
    errorCode: Type.String({ minLength: 1, maxLength: 200 }),
    message: Type.Optional(Type.String({ maxLength: 2000 })),
    variables: Type.Optional(JsonObject),
  },
  { additionalProperties: false },
);
/** The hold is given up: the engine keeps its retries and hands the job out again, as a new attempt. A parked reply is thrown away. */
export const DropBody = Type.Object({ reason: Reason }, { additionalProperties: false });
export const DrainBody = Type.Object({ reason: Reason }, { additionalProperties: false });

/**
 *  - `done`: it has happened; `later`: it is stored and happens by itself (the engine is slow or away).
 *  - `gone`: the engine does not have this job any more; it has ended.
 *  - `absent`: no such job is pending. `wrongState`: it is, and this cannot be done to it now; `detail` says why.
 *  - `refused`: it can never be done so (too large, or the engine will not take it); `detail` says why.
 */
export const ACT_RESULTS = ['done', 'later', 'gone', 'absent', 'wrongState', 'refused'] as const;
export type ActResultName = (typeof ACT_RESULTS)[number];
export const ActResult = Type.Object({
  auditId: Type.String(),
  result: words(ACT_RESULTS),
  detail: Type.String({ description: 'In words, for people' }),
});
export type ActResult = Type.Static<typeof ActResult>;
