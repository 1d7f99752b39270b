// What is shipped for Prometheus, Grafana and KEDA asks for what nodes really expose. A query with a name or a label value
// that does not exist is no error to any of them: the alert is silent for ever, the panel empty, and nobody knows until the
// night in which it was needed.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { ActivationAnswer, DeadLetterReason, RequestOutcome } from '../../src/actors/messages.ts';
import type { EngineAnswer } from '../../src/actors/ports.ts';
import type { Outcome } from '../../src/actors/snapshot.ts';
import { LEGS } from '../../src/cluster/legs.ts';
import { loadConfig } from '../../src/gateway/config/config.ts';
import { type Acquired, type CountedReply, type EngineCommand, SERVERS } from '../../src/gateway/metrics.ts';
import { PrometheusMetrics } from '../../src/gateway/prometheus-metrics.ts';

interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface Rules {
  readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[];
}

interface Place {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: Place;
  readonly targets?: readonly { readonly expr: string }[];
}

interface Dashboard {
  readonly panels: readonly Panel[];
}

// A word that leaves one of these unions no longer compiles here.
const HOLD_ANSWERS = ['held', 'attached', 'ended', 'stale', 'full', 'failed'] satisfies readonly ActivationAnswer[];
const REQUEST_OUTCOMES = ['acked', 'refused'] satisfies readonly RequestOutcome['kind'][];
const REPLY_ANSWERS = [
  'applied',
  'duplicate',
  'late',
  'latePublished',
  'lateDropped',
  'unknown',
  'forged',
  'unreadable',
  'malformed',
] satisfies readonly CountedReply[];
const REASONS = [
  'not-json',
  'not-object',
  'malformed',
  'too-large',
  'refused',
  'schema',
  'no-id',
  'forged',
  'unknown',
  'late',
  'unreadable',
] satisfies readonly DeadLetterReason[];
const OUTCOMES = ['completed', 'failed', 'timedOut', 'bpmnError', 'cancelled', 'gone'] satisfies readonly Outcome[];
const COMMANDS = [
  'activate',
  'complete',
  'fail',
  'throwError',
  'publishMessage',
  'updateTimeout',
] satisfies readonly EngineCommand[];
const CODES = ['ok', 'notFound', 'failedPrecondition', 'never', 'transient'] satisfies readonly EngineAnswer['code'][];

const ACQUIRED = ['takenOver', 'handedOver'] satisfies readonly Acquired[];

/** Of prometheus-nats-exporter with -jsz=streams, by its collector/jsz.go. */
const OF_NATS = [
  'jetstream_stream_last_seq',
  'jetstream_stream_total_bytes',
  'jetstream_stream_total_messages',
  'jetstream_server_total_message_bytes',
  'jetstream_server_max_storage',
];

/** By metric and label: the values that the code produces. */
const VALUES: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  holdfast_holds_total: { answer: HOLD_ANSWERS },
  holdfast_requests_total: { outcome: REQUEST_OUTCOMES },
  holdfast_replies_total: { answer: REPLY_ANSWERS },
  holdfast_dead_letters_total: { reason: REASONS },
  'holdfast:dead_letters:increase15m': { reason: REASONS },
  holdfast_outcomes_total: { outcome: OUTCOMES },
  holdfast_engine_calls_total: { command: COMMANDS, code: CODES },
  holdfast_leg_duration_seconds_bucket: { leg: LEGS },
  holdfast_shard_acquisition_duration_seconds_bucket: { how: ACQUIRED },
  holdfast_server_reachable: { server: SERVERS },
};

/** Labels of which any value may be: those that Prometheus gives itself, and those that come from configuration. */
const FREE = ['job', 'instance', 'lane', 'le', 'partition', 'stream_name'];

