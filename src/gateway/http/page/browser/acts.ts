// What an operator can do to a job or a node: what is asked, what will happen in words, and the body that goes out.
//
// JSON that somebody typed is checked and then sent as it was typed: to parse and write it again would change numbers that
// do not fit a double.
import type { JobActName } from '../../../operations/model/acts.ts';
import type { JobView } from '../../../operations/model/jobs.ts';
import { duration, parseDuration } from './format.ts';

export interface ActField {
  /** As in the body of the API. */
  readonly name: string;
  readonly label: string;
  readonly hint: string;
  /** `object`: JSON text of an object. */
  readonly kind: 'text' | 'whole' | 'duration' | 'object';
  readonly required: boolean;
  readonly value: string;
}

export interface ActSpec {
  /** Of the button that opens it and the one that does it. */
  readonly label: string;
  readonly title: string;
  /** Below /api/v1/ */
  readonly path: string;
  /** It cannot be taken back. */
  readonly grave: boolean;
  readonly fields: readonly ActField[];
  /** @param values what stands in the fields, by name */
  will(values: Values): string;
}

export type Values = Readonly<Record<string, string>>;

export const REASON: ActField = {
  name: 'reason',
  label: 'Reason',
  hint: 'Kept in the audit, with your name.',
  kind: 'text',
  required: true,
  value: '',
};
const LEAST_REASON = 3;
/** As the API says. */
const LONGEST_MS = 366 * 86_400_000;
const SHORTEST_REPLY_TIMEOUT_MS = 1_000;
const MOST_RETRIES = 100;

const field = (
  name: string,
  label: string,
  kind: ActField['kind'],
  hint: string,
  value = '',
  required = true,
): ActField => ({
  name,
  label,
  kind,
  hint,
  value,
  required,
});

/** Those that can be done in a state (actors/pending-job/operated.ts); the node decides at the moment it is asked. */
export function actsIn(state: JobView['state']): readonly JobActName[] {
  switch (state) {
    case 'ended':
      return [];
    case 'parked':
      return ['drop'];
    case 'held':
      return ['resend', 'extend', 'complete', 'fail', 'throw', 'drop'];
    case 'failing':
      return ['complete'];
    case 'replied':
      return [];
  }
}

export function jobAct(
  act: JobActName,
  job: Pick<JobView, 'jobKey' | 'state' | 'retries' | 'replyDeadlineMs'>,
): ActSpec {
  const { jobKey, state, retries } = job;
  const spec = (label: string, grave: boolean, fields: readonly ActField[], will: ActSpec['will']): ActSpec => ({
    label,
    title: `${label} job ${jobKey}`,
    path: `jobs/${jobKey}/${act}`,
    grave,
    fields,
    will,
  });
  switch (act) {
    case 'resend':
      return spec(
        'Resend',
        false,
        [],
        () =>
          "The engine's lock is shortened, so that the engine hands the job out again, and its request is published once more under the same correlation id. The service may see it twice.",
      );
    case 'extend':
      return spec(
        'Extend',
        false,
        [
          field(
            'replyTimeoutMs',
            'Wait from now on for',
            'duration',
            'Such as 30 min, 2 h, 1 d 12 h or PT45M; at least 1 s.',
            '30 min',
          ),
        ],
        ({ replyTimeoutMs = '' }) => {
          const ms = parseDuration(replyTimeoutMs);
          return `The reply is waited for ${ms === undefined || ms < 1_000 ? 'as long as you say' : `${duration(ms)} from now on`}, instead of until the present deadline. Nothing is published.`;
        },
      );
    case 'complete':
      return spec(
        'Complete',
        true,
        [field('variables', 'Result', 'object', 'A JSON object: what the service would have answered.', '{}')],
        () =>
          'The job is completed in the engine with this result, as if the service had answered, and its process goes on. What the service still answers counts as a duplicate.',
      );
    case 'fail':
      return spec(
        'Fail',
        true,
        [
          field('message', 'Message', 'text', 'Shown in the incident.'),
          field(
            'retries',
            'Retries to set',
            'whole',
            `Empty: one less than now, that is ${Math.max(0, retries - 1)}.`,
            '',
            false,
          ),
          field(
            'backoffMs',
            'Backoff',
            'duration',
            'Until the engine hands it out again. Empty: as its route has it.',
            '',
            false,
          ),
        ],
        ({ retries: typed = '' }) => {
          const left = /^\d+$/.test(typed.trim()) ? Number(typed) : Math.max(0, retries - 1);
          return left === 0
            ? 'The job is failed in the engine without retries: an incident is raised, and the process stands until somebody resolves it.'
            : `The job is failed in the engine with ${left} left to try: it is handed out again, as a new attempt with a request of its own.`;
        },
      );
    case 'throw':
      return spec(
        'Throw',
        true,
        [
          field('errorCode', 'Error code', 'text', 'That the model catches.'),
          field('message', 'Message', 'text', 'Empty: none.', '', false),
          field(
            'variables',
            'Variables',
            'object',
            'A JSON object, for the event that catches it. Empty: none.',
            '',
            false,
          ),
        ],
        () =>
          'A BPMN error with this code is thrown at the task. If no event of the model catches it, the engine raises an incident.',
      );
    case 'drop':
      return spec('Drop', true, [], () =>
        state === 'parked'
          ? 'The stored reply is thrown away. If its job is activated after all, a request is published for it.'
          : 'The hold is given up. The engine keeps the retries and hands the job out again, as a new attempt with a request of its own.',
      );
  }
}

