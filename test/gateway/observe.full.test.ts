// What a running cluster shows to the tools of others: calls as traces to a receiver of OTLP, nodes to the nats command, and the
// bucket to both. Two nodes as processes, real servers, and a service that continues the trace as an instrumented one does.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { natsCli } from '../../deploy/local/nats-cli.ts';
import { eventually } from '../support/eventually.ts';
import { OtlpReceiver, type ReceivedSpan } from '../support/otlp-receiver.ts';
import type { ServiceRequest } from '../support/service.ts';
import { Trial } from '../support/trial.ts';

const run = promisify(execFile);
const PROCESS_TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PROCESS_SPAN = '00f067aa0ba902b7';
const SERVICE_SPAN = 'c0ffeec0ffeec0ff';

let receiver: OtlpReceiver;
let trial: Trial;
let nats: string;

beforeAll(async () => {
  [receiver, nats] = await Promise.all([OtlpReceiver.start(), natsCli()]);
  const servers = {
    natsUrl: inject('natsUrl'),
    kafkaBrokers: inject('kafkaBrokers'),
    zeebeAddress: inject('zeebeAddress'),
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_BSP_SCHEDULE_DELAY: '200',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
    },
  };
  trial = await Trial.start({ servers, nodes: 2, behaviour: () => undefined });
}, 600_000);

afterAll(async () => {
  await trial?.stop();
  await receiver?.[Symbol.asyncDispose]();
});

describe('a call as a trace', () => {
  async function called(variables: Readonly<Record<string, unknown>>): Promise<ServiceRequest> {
    const [token = ''] = await trial.driver.start(1, { variables });
    const request = await eventually('the request', () => trial.service.about(token)[0], {
      deadlineMs: 60_000,
      diagnose: () => trial.diagnose(),
    });
    const [, traceId] = (request.headers.traceparent ?? '').split('-');
    const traceparent = `00-${traceId}-${SERVICE_SPAN}-01`;
    trial.service.reply(request, JSON.stringify({ answer: { token, number: 1 } }), { traceparent });
    await trial.driver.allAnswered([token], { diagnose: () => trial.diagnose() });
    return request;
  }

  function spansOf(traceId: string): Promise<ReadonlyMap<string, ReceivedSpan>> {
    const named = () => new Map(receiver.spans.filter((span) => span.traceId === traceId).map((s) => [s.name, s]));
    return eventually('the four spans', () => (named().size < 4 ? undefined : named()), {
      deadlineMs: 30_000,
      diagnose: () => receiver.spans,
    });
  }

  test('four spans of one trace arrive, around what the service did', async () => {
    const request = await called({});
    const [, traceId = '', requestSpan] = (request.headers.traceparent ?? '').split('-');
    const spans = await spansOf(traceId);
    const hold = spans.get(`hold ${trial.jobType}`)!;
    const send = spans.get(`send ${trial.requestTopic}`)!;
    const process = spans.get(`process holdfast.${trial.cluster}.replies`)!;
    const complete = spans.get('complete')!;
    expect(hold.parentSpanId).toBe('');
    expect([send.spanId, send.parentSpanId]).toEqual([requestSpan, hold.spanId]);
    expect(process.parentSpanId).toBe(SERVICE_SPAN);
    expect(process.links).toEqual([{ traceId, spanId: requestSpan }]);
    expect(complete.parentSpanId).toBe(process.spanId);
    expect(complete.links).toEqual([{ traceId, spanId: hold.spanId }]);
    expect([hold, send, process, complete].map(({ kind }) => kind)).toEqual([1, 4, 5, 3]);
    expect([hold, send, process, complete].map(({ status }) => status)).toEqual([0, 0, 0, 0]);
    expect(process.attributes).toMatchObject({
      'messaging.system': 'kafka',
      'messaging.message.conversation_id': request.correlationId,
      'holdfast.reply.answer': 'applied',
    });
    expect(complete.attributes['rpc.method']).toBe('CompleteJob');
    expect(hold.resource).toMatchObject({
      'service.name': 'holdfast',
      'service.namespace': trial.cluster,
      'service.instance.id': expect.stringMatching(/^n[12]$/),
      'deployment.environment.name': 'test',
    });
    expect([...receiver.asked]).toEqual(['POST /v1/traces application/x-protobuf']);

    // The log says the same of this call.
    const lines = (await Promise.all(trial.nodes.all.map((node) => node.log()))).flat();
    const ofCall = lines.filter(({ jobKey, traceId }) => jobKey === hold.attributes['holdfast.job.key'] && traceId);
    expect(ofCall.map(({ message }) => message)).toContain('job completed');
    expect(new Set(ofCall.map((line) => line.traceId))).toEqual(new Set([traceId]));
  });

  test('a process that has a trace keeps it, and the service gets it as a header only', async () => {
    const request = await called({ traceparent: `00-${PROCESS_TRACE}-${PROCESS_SPAN}-01` });
    expect(Object.keys(JSON.parse(request.body))).toEqual(['token']);
    const spans = await spansOf(PROCESS_TRACE);
    expect(spans.get(`hold ${trial.jobType}`)?.parentSpanId).toBe(PROCESS_SPAN);
    expect(spans.get(`send ${trial.requestTopic}`)?.spanId).toBe(request.headers.traceparent?.split('-')[2]);
  });
});

