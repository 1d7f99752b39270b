// The words and shapes for every state: one place, so that the same thing looks and reads the same everywhere, and nothing is
// told by colour alone.
import type { NodeView } from '../../../operations/model/cluster.ts';
import type { RedriveView } from '../../../operations/model/dead-letters.ts';
import type { RouteView } from '../../../operations/model/flow.ts';
import type { JobSummary, JobView, OutcomeView } from '../../../operations/model/jobs.ts';

export type Shape = 'disc' | 'ring' | 'half' | 'cross' | 'dashed' | 'square' | 'triangle' | 'diamond' | 'check';
export type Tone = 'good' | 'calm' | 'warn' | 'bad' | 'quiet';

export interface Word {
  readonly text: string;
  readonly shape: Shape;
  readonly tone: Tone;
  /** In a sentence, for whoever wonders. */
  readonly means: string;
}

const word = (text: string, shape: Shape, tone: Tone, means: string): Word => ({ text, shape, tone, means });

export const NODE: Readonly<Record<NodeView['state'], Word>> = {
  ready: word('ready', 'disc', 'good', 'It works.'),
  notReady: word('not ready', 'ring', 'warn', 'It runs and lacks something.'),
  draining: word('draining', 'half', 'calm', 'It gives its shards away and takes none.'),
  left: word('left', 'square', 'quiet', 'It has gone in good order.'),
  silent: word('silent', 'dashed', 'warn', 'It is a member and did not answer in time.'),
  dead: word('dead', 'cross', 'bad', 'Its lease has run out; the others take its shards.'),
};

export const JOB: Readonly<Record<JobView['state'], Word>> = {
  held: word('held', 'ring', 'calm', 'The request is with the service, or on its way; the reply is waited for.'),
  replied: word('replied', 'half', 'calm', 'The reply is stored; the engine is to complete the job.'),
  failing: word('failing', 'triangle', 'warn', 'A failure is stored; the engine is to be told.'),
  parked: word('parked', 'diamond', 'calm', 'A reply came before its job; the next activation takes it.'),
  ended: word('ended', 'square', 'quiet', 'It is over.'),
};

export const OUTCOME: Readonly<Record<OutcomeView['outcome'], Word>> = {
  completed: word('completed', 'check', 'good', 'The job was completed with the reply.'),
  failed: word('failed', 'cross', 'bad', 'The job was failed.'),
  timedOut: word('timed out', 'triangle', 'warn', 'No reply came in time.'),
  bpmnError: word(
    'error thrown',
    'diamond',
    'calm',
    'A BPMN error was thrown: an answer, which the process may catch.',
  ),
  cancelled: word('cancelled', 'square', 'quiet', 'The engine ended the job while it was held.'),
  gone: word('gone', 'dashed', 'quiet', 'The engine does not have the job any more; who ended it is not known.'),
};

export const ROUTE_KIND: Readonly<Record<RouteView['kind'], string>> = {
  route: '',
  template: 'from the template',
  removed: 'no longer configured',
};

export const REDRIVE: Readonly<Record<RedriveView['state'], Word>> = {
  preview: word('preview', 'ring', 'calm', 'Nothing has been driven yet.'),
  running: word('running', 'half', 'calm', 'Letters are being driven.'),
  done: word('done', 'check', 'good', 'All that matched were driven.'),
  stopped: word('stopped', 'square', 'warn', 'It was stopped before its end.'),
  failed: word('failed', 'cross', 'bad', 'It could not go on.'),
};

export const JOB_STATES = ['held', 'replied', 'failing', 'parked'] as const satisfies readonly JobSummary['state'][];
export const OUTCOMES = [
  'completed',
  'failed',
  'timedOut',
  'bpmnError',
  'cancelled',
  'gone',
] as const satisfies readonly OutcomeView['outcome'][];

/** Any reason may stand in a header of whoever else writes there; these are ours, the more frequent ones first. */
export const LETTER_REASONS = [
  ...(['late', 'forged', 'unknown', 'no-id', 'not-json', 'not-object'] as const),
  ...(['malformed', 'refused', 'too-large', 'schema', 'unreadable'] as const),
];

/** `n2`, `n2 and n3`, `n1, n2 and n3` */
export function named(names: readonly string[]): string {
  return names.length < 2 ? (names[0] ?? '') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

const ROLES = ['viewer', 'operator', 'admin'] as const;

export function mayAct(
  who: { readonly role: (typeof ROLES)[number] } | undefined,
  least: (typeof ROLES)[number],
): boolean {
  return who !== undefined && ROLES.indexOf(who.role) >= ROLES.indexOf(least);
}
