// Replies that nobody could use: the list, one of them, and driving them again.
import Type from 'typebox';
import { AtMs, Limit, Nullable, Reason, words } from './fields.ts';

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
    limit: Type.Optional(Limit),
    /** An offset of each partition stands in it. */
    after: Type.Optional(Type.String({ maxLength: 4_000 })),
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