const root = join(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

const rules = (parse(read('deploy/prometheus/alerts.yaml')) as Rules).groups.flatMap((group) => group.rules);
const alerts = rules.filter(({ alert }) => alert !== undefined);
const dashboard: Dashboard = JSON.parse(read('deploy/grafana/holdfast.json'));
const guide = read('docs/monitoring.md');

/** As scraped: `# TYPE` lines, name and type. */
let types: readonly (readonly [name: string, type: string])[];
/** Whatever a query may ask for. */
let known: ReadonlySet<string>;

beforeAll(async () => {
  const metrics = new PrometheusMetrics();
  metrics.collectProcess();
  metrics.observe({
    ...{ pendingByLane: () => [], oldestHeldAtMsByLane: () => [], roomByLane: () => [], replyLagByPartition: () => [] },
    ...{ reachable: () => [], wallMs: () => 0, shardsOwned: () => 0, putsInDoubt: () => 0, leaseRemainingMs: () => 0 },
    firstLockMs: () => 0,
    watchLag: () => 0,
  });
  const exposed = await metrics.registry.metrics();
  types = [...exposed.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => [name, type]);
  const series = types.flatMap(([name, type]) =>
    type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  );
  known = new Set([...series, ...OF_NATS, ...rules.flatMap(({ record }) => record ?? [])]);
});

describe('deploy/prometheus/alerts.yaml', () => {
  test('asks for what there is', () => {
    expect(alerts).not.toEqual([]);
    expect(rules.flatMap(({ expr }) => namesIn(expr))).not.toEqual([]);
    expect(rules.flatMap(({ expr }) => faultsOf(expr))).toEqual([]);
  });

  test('every alert has a name of its own, says how bad it is, what it means and what to do', () => {
    expect(new Set(alerts.map(({ alert }) => alert)).size).toBe(alerts.length);
    for (const { alert, labels, annotations } of alerts) {
      expect(['critical', 'warning'], alert).toContain(labels?.severity);
      expect(annotations?.summary, alert).toMatch(/^holdfast: ./);
      expect(annotations?.description, alert).toMatch(/\b[Ss]ee first /);
    }
  });

  // What is recorded, or told to Alertmanager, without its job is one thing for all clusters that a Prometheus watches. (That of the
  // NATS servers has whatever name it has.)
  test('whatever it asks for is asked of one job, and keeps it', () => {
    for (const { expr, record, alert } of rules) {
      const name = alert ?? record;
      for (const [aggregation] of expr.matchAll(/\b(?:sum|min|max|avg|count)\b[^(]*\([^)]*\)/g))
        expect(aggregation, name).toMatch(/^\w+ by \(job[,)]/);
      if (/\bjetstream_/.test(expr)) continue;
      const selectors = [...expr.matchAll(/\b(?:up\b|(?:holdfast|nodejs|process)[_:][a-z0-9_:]+)(\{[^}]*\})?/g)];
      expect(selectors, name).not.toEqual([]);
      for (const [selector] of selectors) expect(selector, name).toMatch(/\{job="holdfast"[,}]/);
    }
  });

  test('the number of shards that it speaks of is the default', () => {
    const servers = { NATS_URL: 'nats://127.0.0.1:4222', KAFKA_BOOTSTRAP_SERVERS: 'kafka-1:9092' };
    const settings = 'cluster: orders\nroutes: [{ jobType: charge-card, requestTopic: payments }]';
    const { shards } = loadConfig(servers, () => settings, 'node');
    const counting = alerts.filter(({ expr }) => /holdfast_(shards_owned|takeovers_total)/.test(expr));
    expect(counting).toHaveLength(2);
    for (const { expr } of counting) expect(expr).toMatch(new RegExp(`[<>] (2 \\* )?${shards}$`));
  });
});

describe('deploy/grafana/holdfast.json', () => {
  test('asks for what there is', () => {
    for (const { type, title, targets = [] } of dashboard.panels) {
      if (type !== 'row')
        expect(
          targets.flatMap(({ expr }) => namesIn(expr)),
          title,
        ).not.toEqual([]);
    }
    expect(queriesIn(dashboard).flatMap((query) => faultsOf(query))).toEqual([]);
  });

  // A Prometheus may watch several clusters: their figures must not add up in one panel.
  test('whatever a panel asks for is asked of one job', () => {
    for (const { title, targets = [] } of dashboard.panels) {
      for (const { expr } of targets) {
        const selectors = [...expr.matchAll(/\b(?:holdfast|nodejs|process)_[a-z0-9_]+(\{[^}]*\})?/g)];
        expect(selectors, title).not.toEqual([]);
        for (const [selector] of selectors) expect(selector, title).toMatch(/\{job="\$job"[,}]/);
      }
    }
  });

  test('no two panels have one id, or one place', () => {
    const { panels } = dashboard;
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    expect(overlapsOf(panels)).toEqual([]);
    expect(panels.filter(({ gridPos }) => gridPos.x + gridPos.w > 24)).toEqual([]);
  });
});

describe('deploy/helm/holdfast/templates/scaledobject.yaml', () => {
  test('asks for what there is', () => {
    const template = read('deploy/helm/holdfast/templates/scaledobject.yaml').replaceAll('{{ $job }}', 'holdfast');
    const queries = [...template.matchAll(/^ *query: (.*)$/gm)].map(([, query = '']) => query);
    expect(queries).toHaveLength(2);
    for (const query of queries) expect(namesIn(query), query).toHaveLength(2);
    expect(queries.flatMap(faultsOf)).toEqual([]);
  });
});

describe('docs/monitoring.md', () => {
  test('has every metric of ours, and no other', () => {
    const explained = [...guide.matchAll(/^\| `(holdfast_\w+)` \|/gm)].map(([, name]) => name);
    const own = types.map(([name]) => name).filter((name) => name.startsWith('holdfast_'));
    expect(explained.toSorted()).toEqual(own.toSorted());
  });

  test('has every alert with its severity, and no other', () => {
    const explained = [...guide.matchAll(/^\| `(Holdfast\w+)` \| (\w+) \|/gm)].map(([, name, how]) => `${name} ${how}`);
    const shipped = alerts.map(({ alert, labels }) => `${alert} ${labels?.severity}`);
    expect(explained.toSorted()).toEqual(shipped.toSorted());
  });
});

