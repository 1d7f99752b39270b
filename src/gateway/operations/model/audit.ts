// What was done by whom, and why.
import Type from 'typebox';
import { AtMs, Limit, Nullable } from './fields.ts';

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
    limit: Type.Optional(Limit),
    after: Type.Optional(Type.String({ maxLength: 200 })),
  },
  { additionalProperties: false },
);
export type AuditQuery = Type.Static<typeof AuditQuery>;
