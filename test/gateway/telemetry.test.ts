// A call as spans, over the whole bridge in virtual time: the nodes share one exporter, as their processes share one receiver.
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { describe, expect, test } from 'vitest';
import type { Snapshot } from '../../src/actors/snapshot.ts';
import type { ClusterEvent } from '../../src/cluster/events.ts';
import { loadConfig } from '../../src/gateway/config/config.ts';
import { createLog, SILENT } from '../../src/gateway/log.ts';
import { logEvent } from '../../src/gateway/node-log.ts';
import type { TraceSettings } from '../../src/gateway/telemetry/settings.ts';
import { samplerOf, startTracing } from '../../src/gateway/telemetry/start.ts';
import { traceIdOf } from '../../src/gateway/trace.ts';
import { type BridgeNodeOptions, bridgeNodes } from '../sim/bridge-node.ts';
import { CALM } from '../sim/faults.ts';
import { CORRELATION_HEADER, header, type Written } from '../sim/kafka-log.ts';
import { JOB_TYPE, NAMES, World } from '../sim/world.ts';

const SECOND = 1_000;
const PROCESS_TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PROCESS_SPAN = '00f067aa0ba902b7';
const SERVICE_SPAN = 'aaaaaaaaaaaaaaaa';
const FOREIGN_TRACE = 'ffffffffffffffffffffffffffffffff';

interface Traced {
  readonly world: World;
  readonly spans: () => readonly ReadableSpan[];
}

/** Nodes that follow calls, and a service that answers only when the test says so. */
function traced(settings: Partial<TraceSettings> = {}, options: Partial<BridgeNodeOptions> = {}, nodes = 3): Traced {
  const exporter = new InMemorySpanExporter();
  const names = { cluster: 'sim', replyTopic: NAMES.replyTopic, replyGroup: 'holdfast.sim' };
  const factory = bridgeNodes({
    ...options,
    tracing: ({ name, clock }) =>
      startTracing(
        { sampler: 'parentbased_always_on', ratio: 1, headers: [], ...settings },
        { ...names, node: name },
        { clock, log: SILENT },
        new SimpleSpanProcessor(exporter),
      ),
  });
  const faults = { ...CALM, service: { ...CALM.service, never: 1 } };
  return { world: new World({ seed: 7, nodes, faults, factory }), spans: () => exporter.getFinishedSpans() };
}

async function requestOf(world: World, variables: string): Promise<Written> {
  world.startAll();
  await world.run(8 * SECOND);
  world.engine.jobs.start(JOB_TYPE, variables, 3, []);
  await world.run(2 * SECOND);
  return requestsIn(world)[0]!;
}

function requestsIn(world: World): Written[] {
  const records = world.kafka.log.partitions(NAMES.requestTopic).flat();
  return records.filter((record) => record !== null).toSorted((a, b) => a.timestampMs - b.timestampMs);
}

async function reply(world: World, request: Written, traceparent?: string, thenMs = 5 * SECOND): Promise<void> {
  const correlationId = header(request, CORRELATION_HEADER);
  world.kafka.log.append('', NAMES.replyTopic, {
    key: correlationId,
    value: '{}',
    headers: [
      { name: CORRELATION_HEADER, value: correlationId },
      ...(traceparent === undefined ? [] : [{ name: 'traceparent', value: traceparent }]),
    ],
  });
  await world.run(thenMs);
}

function named(spans: readonly ReadableSpan[], name: string): ReadableSpan {
  const found = spans.filter((span) => span.name === name);
  expect(found.map((span) => span.name)).toEqual([name]);
  return found[0]!;
}

const idOf = (span: ReadableSpan) => span.spanContext().spanId;