describe('the checks', () => {
  test.each([
    'sum by (lane) (rate(holdfast_holds_total{job="holdfast",answer="full"}[5m])) > 0',
    'histogram_quantile(0.99, sum by (le, leg) (rate(holdfast_leg_duration_seconds_bucket{leg="call"}[5m])))',
    'holdfast_dead_letters_total{reason!~"late|not-json"} and on (instance) process_cpu_seconds_total > 1',
    'holdfast:dead_letters:increase15m{reason="forged"} > 0',
  ])('find nothing wrong with %s', (query) => {
    expect(faultsOf(query)).toEqual([]);
  });

  test.each([
    ['holdfast_shards_ownd < 128', 'no metric holdfast_shards_ownd'],
    ['rate(nodejs_eventlop_lag_p99_seconds[5m])', 'no metric nodejs_eventlop_lag_p99_seconds'],
    ['holdfast:dead_letters:increase1m > 0', 'no metric holdfast:dead_letters:increase1m'],
    ['jetstream_stream_lag > 0', 'no metric jetstream_stream_lag'],
    // A histogram has no series of its own name.
    ['holdfast_hold_duration_seconds > 1', 'no metric holdfast_hold_duration_seconds'],
    ['holdfast_holds_total{job="holdfast",answer="fulll"}', 'holdfast_holds_total has no answer="fulll"'],
    ['holdfast_dead_letters_total{reason=~"late|forgd"}', 'holdfast_dead_letters_total has no reason="forgd"'],
    // A value, and a label, of another metric.
    ['holdfast_replies_total{answer="held"}', 'holdfast_replies_total has no answer="held"'],
    ['holdfast_replies_total{reason="late"}', 'holdfast_replies_total has no reason="late"'],
    ['sum by (lane, anser) (holdfast_holds_total)', 'no label anser'],
  ])('find what is wrong with %s', (query, fault) => {
    expect(faultsOf(query)).toEqual([fault]);
  });

  test('find panels that overlap, and only those', () => {
    const at = (id: number, x: number, y: number): Panel => ({
      id,
      type: 'timeseries',
      title: `panel ${id}`,
      gridPos: { x, y, w: 12, h: 8 },
    });
    expect(overlapsOf([at(1, 0, 0), at(2, 12, 0), at(3, 0, 8)])).toEqual([]);
    expect(overlapsOf([at(1, 0, 0), at(2, 11, 7)])).toEqual(['panel 1, panel 2']);
  });
});

/** What a query asks for that does not exist, in words. */
function faultsOf(query: string): string[] {
  const names = namesIn(query).filter((name) => !known.has(name));
  const labels = [FREE, ...Object.values(VALUES).map((values) => Object.keys(values))].flat();
  const groupings = [...query.matchAll(/\b(?:by|on) \(([^)]*)\)/g)]
    .flatMap(([, list = '']) => list.split(/,\s*/))
    .filter((label) => !labels.includes(label));
  const values = [...query.matchAll(/([\w:]+)\{([^}]*)\}/g)].flatMap(([, metric = '', matchers = '']) =>
    matchedIn(matchers)
      .filter(([label, value]) => !FREE.includes(label) && !VALUES[metric]?.[label]?.includes(value))
      .map(([label, value]) => `${metric} has no ${label}="${value}"`),
  );
  return [...names.map((name) => `no metric ${name}`), ...groupings.map((label) => `no label ${label}`), ...values];
}

/** Metrics of ours, of Node and of the process, and what our rules record. */
function namesIn(query: string): string[] {
  return [...query.matchAll(/\b(?:holdfast[_:][a-z0-9_:]+|(?:nodejs|process|jetstream|gnatsd)_[a-z0-9_]+)\b/g)].map(
    ([name]) => name,
  );
}

/** Each value that a selector's matchers name; of a regular expression, each alternative. */
function matchedIn(matchers: string): (readonly [label: string, value: string])[] {
  const found = matchers.matchAll(/(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"/g);
  return [...found].flatMap(([, label = '', operator = '', text = '']) =>
    (operator.includes('~') ? text.split('|') : [text]).map((value) => [label, value] as const),
  );
}

/** Of panels and of variables. */
function queriesIn(node: unknown): string[] {
  if (typeof node !== 'object' || node === null) return [];
  return Object.entries(node).flatMap(([key, value]: [string, unknown]) => {
    if (typeof value !== 'string') return queriesIn(value);
    return key === 'expr' || key === 'query' ? [value] : [];
  });
}

function overlapsOf(panels: readonly Panel[]): string[] {
  return panels.flatMap((panel, index) =>
    panels
      .slice(index + 1)
      .filter(({ gridPos }) => overlap(gridPos, panel.gridPos))
      .map(({ title }) => `${panel.title}, ${title}`),
  );
}

function overlap(a: Place, b: Place): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}
