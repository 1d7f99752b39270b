// What an operator sees and says: the shapes of the API, of the page and of the command line, written once as schemas from
// which types, validation and the OpenAPI document are made.
//
// Units are in the names (`…Ms`: milliseconds, wall clock since the epoch where it is a moment `…AtMs`). What is not there is
// null, never left out, so that every table has the same columns. Keys of the engine are strings: they do not fit a number.
import Type from 'typebox';

const Nullable = <T extends Type.TSchema>(schema: T, options: Type.TSchemaOptions = {}) =>
  Type.Union([schema, Type.Null()], options);
const words = <const W extends readonly string[]>(list: W, description?: string) =>
  Type.Enum<[...W]>([...list] as [...W], description === undefined ? {} : { description });

const JobKey = Type.String({ pattern: '^[0-9]{1,19}$', description: "The engine's key of the job" });
const AtMs = Type.Number({ description: 'Wall clock, ms since the epoch' });

// ---- cluster ----------------------------------------------------------------------------------------------------------

/** `silent`: its record stands and it did not answer in time; `dead`: judged so by the node that answers. */
export const NODE_STATES = ['ready', 'notReady', 'draining', 'left', 'silent', 'dead'] as const;
/** As the owner has them; `unknown`: the owner did not answer. */
export const SHARD_STATES = ['released', 'acquiring', 'rehydrating', 'owned', 'draining', 'unknown'] as const;

export const NodeView = Type.Object({
  node: Type.String(),
  incarnation: Type.String(),
  state: words(NODE_STATES),
  version: Nullable(Type.String({ description: 'Of holdfast; null when it did not answer' })),
  startedAtMs: Nullable(AtMs),
  leaseRemainingMs: Nullable(Type.Number()),
  shardsOwned: Type.Integer(),
  pending: Nullable(Type.Integer({ description: 'Jobs that wait here for a reply' })),
  clockSkewMs: Nullable(Type.Number({ description: "Against the NATS server's clock" })),
  waitingFor: Type.Array(Type.String(), {
    description: 'What it lacks to do its work, in words; a node that is ready may miss a server',
  }),
});
export type NodeView = Type.Static<typeof NodeView>;

export const ShardView = Type.Object({
  shard: Type.Integer(),
  node: Nullable(Type.String({ description: 'Whose claim stands' })),
  incarnation: Nullable(Type.String()),
  epoch: Type.Integer({ description: 'Revision of the claim; 0: never claimed' }),
  state: words(SHARD_STATES),
  target: Nullable(Type.String({ description: 'Where placement wants it' })),
});
export type ShardView = Type.Static<typeof ShardView>;

export const Movement = Type.Object({
  atMs: AtMs,
  shard: Type.Integer(),
  from: Nullable(Type.String({ description: 'Node' })),
  to: Type.String({ description: 'Node' }),
  kind: words(['handover', 'takeover', 'first'], 'takeover: the other was dead or believed so; first: nobody had it'),
  tookMs: Type.Number({ description: 'From the claim until it answered' }),
  jobs: Type.Integer({ description: 'Rehydrated' }),
});
export type Movement = Type.Static<typeof Movement>;

export const ClusterView = Type.Object({
  cluster: Type.String(),
  atMs: AtMs,
  answeredBy: Type.String({ description: 'The node that put this together' }),
  missing: Type.Array(Type.String(), { description: 'Nodes that should have answered and did not' }),
  nodes: Type.Array(NodeView),
  shards: Type.Array(ShardView),
  movements: Type.Array(Movement, { description: 'The latest, newest first, at most 200' }),
});
export type ClusterView = Type.Static<typeof ClusterView>;

// ---- flow and routes --------------------------------------------------------------------------------------------------

/** `thrown`: ended by a BPMN error, which is an answer too; `failed`: by a failure, or because time ran out. */
export const FLOW_STEPS = ['activated', 'held', 'sent', 'replied', 'completed', 'thrown', 'failed'] as const;
export type FlowStep = (typeof FLOW_STEPS)[number];

