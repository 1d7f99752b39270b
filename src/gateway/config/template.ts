// The `template` part of the configuration: what holds for tasks made from the element template (deploy/element-templates),
// whose request topic and settings the process model names itself. Everything has a default, the whole part may be
// absent; what the model says goes before what is said here.
import { type CallRules, callRulesOf, DEFAULT_TENANT, ROUTE } from './routes.ts';
import { FLAG, JOB_TYPE, TENANT } from './rules.ts';
import { ANY_TOPIC, TOPIC_PATTERN } from './topic-rules.ts';
import type { Section } from './yaml.ts';

/** The rules are what holds where the model says nothing. */
export interface TemplateSettings extends CallRules {
  readonly jobType: string;
  /** Patterns of the topics that a model may name; never empty. */
  readonly topics: readonly string[];
  /** Never empty. */
  readonly tenantIds: readonly string[];
  /** Most pending jobs per node and request topic, for each is a lane. */
  readonly maxPending: number;
  /** The longest reply timeout that a model may ask for; never below `replyTimeoutMs`. */
  readonly maxReplyTimeoutMs: number;
}

export const TEMPLATE_JOB_TYPE = 'io.holdfast:kafka-request:1';

const DAY_MS = 24 * 3_600_000;
const MAX_LIST = 256;

/**
 * Undefined: such tasks are none of this cluster's business (`enabled: false`). Faults are noted in the section.
 * @param routedJobTypes what routes serve: a job type has one way only
 */
export function templateOf(
  top: Section,
  routedJobTypes: readonly string[],
  leaseTtlMs: number,
): TemplateSettings | undefined {
  const section = top.section(
    'template',
    'settings for tasks made from the element template, such as "topics: [payments.*]"',
  );
  const enabled = section.optional('enabled', FLAG, true);
  const jobType = section.optional('jobType', JOB_TYPE, TEMPLATE_JOB_TYPE);
  if (enabled && routedJobTypes.includes(jobType)) {
    section.fault('jobType', jobType, 'a job type that no route has (or enabled: false)');
  }
  const topics = section.list('topics', TOPIC_PATTERN, MAX_LIST);
  if (section.isEmptyList('topics')) {
    const allowed = 'at least one pattern (left out: any topic but __* and holdfast.*; none: enabled: false)';
    section.fault('topics', 'an empty list', allowed);
  }
  const tenantIds = section.list('tenantIds', TENANT, MAX_LIST);
  const maxPending = section.optional('maxPending', ROUTE.maxPending, 10_000);
  const rules = callRulesOf(section, leaseTtlMs);
  const { replyTimeoutMs } = rules;
  const atLeastMs = Math.max(30 * DAY_MS, replyTimeoutMs);
  const maxReplyTimeoutMs = section.optional('maxReplyTimeout', ROUTE.replyTimeout, atLeastMs);
  if (replyTimeoutMs > maxReplyTimeoutMs) {
    section.fault(
      'maxReplyTimeout',
      `${maxReplyTimeoutMs / 1000} s`,
      `at least replyTimeout (${replyTimeoutMs / 1000} s)`,
    );
  }
  section.done();
  if (!enabled) return undefined;
  return {
    ...rules,
    jobType,
    topics: topics.length === 0 ? ANY_TOPIC : [...new Set(topics)],
    tenantIds: tenantIds.length === 0 ? [DEFAULT_TENANT] : [...new Set(tenantIds)],
    maxPending,
    maxReplyTimeoutMs,
  };
}
