// A call as spans. There are no spans in memory: a call may wait for days, and its node may change meanwhile. Each is written
// when its step is over, and everything about it is computed from the job: so the parts of one call fit together although
// different processes wrote them, and what is told twice after a takeover is the same span.
//
//   [process]                     its own trace context, where it brings one in the variable `traceparent`
//    └ hold <lane>                activation until the hold is stored
//       └ send <request topic>    until Kafka has it; its context is what the service sees
//          ├ [service]            whatever it does, where it is instrumented
//          │  └ process <reply topic>   the reply at the job's owner until its answer; a child of the service's span where
//          │     └ complete             that is of this trace, else of `send`, with a link to the service's
//          └ fail, throwError     without a reply: a deadline, or a request that could not be sent
//
// `process` links to the request that it answers, and what ends the job to its hold: the long gaps lie there.
//
// Who samples: the sampler is asked once for a trace, with the process's context as parent. The standard ones go by that and by
// the trace id alone, so all nodes decide alike, and services follow by the flag in the header.
import {
  type Attributes,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import {
  AlwaysOnSampler,
  type IdGenerator,
  NodeTracerProvider,
  type Sampler,
  SamplingDecision,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-node';
import type { OutgoingRequest, ReplyPosition, RequestOutcome } from '../../actors/messages.ts';
import type { Clock } from '../../actors/ports.ts';
import type { Snapshot } from '../../actors/snapshot.ts';
import type { CallStep } from '../../cluster/call-steps.ts';
import { productVersion } from '../product.ts';
import { formatTraceparent, parseTraceparent, requestSpanOf, spanIdOf, type TracedCall, traceIdOf } from '../trace.ts';
import type { Tracing } from '../tracing.ts';

/** What spans name besides the job. */
export interface CallNames {
  readonly cluster: string;
  readonly replyTopic: string;
  readonly replyGroup: string;
}

export interface OtelTracingOptions {
  readonly clock: Clock;
  readonly names: CallNames;
  readonly resource: Resource;
  readonly sampler: Sampler;
  readonly processor: SpanProcessor;
}

/** An orderly end does not wait longer for a receiver. */
const STOP_MS = 3_000;

const METHODS = { complete: 'CompleteJob', fail: 'FailJob', throwError: 'ThrowError' } as const;

type Held = Extract<CallStep, { kind: 'held' }>;
type Replied = Extract<CallStep, { kind: 'replied' }>;
type Ending = Extract<CallStep, { kind: 'ending' }>;

interface SpanParts {
  readonly name: string;
  readonly kind: SpanKind;
  readonly id: string;
  /** undefined: the first of its trace. */
  readonly parent: SpanContext | undefined;
  readonly links?: readonly SpanContext[];
  readonly attributes: Attributes;
  /** Why it failed; '': it did not. */
  readonly error: string;
  /** Wall clock ms. */
  readonly fromMs: number;
  readonly toMs: number;
}

export class OtelTracing implements Tracing {
  readonly #options: OtelTracingOptions;
  readonly #ids = new ComputedIds();
  readonly #provider: NodeTracerProvider;
  readonly #tracer: Tracer;

  constructor(options: OtelTracingOptions) {
    this.#options = options;
    const { resource, processor } = options;
    // What is not sampled is not even begun.
    const sampler = new AlwaysOnSampler();
    this.#provider = new NodeTracerProvider({ resource, sampler, idGenerator: this.#ids, spanProcessors: [processor] });
    this.#tracer = this.#provider.getTracer('holdfast', productVersion());
  }

  traceparent(request: OutgoingRequest): string {
    const { traceId, spanId } = this.#request(request);
    return formatTraceparent({ traceId, spanId, sampled: this.#sampled(request) });
  }

  sent(request: OutgoingRequest, outcome: RequestOutcome, fromMs: number): void {
    if (!this.#sampled(request)) return;
    const { content, correlationId, lane } = request;
    this.#write(request, {
      name: `send ${content.topic}`,
      kind: SpanKind.PRODUCER,
      id: this.#request(request).spanId,
      parent: this.#hold(request),
      attributes: { ...kafka('send', content.topic, correlationId), ...jobOf({ ...request, lane }) },
      error: outcome.kind === 'acked' ? '' : outcome.reason,
      fromMs,
      toMs: this.#options.clock.wallMs(),
    });
  }

  step(step: CallStep): void {
    const call = { ...step.snapshot, jobKey: step.jobKey };
    if (!this.#sampled(call)) return;
    // Nothing was sent; it is tried again, and told then.
    if (step.kind === 'ending' && step.answer.code === 'transient' && !step.answer.unseen) return;
    if (step.kind === 'held') this.#write(call, this.#heldSpan(call, step));
    else if (step.kind === 'replied') this.#write(call, this.#repliedSpan(call, step));
    else this.#write(call, this.#endingSpan(call, step));
  }

  async stop(): Promise<void> {
    const { clock } = this.#options;
    const patience = new Promise<void>((resolve) => clock.setTimer(STOP_MS, resolve));
    await Promise.race([this.#provider.shutdown(), patience]);
  }

  #heldSpan(call: Call, { fromMs, toMs }: Held): SpanParts {
    const id = this.#hold(call).spanId;
    const parent = parseTraceparent(call.trace);
    return {
      ...{ name: `hold ${call.lane}`, kind: SpanKind.INTERNAL, id, attributes: jobOf(call), error: '', fromMs, toMs },
      parent: parent && remote(parent.traceId, parent.spanId),
    };
  }

  #repliedSpan(call: Call, { reply, answer, fromMs, toMs }: Replied): SpanParts {
    const { replyTopic, replyGroup } = this.#options.names;
    // Its own attempt's request: it may be answered late.
    const request = this.#request(reply.attempt > 0 ? { ...call, attempt: reply.attempt } : call);
    const found = parseTraceparent(reply.seen?.traceparent ?? '');
    const service = found && remote(found.traceId, found.spanId);
    const isOfThisTrace = service?.traceId === request.traceId;
    return {
      name: `process ${replyTopic}`,
      kind: SpanKind.CONSUMER,
      id: this.#reply(call, reply.position).spanId,
      parent: service !== undefined && isOfThisTrace ? service : request,
      links: service === undefined || isOfThisTrace ? [request] : [request, service],
      attributes: {
        ...kafka('process', replyTopic, reply.seen?.correlationId ?? ''),
        'messaging.consumer.group.name': replyGroup,
        'messaging.destination.partition.id': String(reply.position.partition),
        'messaging.kafka.offset': reply.position.offset,
        'holdfast.reply.answer': answer,
        ...jobOf(call),
      },
      error: answer === 'applied' || answer === 'duplicate' ? '' : `the reply was not applied: ${answer}`,
      fromMs,
      toMs,
    };
  }

  #endingSpan(call: Call, { command, answer, cause, fromMs, toMs }: Ending): SpanParts {
    return {
      name: command,
      kind: SpanKind.CLIENT,
      id: this.#id(`ending ${command} ${fromMs}`, call).spanId,
      parent: cause === undefined ? this.#request(call) : this.#reply(call, cause),
      links: [this.#hold(call)],
      attributes: {
        'rpc.system': 'grpc',
        'rpc.service': 'gateway_protocol.Gateway',
        'rpc.method': METHODS[command],
        'holdfast.engine.answer': answer.code,
        ...jobOf(call),
      },
      error: answer.code === 'ok' ? '' : `${answer.code}: ${answer.message}`,
      fromMs,
      toMs,
    };
  }

  #write(call: TracedCall, parts: SpanParts): void {
    const { name, kind, id, parent, links = [], attributes, error, fromMs, toMs } = parts;
    this.#ids.next = { traceId: traceIdOf(this.#options.names.cluster, call), spanId: id };
    const context = parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
    const about = { kind, attributes, links: links.map((context) => ({ context })), startTime: fromMs };
    const span = this.#tracer.startSpan(name, about, context);
    if (error !== '') span.setStatus({ code: SpanStatusCode.ERROR, message: error });
    span.end(Math.max(fromMs, toMs));
  }

  #sampled(call: Pick<TracedCall, 'origin' | 'trace'>): boolean {
    const { sampler, names } = this.#options;
    const parent = parseTraceparent(call.trace);
    const context =
      parent === undefined
        ? ROOT_CONTEXT
        : trace.setSpanContext(ROOT_CONTEXT, remote(parent.traceId, parent.spanId, parent.sampled));
    const { decision } = sampler.shouldSample(
      context,
      traceIdOf(names.cluster, call),
      'call',
      SpanKind.INTERNAL,
      {},
      [],
    );
    return decision === SamplingDecision.RECORD_AND_SAMPLED;
  }

  #hold(call: TracedCall): SpanContext {
    return this.#id(`hold ${call.attempt}`, call);
  }

  #request(call: TracedCall): SpanContext {
    const { cluster } = this.#options.names;
    return remote(traceIdOf(cluster, call), requestSpanOf(cluster, call));
  }

  #reply(call: TracedCall, { partition, offset }: ReplyPosition): SpanContext {
    return this.#id(`reply ${partition} ${offset}`, call);
  }

  #id(what: string, call: TracedCall): SpanContext {
    const { cluster } = this.#options.names;
    return remote(traceIdOf(cluster, call), spanIdOf(`${cluster}\n${call.jobKey}\n${what}`));
  }
}

