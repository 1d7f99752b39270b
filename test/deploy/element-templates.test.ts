// The element templates: valid for Camunda's modelers, in the order and under the names that users of its connectors know,
// and in one language with the code that reads what they write.
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, test } from 'vitest';
import { ROUTE } from '../../src/gateway/config/routes.ts';
import { TEMPLATE_JOB_TYPE } from '../../src/gateway/config/template.ts';
import { HEADER_LABELS, INPUT_LABELS } from '../../src/gateway/intake/template-fields.ts';

interface Property {
  readonly id?: string;
  readonly label?: string;
  readonly type: string;
  readonly value?: string;
  readonly feel?: string;
  readonly optional?: boolean;
  readonly group?: string;
  readonly constraints?: { readonly notEmpty?: boolean };
  readonly choices?: readonly { readonly value: string }[];
  readonly binding: {
    readonly type: string;
    readonly name?: string;
    readonly key?: string;
    readonly property?: string;
  };
}

interface Template {
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly elementType: { readonly value: string };
  readonly groups: readonly { readonly id: string }[];
  readonly properties: readonly Property[];
}

const folder = join(import.meta.dirname, '../../deploy/element-templates');
const read = (file: string): Template => JSON.parse(readFileSync(join(folder, file), 'utf8'));
const service = read('holdfast-kafka-request.json');
const send = read('holdfast-kafka-request-send-task.json');

const schema: object = createRequire(import.meta.url)(
  '@camunda/zeebe-element-templates-json-schema/resources/schema.json',
);
const valid = new Ajv({ strict: false, allErrors: true }).compile(schema);

