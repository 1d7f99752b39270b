import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Fault } from '../../../src/gateway/config/faults.ts';
import { type TemplateSettings, templateOf } from '../../../src/gateway/config/template.ts';
import { readYaml } from '../../../src/gateway/config/yaml.ts';

function read(
  yaml: string,
  routed: readonly string[] = [],
): { template: TemplateSettings | undefined; faults: string[] } {
  const faults: Fault[] = [];
  const top = readYaml('h.yaml', `cluster: c\n${yaml}`, faults);
  const template = templateOf(top!, routed, 15_000);
  return {
    template,
    faults: faults.map(({ setting, line, found, allowed }) => `${line} ${setting}: ${found}; ${allowed}`),
  };
}

function faultsOf(yaml: string, routed: readonly string[] = []): string[] {
  return read(yaml, routed).faults;
}

const DEFAULTS: TemplateSettings = {
  jobType: 'io.holdfast:kafka-request:1',
  topics: ['*'],
  tenantIds: ['<default>'],
  maxPending: 10_000,
  maxReplyTimeoutMs: 30 * 86_400_000,
  replyTimeoutMs: 3_600_000,
  onReplyTimeout: 'incident',
  timeoutErrorCode: '',
  retryBackoffMs: 30_000,
  lateWindowMs: 600_000,
  incidentWindowMs: 604_800_000,
  heartbeatTimeoutMs: 0,
  onLate: 'dlq',
  lateMessageName: '',
  cancelRecord: false,
  profile: 'spring',
  resultVariable: '',
  resultExpression: '',
  errorExpression: '',
};

test.each(['', 'template: {}', 'template: {enabled: true}'])('everything has a default: "%s"', (yaml) => {
  expect(read(yaml)).toEqual({ template: DEFAULTS, faults: [] });
});

test('the guide shows the defaults', () => {
  const guide = readFileSync(new URL('../../../docs/modelling.md', import.meta.url), 'utf8');
  const [, shown = ''] = /```yaml\n(template:[^`]*)```/.exec(guide) ?? [];
  expect(shown).toContain('maxReplyTimeout:');
  expect(read(shown)).toEqual({ template: DEFAULTS, faults: [] });
});

test('everything can be said', () => {
  const yaml = `
template:
  jobType: acme:call:1
  topics: [payments.*, orders, orders]
  tenantIds: [red, blue]
  maxPending: 50
  maxReplyTimeout: P60D
  replyTimeout: PT10M
  onReplyTimeout: error:NO_REPLY
  heartbeatTimeout: PT1M
  retryBackoff: P10D
  lateWindow: PT1H
  onLate: publishMessage:late-reply
  profile: smallrye
  cancelRecord: true
`;
  expect(read(yaml)).toEqual({
    faults: [],
    template: {
      ...DEFAULTS,
      jobType: 'acme:call:1',
      topics: ['payments.*', 'orders'],
      tenantIds: ['red', 'blue'],
      maxPending: 50,
      maxReplyTimeoutMs: 60 * 86_400_000,
      replyTimeoutMs: 600_000,
      onReplyTimeout: 'error',
      timeoutErrorCode: 'NO_REPLY',
      heartbeatTimeoutMs: 60_000,
      retryBackoffMs: 864_000_000,
      incidentWindowMs: 864_000_000,
      lateWindowMs: 3_600_000,
      onLate: 'publishMessage',
      lateMessageName: 'late-reply',
      profile: 'smallrye',
      cancelRecord: true,
    },
  });
});

test('switched off, it is none, and faults are told all the same', () => {
  expect(read('template: {enabled: false}')).toEqual({ template: undefined, faults: [] });
  expect(read('template: {enabled: false}', ['io.holdfast:kafka-request:1']).faults).toEqual([]);
  expect(faultsOf('template: {enabled: false, maxPending: 0}')).toHaveLength(1);
});

describe('faults', () => {
  test.each<[yaml: string, fault: RegExp]>([
    ['template: on', /^2 template: no mapping; settings for tasks/],
    ['template: [a]', /^2 template: no mapping/],
    ['template: {enabled: "yes"}', /^2 template\.enabled: "yes"; true or false/],
    ['template: {topics: payments}', /^2 template\.topics: no list/],
    ['template: {topics: []}', /^2 template\.topics: an empty list; at least one pattern .*enabled: false/],
    ['template: {topics: [a, "b c"]}', /^2 template\.topics\[1\]: "b c"; topic names/],
    ['template: {tenantIds: [a/b]}', /^2 template\.tenantIds\[0\]/],
    ['template: {maxPending: 0}', /^2 template\.maxPending: 0/],
    ['template: {replyTimeout: 10m}', /^2 template\.replyTimeout: "10m"; an ISO 8601 duration from PT1S to P365D/],
    [
      'template: {replyTimeout: PT2H, maxReplyTimeout: PT1H}',
      /^2 template\.maxReplyTimeout: 3600 s; at least replyTimeout \(7200 s\)/,
    ],
    ['template: {maxReplyTimeout: PT59M}', /^2 template\.maxReplyTimeout: 3540 s/],
    ['template: {onReplyTimeout: error}', /^2 template\.onReplyTimeout: "error"; incident, fail, or error:</],
    ['template: {onReplyTimeout: "error:"}', /^2 template\.onReplyTimeout: "error:"/],
    [
      'template: {incidentWindow: PT1H, retryBackoff: PT2H}',
      /^2 template\.incidentWindow: 3600 s; at least retryBackoff/,
    ],
    ['template: {onLate: keep}', /^2 template\.onLate: "keep"; dlq, drop, or publishMessage:</],
    ['template: {profile: Spring}', /^2 template\.profile: "Spring"; spring, nest,/],
    ['template: {cancelTopic: x}', /^2 template\.cancelTopic: a setting that is not known/],
    ['template: {topic: [a]}', /^2 template\.topic: a setting that is not known; topics \(did you mean that/],
  ])('%s', (yaml, fault) => {
    expect(faultsOf(yaml)).toEqual([expect.stringMatching(fault)]);
  });

  test('all are told together', () => {
    const yaml = 'template:\n  jobType: ""\n  topics: [" "]\n  retryBackoff: x\n  profil: y\n';
    expect(faultsOf(yaml).map((fault) => fault.split(':')[0])).toEqual([
      '3 template.jobType',
      '4 template.topics[0]',
      '5 template.retryBackoff',
      '6 template.profil',
    ]);
  });

  test('a job type has one way', () => {
    const routed = ['a', 'io.holdfast:kafka-request:1'];
    expect(faultsOf('', routed)).toEqual([
      expect.stringMatching(/template\.jobType: io\.holdfast:kafka-request:1; a job type that no route has/),
    ]);
    expect(faultsOf('template: {jobType: b}', routed)).toEqual([]);
    expect(faultsOf('template: {jobType: a}', routed)).toHaveLength(1);
  });
});
