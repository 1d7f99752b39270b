// Tasks made from the element template, as real engines hand them out: what the model says arrives in one variable, and
// nothing else of the scope does; what is a whole variable in the body arrives as it was. The models are the examples of
// docs/migration.md, which are run here from start to end, before and after.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { type LocalZeebe, startTestEngine } from '../../deploy/local/index.ts';
import type { JobKey } from '../../src/actors/ids.ts';
import { templateOf } from '../../src/gateway/config/template.ts';
import { readYaml } from '../../src/gateway/config/yaml.ts';
import { callOf, type TemplateDefaults } from '../../src/gateway/intake/template-call.ts';
import { TEMPLATE_VARIABLE } from '../../src/gateway/intake/template-fields.ts';
import type { ActivatedJob } from '../../src/gateway/ports.ts';
import { openZeebe, type ZeebeClient } from '../../src/gateway/zeebe/client.ts';
import { deployProcesses } from '../../src/gateway/zeebe/deploy.ts';
import { eventually } from '../support/eventually.ts';

const CALL_MS = 20_000;

/** More than a double holds exactly, both ends of what the engine takes, a name twice, order, nothing and emptiness. */
const EXACT =
  '{"z":9007199254740993,"a":-9223372036854775808,"u":18446744073709551615,"f":1.0,"n":null,"t":"é\\"\\\\\\n","e":{},"l":[[],true],"d":{"a":1,"a":2}}';

const template = templateOf(readYaml('h.yaml', 'cluster: c', [])!, [], 15_000)!;
const defaults: TemplateDefaults = {
  rules: template,
  maxReplyTimeoutMs: template.maxReplyTimeoutMs,
  topics: { patterns: template.topics, ownTopics: [] },
  checkExpression: () => undefined,
  isTechnicalHeader: () => false,
};

describe.each(['8.6', '8.8'] as const)('engine %s', (version) => {
  let zeebe: ZeebeClient;
  let own: LocalZeebe | undefined;
  let settings: { ZEEBE_GRPC_ADDRESS: string };
  let names = 0;

  beforeAll(async () => {
    own = version === '8.8' ? await startTestEngine() : undefined;
    settings = { ZEEBE_GRPC_ADDRESS: `grpc://${own?.grpcAddress ?? inject('zeebeAddress')}` };
    zeebe = await openZeebe(settings);
  });

  afterAll(async () => {
    zeebe?.close();
    await own?.stop();
  });

  /** Deploys an example with a process id, job types and a message name that are its own. */
  async function deployExample(file: string, edit: (bpmn: string) => string = (bpmn) => bpmn): Promise<string> {
    const id = `template-edge-${process.pid}-${++names}`;
    const example = readFileSync(join(import.meta.dirname, '../../deploy/examples/migration', file), 'utf8');
    const bpmn = edit(example)
      .replace('<bpmn:process id="pay-order"', `<bpmn:process id="${id}"`)
      .replace('bpmnElement="pay-order"', `bpmnElement="${id}"`)
      .replace(/(<zeebe:taskDefinition type=)"[^"]+"/, `$1"${id}"`)
      .replace('name="card-charged">\n    <bpmn:ext', `name="${id}">\n    <bpmn:ext`);
    await deployProcesses([{ name: `${id}.bpmn`, bpmn }], settings);
    return id;
  }

  /** Starts an instance; resolves with its variables when it has ended. */
  function run(id: string, variables: string): Promise<string> {
    const request = { bpmnProcessId: id, version: -1, variables };
    const asked = { request, requestTimeout: String(CALL_MS), fetchVariables: ['payment', 'orderId', 'amount'] };
    return zeebe.call('CreateProcessInstanceWithResult', asked, CALL_MS).then((ended) => ended.variables);
  }

  function jobOf(id: string, fetchVariables: readonly string[]): Promise<ActivatedJob> {
    const query = { jobType: id, worker: 'test', lockMs: 60_000, fetchVariables, tenantIds: ['<default>'] };
    return eventually(`a job of ${id}`, async () => (await zeebe.activate(query, 1, 1_000))[0], {
      deadlineMs: CALL_MS,
    });
  }

  test('of a task made from the template only its inputs arrive, and they make the call', async () => {
    const id = await deployExample('after.bpmn');
    const ended = run(id, '{"orderId":"o-1","amount":9007199254740993,"secret":"s","holdfast":{"topic":"outer"}}');
    const job = await jobOf(id, [TEMPLATE_VARIABLE]);
    expect(job.variables).toBe(
      '{"holdfast":{"topic":"payments.requests","key":"o-1","body":{"orderId":"o-1","amount":9007199254740993},"replyTimeout":"PT10M"}}',
    );
    expect(callOf(job, defaults)).toMatchObject({
      request: {
        topic: 'payments.requests',
        key: 'o-1',
        body: '{"orderId":"o-1","amount":9007199254740993}',
        headers: [],
      },
      settings: { replyTimeoutMs: 600_000, resultVariable: 'payment' },
      fault: undefined,
    });
    await zeebe.complete(job.key as JobKey, '{"payment":{"paid":true}}', CALL_MS);
    const result = await ended;
    expect(result).toContain('"amount":9007199254740993');
    expect(JSON.parse(result)).toMatchObject({ orderId: 'o-1', payment: { paid: true } });
  });

  test('a whole variable reaches the service as it is, in a send task too', async () => {
    const id = await deployExample('after.bpmn', (bpmn) =>
      bpmn.replaceAll('bpmn:serviceTask', 'bpmn:sendTask').replace('={orderId: orderId, amount: amount}', '=order'),
    );
    const ended = run(id, `{"order":${EXACT}}`);
    const job = await jobOf(id, [TEMPLATE_VARIABLE]);
    expect(callOf(job, defaults)).toMatchObject({ request: { body: EXACT, key: '' }, fault: undefined });
    await zeebe.complete(job.key as JobKey, '{}', CALL_MS);
    await ended;
  });

  test.each(['before.bpmn', 'before-connectors.bpmn'])(
    '%s waits for a message, as after.bpmn for a reply',
    async (file) => {
      const id = await deployExample(file);
      const ended = run(id, '{"orderId":"o-1","amount":12}');
      const job = await jobOf(id, []);
      await zeebe.complete(job.key as JobKey, '{}', CALL_MS);
      const message = {
        name: id,
        correlationKey: 'o-1',
        timeToLive: String(CALL_MS),

        tenantId: '<default>',
      };
      await zeebe.call('PublishMessage', { ...message, variables: '{"payment":{"paid":true}}' }, CALL_MS);
      expect(JSON.parse(await ended)).toEqual({ orderId: 'o-1', amount: 12, payment: { paid: true } });
    },
  );
});