const Counts = Type.Array(Type.Integer(), {
  description: 'One count per second, oldest first; the last second is complete',
});
export const FlowView = Type.Object({
  atMs: Type.Number({ description: 'End of the last second counted' }),
  missing: Type.Array(Type.String()),
  perSecond: Type.Object({
    activated: Counts,
    held: Counts,
    sent: Counts,
    replied: Counts,
    completed: Counts,
    thrown: Counts,
    failed: Counts,
  }),
});
export type FlowView = Type.Static<typeof FlowView>;

export const RouteView = Type.Object({
  lane: Type.String({ description: 'Job type of a route, or request topic of tasks made from the template' }),
  kind: words(['route', 'template', 'removed'], 'removed: no longer configured, and still has pending jobs'),
  requestTopic: Nullable(Type.String()),
  replyTimeoutMs: Nullable(Type.Number({ description: 'As configured now; jobs keep what they were held with' })),
  pending: Type.Integer(),
  oldestHeldAtMs: Nullable(AtMs),
  oldestJobKey: Nullable(JobKey),
  heldPerSecond: Type.Number({ description: 'Over the last ten seconds' }),
  endedPerSecond: Type.Number(),
  /** Design §2, "room": new holds still admitted, on the node that admits least. */
  room: Nullable(Type.Integer({ description: 'Further holds that the fullest node admits; null: no limit met yet' })),
  unsent: Type.Integer({ description: 'Requests that Kafka has not acknowledged yet' }),
});
export type RouteView = Type.Static<typeof RouteView>;

export const RoutesView = Type.Object({ missing: Type.Array(Type.String()), routes: Type.Array(RouteView) });
export type RoutesView = Type.Static<typeof RoutesView>;

// ---- jobs -------------------------------------------------------------------------------------------------------------

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
const LIMIT = Type.Integer({ minimum: 1, maximum: 200, default: 50 });