describe('one call', () => {
  test('is one trace: what the service does hangs below the request, and what becomes of its reply below that', async () => {
    const { world, spans } = traced();
    const request = await requestOf(world, '{"order":1}');
    const [, traceId, sentId] = header(request, 'traceparent').split('-');
    await reply(world, request, `00-${traceId}-${SERVICE_SPAN}-01`);

    expect(
      spans()
        .map(({ name }) => name)
        .toSorted(),
    ).toEqual(['complete', `hold ${JOB_TYPE}`, `process ${NAMES.replyTopic}`, `send ${NAMES.requestTopic}`]);
    expect(new Set(spans().map((span) => span.spanContext().traceId))).toEqual(new Set([traceId]));
    const [hold, send] = [named(spans(), `hold ${JOB_TYPE}`), named(spans(), `send ${NAMES.requestTopic}`)];
    const [process, complete] = [named(spans(), `process ${NAMES.replyTopic}`), named(spans(), 'complete')];
    expect(hold.parentSpanContext).toBeUndefined();
    expect(send.parentSpanContext?.spanId).toBe(idOf(hold));
    expect(idOf(send)).toBe(sentId);
    expect(process.parentSpanContext?.spanId).toBe(SERVICE_SPAN);
    expect(process.links.map(({ context }) => context.spanId)).toEqual([sentId]);
    expect(complete.parentSpanContext?.spanId).toBe(idOf(process));
    expect(complete.links.map(({ context }) => context.spanId)).toEqual([idOf(hold)]);
    expect([hold, send, process, complete].map(({ kind }) => kind)).toEqual([
      ...[SpanKind.INTERNAL, SpanKind.PRODUCER, SpanKind.CONSUMER, SpanKind.CLIENT],
    ]);

    const correlationId = header(request, CORRELATION_HEADER);
    expect(send.attributes).toMatchObject({
      'messaging.system': 'kafka',
      'messaging.operation.type': 'send',
      'messaging.destination.name': NAMES.requestTopic,
      'messaging.message.conversation_id': correlationId,
      'holdfast.attempt': 1,
    });
    expect(process.attributes).toMatchObject({
      'messaging.operation.type': 'process',
      'messaging.message.conversation_id': correlationId,
      'messaging.consumer.group.name': 'holdfast.sim',
      'messaging.kafka.offset': '0',
      'holdfast.reply.answer': 'applied',
    });
    expect(complete.attributes).toMatchObject({ 'rpc.method': 'CompleteJob', 'holdfast.engine.answer': 'ok' });
    const ms = (time: readonly [number, number]) => time[0] * 1_000 + time[1] / 1e6;
    expect(ms(hold.startTime)).toBeLessThanOrEqual(ms(send.startTime));
    expect(ms(process.startTime)).toBeLessThanOrEqual(ms(complete.startTime));
    expect(ms(complete.endTime)).toBeLessThanOrEqual(ms(process.endTime));
    expect(ms(process.endTime)).toBeLessThanOrEqual(world.clock.wallMs());
  });

  test('belongs to the trace of its process, where that names one; the variable does not reach the service as data', async () => {
    const { world, spans } = traced();
    const variables = `{"order":1,"traceparent":"00-${PROCESS_TRACE}-${PROCESS_SPAN}-01","last":2}`;
    const request = await requestOf(world, variables);
    await reply(world, request);
    expect(Buffer.from(request.value!).toString()).toBe('{"order":1,"last":2}');
    const send = named(spans(), `send ${NAMES.requestTopic}`);
    expect(header(request, 'traceparent')).toBe(`00-${PROCESS_TRACE}-${idOf(send)}-01`);
    expect(spans()).toHaveLength(4);
    for (const span of spans()) expect(span.spanContext().traceId).toBe(PROCESS_TRACE);
    expect(named(spans(), `hold ${JOB_TYPE}`).parentSpanContext?.spanId).toBe(PROCESS_SPAN);
    // The service says nothing of its own.
    expect(named(spans(), `process ${NAMES.replyTopic}`).parentSpanContext?.spanId).toBe(idOf(send));
  });

  test('links to a service that began a trace of its own', async () => {
    const { world, spans } = traced();
    const request = await requestOf(world, '{"order":1}');
    await reply(world, request, `00-${FOREIGN_TRACE}-${SERVICE_SPAN}-01`);
    const [send, process] = [
      named(spans(), `send ${NAMES.requestTopic}`),
      named(spans(), `process ${NAMES.replyTopic}`),
    ];
    expect(process.spanContext().traceId).toBe(send.spanContext().traceId);
    expect(process.parentSpanContext?.spanId).toBe(idOf(send));
    expect(process.links.map(({ context }) => context.traceId)).toEqual([send.spanContext().traceId, FOREIGN_TRACE]);
  });

  test('is the same trace when another node ends it', async () => {
    const { world, spans } = traced();
    const request = await requestOf(world, '{"order":1}');
    const holder = world.history.of('stored').findLast(({ key }) => /^\d+\.\d+$/.test(key))!.node;
    world.kill(holder);
    await world.run(20 * SECOND);
    await reply(world, request);
    const process = named(spans(), `process ${NAMES.replyTopic}`);
    const nodeOf = (span: ReadableSpan) => span.resource.attributes['service.instance.id'];
    expect(nodeOf(named(spans(), `hold ${JOB_TYPE}`))).toBe(holder);
    expect(nodeOf(process)).not.toBe(holder);
    expect(process.parentSpanContext?.spanId).toBe(header(request, 'traceparent').split('-')[2]);
    expect(named(spans(), 'complete').links[0]?.context.spanId).toBe(idOf(named(spans(), `hold ${JOB_TYPE}`)));
  });

  test('that is asked again after a failure has a request of its own for each attempt', async () => {
    const { world, spans } = traced(
      {},
      { route: { replyTimeoutMs: 3_000, onReplyTimeout: 'fail', retryBackoffMs: 200 } },
    );
    await requestOf(world, '{"order":1}');
    await world.run(10 * SECOND);
    const requests = requestsIn(world);
    expect(requests.length).toBeGreaterThan(1);
    const sentIds = requests.map((request) => header(request, 'traceparent').split('-')[2]);
    expect(new Set(sentIds).size).toBe(requests.length);
    const fails = spans().filter(({ name }) => name === 'fail');
    expect(fails[0]?.parentSpanContext?.spanId).toBe(sentIds[0]);
    expect(new Set(spans().map(idOf)).size).toBe(spans().length);
  });

  test('whose request cannot be sent says why', async () => {
    const { world, spans } = traced({}, { route: { requestTopic: 'nowhere' } });
    world.startAll();
    await world.run(8 * SECOND);
    world.engine.jobs.start(JOB_TYPE, '{"order":1}', 3, []);
    await world.run(5 * SECOND);
    const { status } = named(spans(), 'send nowhere');
    expect(status.code).toBe(SpanStatusCode.ERROR);
    expect(status.message).toContain('nowhere');
  });
});

