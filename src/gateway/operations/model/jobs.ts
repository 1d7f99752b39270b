// One job, pending or ended, and the lists of both.
import Type from 'typebox';
import { AtMs, JobKey, Limit, Nullable, words } from './fields.ts';

export const JOB_STATES = ['held', 'replied', 'failing', 'parked'] as const;
export const OUTCOMES = ['completed', 'failed', 'timedOut', 'bpmnError', 'cancelled', 'gone'] as const;

const Filter = {
  lane: Type.Optional(Type.String({ maxLength: 512 })),
  process: Type.Optional(Type.String({ maxLength: 512, description: 'BPMN process id' })),
  instance: Type.Optional(Type.String({ pattern: '^[0-9]{1,19}$', description: 'Process instance key' })),
  text: Type.Optional(
    Type.String({
      minLength: 2,
      maxLength: 200,
      description:
        'Part of a job, instance or element instance key, process or element id, business key or error message, or a correlation id of ours (its end may be left out); never of a payload. Upper and lower case are the same',
    }),
  ),
};

export const JobQuery = Type.Object(
  {
    ...Filter,
    state: Type.Optional(words(JOB_STATES)),
    olderThanMs: Type.Optional(Type.Integer({ minimum: 0, description: 'Held at least so long ago' })),
    shard: Type.Optional(Type.Integer({ minimum: 0 })),
    node: Type.Optional(Type.String({ maxLength: 64 })),
    limit: Type.Optional(Limit),
    after: Type.Optional(Type.String({ maxLength: 200, description: '`next` of the page before' })),
  },
  { additionalProperties: false },
);
export type JobQuery = Type.Static<typeof JobQuery>;

const summary = {
  jobKey: JobKey,
  correlationId: Type.String({ description: 'What the service sees: our id, or the business key' }),
  lane: Type.String(),
  jobType: Type.String(),
  processId: Type.String(),
  processVersion: Type.Integer(),
  elementId: Type.String(),
  instanceKey: Type.String(),
  tenantId: Type.String(),
  attempt: Type.Integer(),
  heldAtMs: AtMs,
  shard: Type.Integer(),
};

export const JobSummary = Type.Object({
  ...summary,
  state: words(JOB_STATES),
  sent: Type.Boolean({ description: 'Kafka has acknowledged the request of this attempt, as far as the owner knows' }),
  replyDeadlineMs: Type.Number(),
  retries: Type.Integer({ description: "The engine's, at the last activation" }),
  node: Type.String({ description: 'The owner' }),
  error: Nullable(Type.String({ description: 'The stored cause, while it is failing' })),
});
export type JobSummary = Type.Static<typeof JobSummary>;

export const JobPage = Type.Object({
  missing: Type.Array(Type.String(), { description: 'Nodes that did not answer: their jobs are not here' }),
  jobs: Type.Array(JobSummary, { description: 'Longest held first' }),
  next: Nullable(Type.String({ description: 'For `after`; null: there is no further page' })),
});
export type JobPage = Type.Static<typeof JobPage>;

export const TimelineItem = Type.Object({
  atMs: AtMs,
  what: Type.String(),
  node: Type.String(),
  /** A node of the version before says nothing of it. */
  revision: Type.Optional(
    Nullable(
      Type.Integer({
        description: 'Of the snapshot that was written with it. null: it is not written yet, or was not noted',
      }),
    ),
  ),
});

export const JobView = Type.Object({
  ...summary,
  state: words([...JOB_STATES, 'ended'] as const),
  outcome: Nullable(words(OUTCOMES)),
  endedAtMs: Nullable(AtMs),
  elementInstanceKey: Type.String(),
  revision: Type.Integer({ description: 'Of the snapshot in the bucket' }),
  incarnation: Type.String({ description: 'That wrote it' }),
  node: Nullable(Type.String({ description: 'Present owner of the shard' })),
  sent: Type.Boolean(),
  retries: Type.Integer(),
  replyDeadlineMs: Type.Number(),
  heartbeatDeadlineMs: Nullable(Type.Number()),
  lockDeadlineMs: Nullable(Type.Number({ description: "The engine's lock, as the owner heard last" })),
  nextLookMs: Nullable(Type.Number({ description: 'When the owner looks at it next by itself' })),
  businessKey: Nullable(Type.String()),
  trace: Nullable(Type.String({ description: 'traceparent' })),
  settings: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number()]), {
    description: 'What it was held with (durations in ms), without what is not set',
  }),
  failing: Nullable(
    Type.Object({
      why: Type.String(),
      cause: Type.String(),
      outcome: Type.String(),
      retries: Type.Integer(),
      backoffMs: Type.Number(),
      errorCode: Type.String(),
    }),
  ),
  reply: Nullable(
    Type.Object({
      partition: Type.Integer({ description: 'Of the reply topic; -1: given by an operator' }),
      offset: Type.String(),
      attempt: Type.Integer(),
      status: Type.String(),
    }),
  ),
  request: Nullable(Type.Object({ topic: Type.String(), key: Type.String() })),
  timeline: Type.Array(TimelineItem, { description: 'At most 16: the first 4 and the newest 12' }),
  payload: Nullable(
    Type.Object({
      request: Nullable(Type.String({ description: 'Body; only until Kafka has it' })),
      reply: Nullable(Type.String({ description: 'The stored result' })),
      progress: Nullable(Type.String({ description: 'Of the last heartbeat' })),
      variables: Nullable(Type.String({ description: 'That go to the engine with an error' })),
    }),
    { description: 'null: not for this role' },
  ),
});
export type JobView = Type.Static<typeof JobView>;

export const OutcomeQuery = Type.Object(
  {
    ...Filter,
    outcome: Type.Optional(words(OUTCOMES)),
    limit: Type.Optional(Limit),
    after: Type.Optional(Type.String({ maxLength: 200 })),
  },
  { additionalProperties: false },
);
export type OutcomeQuery = Type.Static<typeof OutcomeQuery>;

export const OutcomeView = Type.Object({
  ...summary,
  outcome: words(OUTCOMES),
  endedAtMs: AtMs,
  lastStep: Type.String({ description: 'Of its timeline before the end: for a failure the reason' }),
});
export type OutcomeView = Type.Static<typeof OutcomeView>;

export const OutcomePage = Type.Object({
  outcomes: Type.Array(OutcomeView, { description: 'Newest first, as far back as tombstones are kept' }),
  next: Nullable(
    Type.String({ description: 'null: no further page. A page may be short, or empty, and have a next one' }),
  ),
});
export type OutcomePage = Type.Static<typeof OutcomePage>;