function faultsOf(template: unknown): string[] {
  return valid(template) ? [] : (valid.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

function bound(type: string, template = service): Property[] {
  return template.properties.filter(({ binding }) => binding.type === type);
}

describe("Camunda's schema", () => {
  test.each(readdirSync(folder))('%s is valid', (file) => {
    expect(faultsOf(read(file))).toEqual([]);
  });

  test('would tell what is not', () => {
    const [first, ...others] = service.properties;
    expect(faultsOf({ ...service, id: undefined, version: '1' })).not.toEqual([]);
    expect(
      faultsOf({ ...service, properties: [{ ...first, binding: { type: 'zeebe:nowhere' } }, ...others] }),
    ).not.toEqual([]);
    const lists = service.properties.map(({ choices: _, ...property }) => property);
    expect(faultsOf({ ...service, properties: lists })).not.toEqual([]);
  });
});

test('the send task has the same fields', () => {
  const own = ({ id, name, elementType, ...rest }: Template) => [
    [id, name, elementType.value],
    JSON.parse(JSON.stringify(rest).replaceAll(`"${id}"`, '"id"')),
  ];
  const [[serviceId, serviceName, serviceElement], serviceRest] = own(service);
  const [[sendId, sendName, sendElement], sendRest] = own(send);
  expect([serviceElement, sendElement]).toEqual(['bpmn:ServiceTask', 'bpmn:SendTask']);
  expect(serviceId).not.toBe(sendId);
  expect(serviceName).not.toBe(sendName);
  expect(sendRest).toEqual(serviceRest);
});

test('the groups come in the order of the connectors, and the fields in the order of the groups', () => {
  const groups = service.groups.map(({ id }) => id);
  expect(groups).toEqual(['kafka', 'message', 'reply', 'output', 'error', 'retries']);
  const visible = service.properties
    .filter(({ type }) => type !== 'Hidden')
    .map(({ group = '' }) => groups.indexOf(group));
  expect(visible).not.toContain(-1);
  expect(visible).toEqual(visible.toSorted((a, b) => a - b));
});

test('a task is of the type that the bridge takes, and says which template it was made from', () => {
  const fixed = (template: Template) =>
    Object.fromEntries(
      template.properties.flatMap(({ type, value, binding }) =>
        type === 'Hidden' ? [[binding.key ?? binding.property, value]] : [],
      ),
    );
  for (const template of [service, send]) {
    expect(fixed(template)).toEqual({
      type: TEMPLATE_JOB_TYPE,
      elementTemplateId: template.id,
      elementTemplateVersion: String(template.version),
    });
  }
});

test('inputs and headers are those that the bridge reads, under the names that its incidents use', () => {
  const inputs = bound('zeebe:input').map(({ binding, label }) => [binding.name, label]);
  expect(Object.fromEntries(inputs)).toEqual(
    Object.fromEntries(Object.entries(INPUT_LABELS).map(([name, label]) => [`holdfast.${name}`, label])),
  );
  const headers = bound('zeebe:taskHeader').flatMap(({ type, binding, label }) =>
    type === 'Hidden' ? [] : [[binding.key, label]],
  );
  expect(Object.fromEntries(headers)).toEqual(HEADER_LABELS);
  for (const { id, binding } of [...bound('zeebe:input'), ...bound('zeebe:taskHeader')]) {
    expect([binding.key, binding.name]).toContain(binding.key === undefined ? `holdfast.${id}` : id);
  }
});

test('the guide for modellers explains every field, with what it is written as', () => {
  const guide = readFileSync(join(folder, '../../docs/modelling.md'), 'utf8');
  const rows = [...guide.matchAll(/^\| ([^|]+) \| (?:input|header) `([^`]+)` \|/gm)].map(([, label, name]) => [
    name,
    label,
  ]);
  const fields = service.properties.filter(
    ({ type, binding }) => type !== 'Hidden' && binding.type !== 'zeebe:taskDefinition',
  );
  expect(rows).toEqual(fields.map(({ binding, label }) => [binding.name ?? binding.key, label]));
});

test('the example of the migration is made of what the template makes', () => {
  const bpmn = readFileSync(join(folder, '../examples/migration/after.bpmn'), 'utf8');
  const all = (pattern: RegExp) => [...bpmn.matchAll(pattern)].map(([, name]) => name);
  const inputs = all(/<zeebe:input source="[^"]+" target="([^"]+)"/g);
  expect(inputs).toEqual(['holdfast.topic', 'holdfast.key', 'holdfast.body', 'holdfast.replyTimeout']);
  const headers = all(/<zeebe:header key="([^"]+)"/g);
  expect(headers).toEqual(['elementTemplateId', 'elementTemplateVersion', 'resultVariable']);
  expect(bound('zeebe:taskHeader').map(({ binding }) => binding.key)).toEqual(expect.arrayContaining(headers));
  expect(bpmn).toContain(`zeebe:modelerTemplate="${service.id}" zeebe:modelerTemplateVersion="${service.version}"`);
});

test('only topic and body must be there; what is left empty is not written at all', () => {
  const required = service.properties.filter(({ constraints }) => constraints?.notEmpty).map(({ id }) => id);
  expect(required).toEqual(['topic', 'body']);
  const others = [...bound('zeebe:input'), ...bound('zeebe:taskHeader')].filter(
    ({ id = '', type }) => type !== 'Hidden' && !required.includes(id),
  );
  expect(others.filter(({ optional, value }) => optional !== true || value !== undefined)).toEqual([]);
});

test('there are three retries unless the model says otherwise, as with connectors', () => {
  expect(service.properties.find(({ binding }) => binding.property === 'retries')).toMatchObject({
    value: '3',
    group: 'retries',
  });
});

test.each([
  ['profile', ROUTE.profile.allowed.split(', ')],
  ['onReplyTimeout', ['incident', 'fail', 'error']],
  ['cancelRecord', ['true', 'false']],
])('the choices of %s are those that the bridge knows', (id, values) => {
  const { choices = [] } = service.properties.find((property) => property.id === id) ?? {};
  expect(choices.map(({ value }) => value)).toEqual(['', ...values]);
});