export const JobQuery = Type.Object(
  {
    ...Filter,
    state: Type.Optional(words(JOB_STATES)),
    olderThanMs: Type.Optional(Type.Integer({ minimum: 0, description: 'Held at least so long ago' })),
    shard: Type.Optional(Type.Integer({ minimum: 0 })),
    node: Type.Optional(Type.String({ maxLength: 64 })),
    limit: Type.Optional(LIMIT),
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
    limit: Type.Optional(LIMIT),
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

// ---- acts -------------------------------------------------------------------------------------------------------------

export const Reason = Type.String({ minLength: 3, maxLength: 500, description: 'Why; kept in the audit' });
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

export const AuditEntry = Type.Object({
  id: Type.String(),
  atMs: AtMs,
  who: Type.String(),
  role: Type.String(),
  node: Type.String({ description: 'That was asked' }),
  act: Type.String({
    description: 'job.resend, job.complete, …, node.drain, deadLetters.redrive, deadLetters.stopRedrive',
  }),
  target: Type.String({ description: 'Job key, node, id of a redrive, or what the filter says' }),
  reason: Type.String(),
  before: Nullable(Type.String({ description: 'In short, without payload' })),
  after: Nullable(Type.String()),
  result: Nullable(Type.String({ description: 'null: not known (the node ended in between)' })),
});
export type AuditEntry = Type.Static<typeof AuditEntry>;

export const AuditPage = Type.Object({
  entries: Type.Array(AuditEntry, { description: 'Newest first' }),
  next: Nullable(Type.String()),
});
export type AuditPage = Type.Static<typeof AuditPage>;

export const AuditQuery = Type.Object(
  {
    target: Type.Optional(Type.String({ maxLength: 200 })),
    limit: Type.Optional(LIMIT),
    after: Type.Optional(Type.String({ maxLength: 200 })),
  },
  { additionalProperties: false },
);
export type AuditQuery = Type.Static<typeof AuditQuery>;

// ---- dead letters -----------------------------------------------------------------------------------------------------

export const DeadLetterFilter = Type.Object(
  {
    reason: Type.Optional(Type.String({ maxLength: 40, description: 'As in the header holdfast-reason' })),
    sinceMs: Type.Optional(AtMs),
    untilMs: Type.Optional(AtMs),
    text: Type.Optional(
      Type.String({ minLength: 2, maxLength: 200, description: 'In key, reason, message or correlation id' }),
    ),
  },
  { additionalProperties: false },
);
export type DeadLetterFilter = Type.Static<typeof DeadLetterFilter>;

export const DeadLetterQuery = Type.Object(
  {
    reason: Type.Optional(Type.String({ maxLength: 40 })),
    sinceMs: Type.Optional(AtMs),
    untilMs: Type.Optional(AtMs),
    text: Type.Optional(Type.String({ minLength: 2, maxLength: 200 })),
    limit: Type.Optional(LIMIT),
    after: Type.Optional(Type.String({ maxLength: 500 })),
  },
  { additionalProperties: false },
);
export type DeadLetterQuery = Type.Static<typeof DeadLetterQuery>;

const letter = {
  partition: Type.Integer(),
  offset: Type.String(),
  atMs: AtMs,
  reason: Type.String(),
  message: Type.String(),
  correlationId: Nullable(Type.String()),
  jobKey: Nullable(Type.String({ description: 'As its correlation id says, if that is of our form' })),
  bytes: Type.Integer({ description: 'Of the value' }),
  original: Type.Object({
    topic: Type.String(),
    partition: Type.Integer(),
    offset: Type.String(),
    atMs: Nullable(AtMs),
  }),
  truncated: Nullable(Type.String({ description: 'What was cut off when it was kept' })),
  redriven: Type.Boolean({ description: 'It came back after having been driven once more' }),
};
export const DeadLetterSummary = Type.Object(letter);
export type DeadLetterSummary = Type.Static<typeof DeadLetterSummary>;
export const DeadLetterPage = Type.Object({
  letters: Type.Array(DeadLetterSummary, { description: 'Newest first' }),
  next: Nullable(Type.String()),
});
export type DeadLetterPage = Type.Static<typeof DeadLetterPage>;

export const DeadLetterView = Type.Object({
  ...letter,
  key: Nullable(Type.String()),
  headers: Type.Array(Type.Object({ name: Type.String(), value: Type.String() })),
  value: Nullable(Type.String({ description: 'UTF-8; null: not for this role, or not text' })),
});
export type DeadLetterView = Type.Static<typeof DeadLetterView>;

export const RedriveBody = Type.Object(
  {
    reason: Reason,
    filter: Type.Object(
      {
        ...DeadLetterFilter.properties,
        positions: Type.Optional(
          Type.Array(Type.Object({ partition: Type.Integer(), offset: Type.String({ pattern: '^[0-9]{1,19}$' }) }), {
            maxItems: 200,
            description: 'These and no others',
          }),
        ),
      },
      { additionalProperties: false },
    ),
    dryRun: Type.Optional(Type.Boolean({ default: true, description: 'Only count what would be driven' })),
    perSecond: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 10 })),
    max: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000, default: 1000 })),
  },
  { additionalProperties: false },
);
export type RedriveBody = Type.Static<typeof RedriveBody>;

export const StopRedriveBody = Type.Object({ reason: Reason }, { additionalProperties: false });

export const RedriveView = Type.Object({
  id: Type.String(),
  auditId: Nullable(Type.String()),
  state: words(['preview', 'running', 'done', 'stopped', 'failed']),
  matched: Type.Integer(),
  driven: Type.Integer(),
  skipped: Type.Integer({ description: 'Truncated ones, and reasons that driving again cannot cure' }),
  sample: Type.Array(DeadLetterSummary, { description: 'At most 20' }),
  detail: Type.String(),
});
export type RedriveView = Type.Static<typeof RedriveView>;

// ---- who asks ---------------------------------------------------------------------------------------------------------

export const WhoAmI = Type.Object({
  name: Type.String(),
  role: words(['viewer', 'operator', 'admin']),
  payloads: Type.Boolean({ description: 'May see payloads' }),
  cluster: Type.String(),
  node: Type.String({ description: 'That answers' }),
  version: Type.String(),
});
export type WhoAmI = Type.Static<typeof WhoAmI>;

// ---- errors -----------------------------------------------------------------------------------------------------------

/** RFC 9457. */
export const Problem = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: Type.Integer(),
  detail: Type.String({ description: 'What was found and what is allowed' }),
  code: Type.Optional(Type.String({ description: 'As in docs/errors.md' })),
});
export type Problem = Type.Static<typeof Problem>;