describe('who samples', () => {
  const VARIABLES = (flags: string) => `{"traceparent":"00-${PROCESS_TRACE}-${PROCESS_SPAN}-${flags}"}`;

  test('a process that is not sampled: no spans, and the service is told so', async () => {
    const { world, spans } = traced();
    const request = await requestOf(world, VARIABLES('00'));
    await reply(world, request);
    expect(header(request, 'traceparent')).toMatch(new RegExp(`^00-${PROCESS_TRACE}-[0-9a-f]{16}-00$`));
    expect(spans()).toEqual([]);
  });

  test('always_on asks no parent', async () => {
    const { world, spans } = traced({ sampler: 'always_on' });
    const request = await requestOf(world, VARIABLES('00'));
    await reply(world, request);
    expect(header(request, 'traceparent').endsWith('-01')).toBe(true);
    expect(spans()).toHaveLength(4);
  });

  test('a ratio takes whole calls: all spans of a trace, or none', async () => {
    const { world, spans } = traced({ sampler: 'parentbased_traceidratio', ratio: 0.5 });
    world.startAll();
    await world.run(8 * SECOND);
    for (let order = 1; order <= 40; order++) world.engine.jobs.start(JOB_TYPE, `{"order":${order}}`, 3, []);
    await world.run(2 * SECOND);
    const requests = requestsIn(world);
    for (const request of requests) await reply(world, request, undefined, 0);
    await world.run(5 * SECOND);
    const sampled = requests.filter((request) => header(request, 'traceparent').endsWith('-01'));
    expect(sampled.length).toBeGreaterThan(5);
    expect(sampled.length).toBeLessThan(35);
    const perTrace = Map.groupBy(spans(), (span) => span.spanContext().traceId);
    expect(perTrace.size).toBe(sampled.length);
    for (const spansOfOne of perTrace.values()) expect(spansOfOne).toHaveLength(4);
  });

  test.each(['always_off', 'parentbased_always_off'] as const)('%s writes nothing', async (sampler) => {
    const { world, spans } = traced({ sampler });
    await reply(world, await requestOf(world, '{"order":1}'));
    expect(spans()).toEqual([]);
    expect(samplerOf({ sampler, ratio: 1, headers: [] }).toString()).toMatch(/AlwaysOff/);
  });
});

