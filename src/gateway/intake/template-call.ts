// What a task made from the element template asks for: the request and its settings. Pure.
//
// The body is the engine's own text, cut out of the job's variables and not touched again. A model is a program written
// by somebody who does not see our log: whatever is wrong with it is told at once, in one text for the incident, which names
// each field as the modeller sees it.
import { formatDuration } from '../../actors/duration.ts';
import type { CallSettings, RequestContent } from '../../actors/messages.ts';
import { show } from '../config/faults.ts';
import { type CallRules, ROUTE } from '../config/routes.ts';
import { duration, ERROR_CODE, oneOf, type Rule, TOPIC, text, VARIABLE } from '../config/rules.ts';
import { allowedTopics, mayAsk, type TopicRules } from '../config/topic-rules.ts';
import type { ActivatedJob } from '../ports.ts';
import { settingsOf } from './routes.ts';
import { TemplateFields } from './template-fields.ts';
import { headersOf } from './template-headers.ts';

/** What holds where the model says nothing, and what it may say. */
export interface TemplateDefaults {
  readonly rules: CallRules;
  readonly maxReplyTimeoutMs: number;
  readonly topics: TopicRules;
  /** What is wrong with a FEEL expression (without its "="); undefined: nothing. */
  checkExpression(expression: string): string | undefined;
  isTechnicalHeader(name: string): boolean;
}

export interface TemplateCall {
  /** With a fault: without body and headers, and without a topic if that is at fault. */
  readonly request: RequestContent;
  readonly settings: CallSettings;
  /** The business key; '' when the model names none. */
  readonly correlationKey: string;
  /** Why the request cannot be sent, for the incident. */
  readonly fault: string | undefined;
}

const KEY = text(/^[^\p{Cc}]{1,512}$/u, 'a text of 1 to 512 characters, or nothing');
/** What looks like a correlation id of ours would come back as a forged one. */
const CORRELATION_KEY = text(
  /^(?!hf1-)[^\p{Cc}]{1,256}$/u,
  'a text of 1 to 256 characters that does not begin with "hf1-", or nothing',
);
const ERROR_CODE_ALONE = text(ERROR_CODE, 'the code of a BPMN error, 1 to 256 characters');
/** Task headers are texts. */
const TRUE_FALSE: Rule<boolean> = {
  allowed: 'true or false',
  parse: (raw) => (raw === 'true' ? true : raw === 'false' ? false : undefined),
};

/** In the template the code of the error is a field of its own. */
const TIMEOUT_POLICY = oneOf(['incident', 'fail', 'error']);
const ANY_TEXT: Rule<string> = { allowed: 'a text', parse: (raw) => (typeof raw === 'string' ? raw : undefined) };

export function callOf(
  job: Pick<ActivatedJob, 'variables' | 'customHeaders'>,
  defaults: TemplateDefaults,
): TemplateCall {
  const fields = new TemplateFields(job);
  const topic = topicOf(fields, defaults.topics);
  const key = fields.optional('key', KEY, '');
  const correlationKey = fields.optional('correlationKey', CORRELATION_KEY, '');
  const headers = headersOf(fields.slice('headers'), defaults.isTechnicalHeader, (found, allowed) =>
    fields.fault('headers', found, allowed),
  );
  const body = fields.slice('body') ?? '{}';
  const settings = settingsOf(rulesOf(fields, defaults), topic);
  const fault = fields.complaint;
  const content = fault === undefined ? { body, headers } : { body: '', headers: [] };
  return { request: { topic, key, schema: undefined, ...content }, settings, correlationKey, fault };
}

/** '' when it is at fault. */
function topicOf(fields: TemplateFields, rules: TopicRules): string {
  const topic = fields.required('topic', TOPIC);
  if (topic === undefined) return '';
  if (mayAsk(topic, rules)) return topic;
  fields.fault('topic', show(topic), `${allowedTopics(rules)}, as the bridge is configured (template.topics)`);
  return '';
}

function rulesOf(fields: TemplateFields, defaults: TemplateDefaults): CallRules {
  const { rules, maxReplyTimeoutMs } = defaults;
  const replyTimeout = duration('PT1S', formatDuration(maxReplyTimeoutMs));
  const retryBackoffMs = fields.optional('retryBackoff', ROUTE.retryBackoff, rules.retryBackoffMs);
  return {
    ...rules,
    replyTimeoutMs: fields.optional('replyTimeout', replyTimeout, rules.replyTimeoutMs),
    ...timeoutPolicyOf(fields, rules),
    heartbeatTimeoutMs: fields.optional('heartbeatTimeout', ROUTE.heartbeatTimeout, rules.heartbeatTimeoutMs),
    retryBackoffMs,
    // A job handed out again must still be known.
    incidentWindowMs: Math.max(rules.incidentWindowMs, retryBackoffMs),
    cancelRecord: fields.optional('cancelRecord', TRUE_FALSE, rules.cancelRecord),
    profile: fields.optional('profile', ROUTE.profile, rules.profile),
    resultVariable: fields.optional('resultVariable', VARIABLE, rules.resultVariable),
    resultExpression: expressionOf(fields, 'resultExpression', defaults),
    errorExpression: expressionOf(fields, 'errorExpression', defaults),
  };
}

function timeoutPolicyOf(
  fields: TemplateFields,
  { onReplyTimeout, timeoutErrorCode }: CallRules,
): Pick<CallRules, 'onReplyTimeout' | 'timeoutErrorCode'> {
  const policy = fields.optional('onReplyTimeout', TIMEOUT_POLICY, undefined);
  if (policy === undefined) return { onReplyTimeout, timeoutErrorCode };
  const code = policy === 'error' ? fields.required('timeoutErrorCode', ERROR_CODE_ALONE) : undefined;
  return { onReplyTimeout: policy, timeoutErrorCode: code ?? '' };
}

/** Without its "=", which connectors know as a part of it. */
function expressionOf(
  fields: TemplateFields,
  field: 'resultExpression' | 'errorExpression',
  { rules, checkExpression }: TemplateDefaults,
): string {
  const expression = fields.optional(field, ANY_TEXT, rules[field]).replace(/^\s*=/, '').trim();
  const trouble = expression === '' ? undefined : checkExpression(expression);
  if (trouble !== undefined) {
    fields.fault(field, `${JSON.stringify(expression.slice(0, 80))} (${trouble})`, 'a FEEL expression');
  }
  return expression;
}