type Call = TracedCall & Pick<Snapshot, 'lane' | 'origin'>;

function remote(traceId: string, spanId: string, sampled = true): SpanContext {
  return { traceId, spanId, isRemote: true, traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE };
}

/** OpenTelemetry's words for messaging. */
function kafka(operation: 'send' | 'process', topic: string, correlationId: string): Attributes {
  return {
    'messaging.system': 'kafka',
    'messaging.operation.name': operation,
    'messaging.operation.type': operation,
    'messaging.destination.name': topic,
    ...(correlationId !== '' && { 'messaging.message.conversation_id': correlationId }),
  };
}

/** Keys and ids, nothing of what the business says. */
function jobOf({ jobKey, attempt, lane, origin }: Call): Attributes {
  return {
    'holdfast.lane': lane,
    'holdfast.job.key': jobKey,
    'holdfast.attempt': attempt,
    'holdfast.process.id': origin.processId,
    'holdfast.process.instance.key': origin.instanceKey,
    'holdfast.element.id': origin.elementId,
  };
}

/** The SDK asks for ids while a span begins, which is in the same turn. */
class ComputedIds implements IdGenerator {
  next = { traceId: '', spanId: '' };

  generateTraceId(): string {
    return this.next.traceId;
  }

  generateSpanId(): string {
    return this.next.spanId;
  }
}