export function nodeActs(node: string): Readonly<Record<'drain' | 'resume', ActSpec>> {
  const path = `nodes/${encodeURIComponent(node)}`;
  return {
    drain: {
      label: 'Drain',
      title: `Drain ${node}`,
      path: `${path}/drain`,
      grave: false,
      fields: [],
      will: () =>
        `${node} stops taking jobs and hands its shards to the others, one by one. It goes on running and takes none until it is resumed or restarted. No job is lost.`,
    },
    resume: {
      label: 'Resume',
      title: `Resume ${node}`,
      path: `${path}/resume`,
      grave: false,
      fields: [],
      will: () => `${node} takes its part of the shards again.`,
    },
  };
}

/** What is wrong with what stands in the fields, by name; empty: nothing. */
export function faultsIn(fields: readonly ActField[], values: Values): Readonly<Record<string, string>> {
  const faults = fields.map((one) => [one.name, faultIn(one, values[one.name] ?? '')] as const);
  return Object.fromEntries(faults.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

function faultIn({ name, kind, required, label }: ActField, text: string): string | undefined {
  const value = text.trim();
  if (value === '') return required ? `${label} is missing.` : undefined;
  if (name === REASON.name && value.length < LEAST_REASON) return `A reason has at least ${LEAST_REASON} characters.`;
  switch (kind) {
    case 'text':
      return undefined;
    case 'object':
      return objectFault(value);
    case 'whole':
      return /^\d{1,3}$/.test(value) && Number(value) <= MOST_RETRIES
        ? undefined
        : `"${value}" is not a whole number from 0 to ${MOST_RETRIES}.`;
    case 'duration':
      return durationFault(name, value);
  }
}

function durationFault(name: string, value: string): string | undefined {
  const ms = parseDuration(value);
  if (ms === undefined) return `"${value}" is not a duration such as 30 min, 2 h or PT45M.`;
  const least = name === 'replyTimeoutMs' ? SHORTEST_REPLY_TIMEOUT_MS : 0;
  return ms >= least && ms <= LONGEST_MS ? undefined : `At least ${least / 1_000} s, at most 366 d.`;
}

function objectFault(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? undefined
      : 'This is JSON, and not an object: { … } is wanted.';
  } catch (error) {
    return `This is not JSON: ${(error as Error).message}`;
  }
}

/** JSON text; to be called without faults only. */
export function bodyOf(fields: readonly ActField[], values: Values): string {
  const members = fields.flatMap(({ name, kind }) => {
    const value = (values[name] ?? '').trim();
    if (value === '') return [];
    const text =
      kind === 'object'
        ? value
        : kind === 'text'
          ? JSON.stringify(value)
          : kind === 'whole'
            ? String(Number(value))
            : String(parseDuration(value));
    return [`${JSON.stringify(name)}:${text}`];
  });
  return `{${members.join(',')}}`;
}
