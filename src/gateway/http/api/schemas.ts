// The schemas of the model by name, so that the OpenAPI document has one of each, and the parts of a route's schema that
// are the same everywhere. A reference is typed as what it refers to: handlers are checked against the real thing.
import Type from 'typebox';
import {
  ActResult,
  CompleteBody,
  DrainBody,
  DropBody,
  ExtendBody,
  FailBody,
  ResendBody,
  ThrowBody,
} from '../../operations/model/acts.ts';
import { AuditPage } from '../../operations/model/audit.ts';
import { ClusterView, WhoAmI } from '../../operations/model/cluster.ts';
import {
  DeadLetterPage,
  DeadLetterView,
  RedriveBody,
  RedriveView,
  StopRedriveBody,
} from '../../operations/model/dead-letters.ts';
import { FlowView, RoutesView } from '../../operations/model/flow.ts';
import { JobPage, JobView, OutcomePage } from '../../operations/model/jobs.ts';
import { Problem } from '../../operations/model/problem.ts';
import { PROBLEMS, type ProblemCode, TITLES } from './problem.ts';

/** What an act answers that was not done: a problem, and what was written down of it. */
export const ActProblem = Type.Object({
  ...Problem.properties,
  auditId: Type.String(),
  result: ActResult.properties.result,
});

/** No parameter, no field: what is given all the same is refused, not ignored. */
export const Nothing = Type.Object({}, { additionalProperties: false });

const NAMED = {
  ...{ WhoAmI, ClusterView, FlowView, RoutesView },
  ...{ JobPage, JobView, OutcomePage, AuditPage },
  ...{ ResendBody, ExtendBody, CompleteBody },
  ...{ FailBody, ThrowBody, DropBody, DrainBody },
  ...{ ActResult, DeadLetterPage, DeadLetterView },
  ...{ RedriveBody, RedriveView, StopRedriveBody },
  ...{ Problem, ActProblem },
} satisfies Record<string, Type.TSchema>;

export const NAMED_SCHEMAS: readonly object[] = Object.entries(NAMED).map(([name, schema]) => ({
  ...schema,
  $id: name,
}));

/** The schema by its name, for the document; to the compiler it is the schema itself. */
export function named<const N extends keyof typeof NAMED>(name: N): (typeof NAMED)[N] {
  return { $ref: `${name}#` } as unknown as (typeof NAMED)[N];
}

/** Anybody who asks may get these. */
const ALWAYS: readonly ProblemCode[] = [
  ...(['BAD_REQUEST', 'UNAUTHENTICATED', 'FORBIDDEN', 'WRONG_HOST', 'RATE_LIMITED', 'INTERNAL'] as const),
  ...(['AUTHENTICATION_UNAVAILABLE', 'OPERATION_UNAVAILABLE'] as const),
];

/** A route's `response`. Problems are not among them: no schema is needed to write one; the document gets them by `problemsOf`. */
export function answers<T extends Type.TSchema>(description: string, schema: T): { readonly 200: T } {
  const good = { description, content: { 'application/json': { schema } } };
  return { 200: good } as unknown as { readonly 200: T };
}

/** What the document says of a route's problems, by status. @param further than those that anybody may get */
export function problemsOf(further: readonly ProblemCode[]): Readonly<Record<string, object>> {
  const codes = [...ALWAYS, ...further];
  const statuses = [...new Set(codes.map((code) => PROBLEMS[code]))].toSorted((a, b) => a - b);
  const described = statuses.map((status) => {
    const description = `${TITLES[status]}: ${codes.filter((code) => PROBLEMS[code] === status).join(', ')}`;
    const schema = named(isOfAct(status, further) ? 'ActProblem' : 'Problem');
    return [status, { description, content: { 'application/problem+json': { schema } } }] as const;
  });
  return Object.fromEntries(described);
}

function isOfAct(status: number, further: readonly ProblemCode[]): boolean {
  return further.includes('ACT_REFUSED') && (status === 404 || status === 409 || status === 422);
}
