// From an activated job to what its owner is told: the lane, the request, and every setting that the job must keep when
// its route changes later. Pure. The variables pass through as the engine's own text: nothing here parses them.
//
// A request that cannot be sent is known here already, where the reader of the incident can still be told what to do.
import type { JobKey, Lane } from '../../actors/ids.ts';
import type { Activation, CallSettings, RequestContent } from '../../actors/messages.ts';
import type { CallRules, RequestSchema, Route } from '../config/routes.ts';
import { DEFAULT_HEADER_NAMES, type HeaderNames } from '../header-names.ts';
import { withoutMember } from '../json/slices.ts';
import type { ActivatedJob } from '../ports.ts';
import { profileFault } from '../requests/profiles.ts';
import { RegistryUnavailable } from '../schema/errors.ts';
import { type SchemaRegistry, schemaIdOf } from '../schema/registry.ts';
import { companionsIn, TRACE_VARIABLE, traceIn } from '../trace.ts';
import { mappedBy } from './request-mapping.ts';

/** What the servers take, in bytes. */
export interface SizeLimits {
  /** Largest Kafka record where the topic does not say: the broker's default. */
  readonly maxRecordBytes: number;
  /** `max.message.bytes` of the request topics that could be asked. */
  readonly recordBytesOfTopic?: ReadonlyMap<string, number>;
  /** Largest NATS message: `max_payload`. */
  readonly maxPayloadBytes: number;
}

/** Key, headers and framing of a request record, generously. */
export const RECORD_OVERHEAD_BYTES = 2 * 1024;
/** What a snapshot, or a command between nodes, holds besides the request's body, generously. */
export const SNAPSHOT_OVERHEAD_BYTES = 16 * 1024;

/** The engine takes no larger result. */
const MAX_REPLY_BYTES = 2 * 1024 * 1024;
/** What travels with a reply between nodes and in its snapshot. */
const REPLY_OVERHEAD_BYTES = 32 * 1024;

/** The largest reply, in bytes, where NATS takes messages of `maxPayloadBytes`. */
export function largestReply(maxPayloadBytes: number): number {
  return Math.min(MAX_REPLY_BYTES, maxPayloadBytes - REPLY_OVERHEAD_BYTES);
}

/** Routes of one job type share its lane. */
export function laneOf(route: Route): Lane {
  return route.jobType as Lane;
}

/** What the owner of a job is told, but for the call itself. */
type CallPart = Pick<Activation, 'lane' | 'maxPending' | 'request' | 'businessKey' | 'settings' | 'fault'>;

export function activationOf(
  route: Route,
  job: ActivatedJob,
  limits: SizeLimits,
  names: HeaderNames = DEFAULT_HEADER_NAMES,
): Activation {
  const { key, businessKey, headers: mapped, fault: unmapped } = mappedBy(route, job.variables);
  // A trace context is technical, and what comes with it: they travel in headers.
  const trace = traceIn(job.variables);
  const companions = companionsIn(job.variables, trace);
  const technical = trace === '' ? [] : [TRACE_VARIABLE, ...companions.map(([name]) => name)];
  const body = technical.reduce(withoutMember, job.variables);
  const headers = [...mapped, ...companions];
  const request = { topic: route.requestTopic, key, body, schema: undefined, headers };
  const fault = unmapped ?? profileFault(route.profile, body, names) ?? sizeFault(request, limits);
  const settings = settingsOf(route, route.requestTopic);
  const { maxPending } = route;
  return activation(job, { lane: laneOf(route), maxPending, request, businessKey, settings, fault });
}

/** A request with a fault keeps no body: it would not fit into any message between nodes either. */
export function activation(job: ActivatedJob, call: CallPart): Activation {
  return {
    ...call,
    request: call.fault === undefined ? call.request : withoutBody(call.request),
    jobKey: job.key as JobKey,
    retries: job.retries,
    lockDeadlineMs: job.deadlineMs,
    ...(job.lockMs !== undefined && { lockMs: job.lockMs }),
    origin: {
      jobType: job.type,
      processId: job.bpmnProcessId,
      processVersion: job.processDefinitionVersion,
      elementId: job.elementId,
      instanceKey: job.processInstanceKey,
      elementInstanceKey: job.elementInstanceKey,
      tenantId: job.tenantId,
    },
    trace: traceIn(job.variables),
    faultPasses: false,
  };
}

function withoutBody(request: RequestContent): RequestContent {
  return { ...request, body: '', headers: [] };
}

/** The same call, in the schema that was found for it; or at fault, for a while or until somebody mends it. */
export async function inSchema(
  activation: Activation,
  { subject, message }: RequestSchema,
  schemas: Pick<SchemaRegistry, 'encode'>,
): Promise<Activation> {
  if (activation.fault !== undefined) return activation;
  try {
    const bytes = await schemas.encode(subject, activation.request.body, message);
    // Pinned: published again after a takeover, the request has the same bytes although a newer version is there.
    return { ...activation, request: { ...activation.request, schema: { id: schemaIdOf(bytes) ?? 0, message } } };
  } catch (error) {
    const fault = error instanceof Error ? error.message : String(error);
    const faultPasses = error instanceof RegistryUnavailable;
    return { ...activation, request: withoutBody(activation.request), fault, faultPasses };
  }
}

/** What a job carries of the rules of its call, whatever becomes of them later. */
export function settingsOf(rules: CallRules, requestTopic: string): CallSettings {
  return {
    replyTimeoutMs: rules.replyTimeoutMs,
    onReplyTimeout: rules.onReplyTimeout,
    timeoutErrorCode: rules.timeoutErrorCode,
    retryBackoffMs: rules.retryBackoffMs,
    lateWindowMs: rules.lateWindowMs,
    incidentWindowMs: rules.incidentWindowMs,
    heartbeatTimeoutMs: rules.heartbeatTimeoutMs,
    onLate: rules.onLate,
    lateMessageName: rules.lateMessageName,
    cancelTopic: rules.cancelRecord ? requestTopic : '',
    profile: rules.profile,
    resultVariable: rules.resultVariable,
    resultExpression: rules.resultExpression,
    errorExpression: rules.errorExpression,
  };
}

/** The text of the incident when a request is larger than Kafka or NATS takes. */
export function sizeFault({ topic, key, body, headers }: RequestContent, limits: SizeLimits): string | undefined {
  const beside = headers.reduce((sum, [name, value]) => sum + name.length + value.length, key.length) * 3;
  const record = (limits.recordBytesOfTopic?.get(topic) ?? limits.maxRecordBytes) - RECORD_OVERHEAD_BYTES - beside;
  const payload = limits.maxPayloadBytes - SNAPSHOT_OVERHEAD_BYTES - beside;
  // A UTF-16 unit takes at most three bytes: most bodies are small enough without being measured.
  if (body.length * 3 <= Math.min(record, payload)) return undefined;
  const bytes = Buffer.byteLength(body, 'utf8');
  const remedy =
    'Send less: name the variables the service needs in fetchVariables of the route, or map fewer into the task; or raise';
  const head = `The request to ${topic} has ${bytes} bytes of variables`;
  if (bytes > record) return `${head}, and Kafka takes ${record}. ${remedy} max.message.bytes of that topic.`;
  if (bytes > payload) return `${head}, and a pending job holds ${payload}. ${remedy} max_payload of the NATS servers.`;
  return undefined;
}