describe('the environment says whether and how', () => {
  const SERVERS = { NATS_URL: 'nats://127.0.0.1:4222', KAFKA_BOOTSTRAP_SERVERS: 'kafka-1:9092' };
  const FILE = 'cluster: orders\nroutes: [{ jobType: charge-card, requestTopic: payments }]';
  const tracesOf = (env: Readonly<Record<string, string>>) =>
    loadConfig({ ...SERVERS, ...env }, () => FILE, 'node').traces;
  const OTLP = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' };
  const DEFAULT = { sampler: 'parentbased_always_on', ratio: 1, headers: [] };

  test.each([
    ['nothing', {}, undefined],
    ['an endpoint', OTLP, DEFAULT],
    ['an endpoint of traces', { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://collector/v1/traces' }, DEFAULT],
    ['an exporter', { OTEL_TRACES_EXPORTER: 'otlp' }, DEFAULT],
    ['an endpoint of something else', { ...OTLP, OTEL_TRACES_EXPORTER: 'none' }, undefined],
    ['off', { ...OTLP, OTEL_SDK_DISABLED: 'true' }, undefined],
    [
      'a share',
      { ...OTLP, OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.25' },
      { sampler: 'parentbased_traceidratio', ratio: 0.25, headers: [] },
    ],
  ] as const)('%s', (_, env, traces) => {
    expect(tracesOf(env)).toEqual(traces);
  });

  test.each([
    { ...OTLP, OTEL_TRACES_SAMPLER_ARG: '1.5' },
    { ...OTLP, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
    { OTEL_TRACES_EXPORTER: 'jaeger' },
    { ...OTLP, OTEL_EXPORTER_OTLP_HEADERS: 'no header' },
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' },
  ])('what cannot be done is a fault: %o', (env) => {
    expect(() => tracesOf(env)).toThrow(new RegExp(Object.keys(env).at(-1) ?? ''));
  });
});

test('a log line of one job has its trace, computed only where the line is written', () => {
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
  const snapshot = { kind: 'held', attempt: 1, outcome: undefined, lane: 'charge', trace: '' } as unknown as Snapshot;
  let asked = 0;
  const origin = {
    get instanceKey() {
      asked += 1;
      return '2251799813685249';
    },
  };
  const event = { kind: 'stored', shard: 3, jobKey: '7', snapshot: { ...snapshot, origin } } as unknown as ClusterEvent;
  logEvent(createLog('info', {}, destination), 'sim', { from: 'cluster', event });
  expect([lines, asked]).toEqual([[], 0]);
  logEvent(createLog('debug', {}, destination), 'sim', { from: 'cluster', event });
  expect(lines).toMatchObject([
    {
      message: 'job held',
      jobKey: '7',
      traceId: traceIdOf('sim', { origin: { instanceKey: '2251799813685249' }, trace: '' }),
    },
  ]);
});

test('the trace of a log line is that of its call', () => {
  const origin = { instanceKey: '2251799813685249' };
  expect(traceIdOf('sim', { origin, trace: `00-${PROCESS_TRACE}-${PROCESS_SPAN}-01` })).toBe(PROCESS_TRACE);
  const computed = traceIdOf('sim', { origin, trace: '' });
  expect(computed).toMatch(/^[0-9a-f]{32}$/);
  // What is no trace context counts as none.
  expect(traceIdOf('sim', { origin, trace: '00-zz' })).toBe(computed);
  expect(traceIdOf('other', { origin, trace: '' })).not.toBe(computed);
});