describe('the nats command', () => {
  interface Service {
    readonly name: string;
    readonly id: string;
    readonly version: string;
    readonly metadata: Readonly<Record<string, string>>;
    readonly endpoints: readonly { readonly name: string; readonly subject: string; readonly num_requests?: number }[];
  }

  async function asked<T>(...args: readonly string[]): Promise<T> {
    const { stdout } = await run(nats, ['--server', inject('natsUrl'), ...args, '--json'], { timeout: 30_000 });
    return JSON.parse(stdout) as T;
  }

  const nodesIn = (services: readonly Service[]) => services.map(({ metadata }) => metadata.node).toSorted();

  test('micro ls and info show each node, by its incarnation', async () => {
    const name = `holdfast-${trial.cluster}`;
    const all = await asked<Service[]>('micro', 'ls', name);
    expect(nodesIn(all)).toEqual(['n1', 'n2']);
    for (const { id, metadata, version } of all) {
      expect(id).toMatch(new RegExp(`^${metadata.node}-[0-9a-f]{12}$`));
      expect(version).toMatch(/^\d+\.\d+\.\d+/);
    }
    const [{ id } = { id: '' }] = all;
    const { stdout } = await run(nats, ['--server', inject('natsUrl'), 'micro', 'info', name, id], { timeout: 30_000 });
    expect(stdout).toContain(`Subject: holdfast.${trial.cluster}.node.${id}.commands`);
    expect(stdout).toMatch(new RegExp(`cluster: ${trial.cluster}`));
  });

  test('micro stats counts what each endpoint was asked', async () => {
    const name = `holdfast-${trial.cluster}`;
    const requestsOf = async (): Promise<number> => {
      const all = await asked<Service[]>('micro', 'stats', name);
      expect(nodesIn(all)).toEqual(['n1', 'n2']);
      for (const { endpoints } of all) {
        expect(endpoints.map((endpoint) => endpoint.name)).toEqual(['commands', 'answers', 'ping', 'release']);
      }
      const commands = all.flatMap(({ endpoints }) => endpoints.filter((endpoint) => endpoint.name === 'commands'));
      return commands.reduce((sum, { num_requests = 0 }) => sum + num_requests, 0);
    };
    const before = await requestsOf();
    trial.service.release(({ body }, number) =>
      JSON.stringify({ answer: { token: (JSON.parse(body) as { token: string }).token, number } }),
    );
    // Half of what one node takes belongs to the other, of activations and of replies.
    await trial.driver.allAnswered(await trial.driver.start(40), { diagnose: () => trial.diagnose() });
    expect(await requestsOf()).toBeGreaterThan(before + 5);
  });

  test.each([
    ['KV_holdfast_*_jobs', 'pending jobs, claims and members'],
    ['holdfast_*_audit', 'who did what, and what came of it'],
  ])('stream info says of %s what it is, whose, and who has made it', async (pattern, what) => {
    const { config } = await asked<{ config: { description: string; metadata: Record<string, string> } }>(
      ...['stream', 'info', pattern.replace('*', trial.cluster)],
    );
    expect(config.description).toBe(`holdfast ${trial.cluster}: ${what}`);
    expect(config.metadata).toMatchObject({
      'holdfast.cluster': trial.cluster,
      'holdfast.made-by': expect.stringMatching(/^\d+\.\d+\.\d+/),
    });
  });

  test('consumer ls says whose the watches of the bucket are', async () => {
    const stream = `KV_holdfast_${trial.cluster}_jobs`;
    const { stdout } = await run(nats, ['--server', inject('natsUrl'), 'consumer', 'ls', stream], { timeout: 30_000 });
    for (const node of ['n1', 'n2']) expect(stdout).toContain(`a watch of holdfast ${trial.cluster} ${node}`);
  });

  test('a node that is gone is not listed any more', async () => {
    const name = `holdfast-${trial.cluster}`;
    await trial.node('n2').stop();
    const all = await asked<Service[]>('micro', 'ls', name);
    expect(nodesIn(all)).toEqual(['n1']);
  });
});

test('what the node tells of its servers, its version and its room', async () => {
  const node = trial.node('n1');
  for (const server of ['nats', 'kafka', 'zeebe']) {
    await eventually(
      `${server} to count as reachable`,
      async () => (await node.metric('holdfast_server_reachable', { server })) === 1,
      { diagnose: () => node.diagnose() },
    );
  }
  expect(await node.metric('holdfast_build_info')).toBe(1);
  expect(await node.metric('holdfast_put_duration_seconds_count')).toBeGreaterThan(0);
  expect(await node.metric('holdfast_room_jobs', { lane: trial.jobType })).toBeGreaterThan(0);
  expect(await node.metric('holdfast_shard_acquisition_duration_seconds_count')).toBeGreaterThan(0);
  await eventually('every reply to be settled', async () => (await node.metric('holdfast_reply_lag_records')) === 0, {
    diagnose: () => node.diagnose(),
  });
});
