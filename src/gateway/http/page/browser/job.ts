// One job: how it stands, what has happened to it, what can be done about it.
import type { ComponentChildren, VNode } from 'preact';
import { useState } from 'preact/hooks';
import type { JobActName } from '../../../operations/model/acts.ts';
import type { JobView } from '../../../operations/model/jobs.ts';
import { ActDialog } from './act-dialog.ts';
import { actsIn, jobAct } from './acts.ts';
import { h } from './element.ts';
import { age, duration, relative } from './format.ts';
import { useFetched, useLive, useLiveState } from './hooks.ts';
import { indented } from './json-text.ts';
import { Timeline } from './timeline.ts';
import { Facts, Glyph, Go, Key, Moment, Nothing, Section, State, Title, Trouble } from './ui.ts';
import { JOB, mayAct, OUTCOME } from './words.ts';

const EVERY_MS = 2_000;

export function Job({ jobKey }: { readonly jobKey: string }): VNode {
  const { value: job, failure, reload } = useFetched<JobView>(`jobs/${jobKey}`, EVERY_MS);
  if (failure?.status === 404)
    return h(
      'div',
      {},
      h(Title, {}, 'Job ', h(Key, {}, jobKey)),
      h(
        Nothing,
        {},
        'Nothing is known of this job: it is not pending, and if it was, its tombstone is no longer kept.',
      ),
    );
  if (job === undefined)
    return h(
      'div',
      {},
      h(Title, {}, 'Job ', h(Key, {}, jobKey)),
      h(Trouble, { failure }),
      failure === undefined && h(Nothing, {}, 'Reading…'),
    );
  return h(
    'div',
    { class: 'job' },
    h(
      Title,
      { aside: h(Acts, { job, reload }) },
      h('span', {}, 'Job ', h(Key, {}, job.jobKey)),
      h(State, { of: job.outcome === null ? JOB[job.state] : OUTCOME[job.outcome] }),
    ),
    h(Trouble, { failure }),
    h(Summary, { job }),
    job.failing !== null && h(FailingNote, { failing: job.failing }),
    h(
      'div',
      { class: 'two' },
      h(Section, { title: 'Timeline', id: 'timeline' }, h(Timeline, { job })),
      h('div', { class: 'stack' }, h(Details, { job }), h(Payload, { job })),
    ),
  );
}

function Acts({ job, reload }: { readonly job: JobView; reload(): void }): VNode | null {
  const { who } = useLiveState();
  const [acting, setActing] = useState<JobActName>();
  const acts = actsIn(job.state);
  if (!mayAct(who, 'operator') || (acts.length === 0 && acting === undefined)) return null;
  return h(
    'div',
    { class: 'acts', role: 'group', 'aria-label': 'Actions' },
    acts.map((act) => {
      const { label } = jobAct(act, job);
      return h('button', { key: act, type: 'button', onClick: () => setActing(act) }, `${label}…`);
    }),
    acting &&
      h(ActDialog, { key: acting, spec: jobAct(acting, job), onClose: () => setActing(undefined), onDone: reload }),
  );
}

function Summary({ job }: { readonly job: JobView }): VNode {
  const nowMs = useLive().wallMs();
  const ended = job.endedAtMs;
  const figures: readonly (readonly [string, ComponentChildren])[] =
    ended === null
      ? [
          ['held for', age(nowMs - job.heldAtMs)],
          ['reply due', relative(job.replyDeadlineMs, nowMs)],
          ['request', job.sent ? 'sent' : 'not sent yet'],
        ]
      : [
          ['ended', h(Moment, { atMs: ended, ago: true })],
          ['after', duration(Math.max(0, ended - job.heldAtMs))],
        ];
  return h(
    'dl',
    { class: 'figures' },
    [
      ...figures,
      ['attempt', job.attempt] as const,
      ['retries', job.retries] as const,
      ['owner', job.node ?? 'nobody'] as const,
    ].map(([name, value]) => h('div', { key: name }, h('dt', {}, name), h('dd', {}, value))),
  );
}

function FailingNote({ failing }: { readonly failing: NonNullable<JobView['failing']> }): VNode {
  const { why, cause, outcome, retries, backoffMs, errorCode } = failing;
  const rest = [
    `outcome ${outcome}`,
    `retries to set ${retries}`,
    backoffMs > 0 ? `backoff ${duration(backoffMs)}` : '',
    errorCode === '' ? '' : `error code ${errorCode}`,
  ];
  return h(
    'p',
    { class: 'note tone-warn' },
    h(Glyph, { shape: 'triangle' }),
    h(
      'span',
      {},
      h('strong', {}, why),
      cause === '' ? '' : `: ${cause}`,
      h('small', {}, rest.filter((text) => text !== '').join(', ')),
    ),
  );
}

function Details({ job }: { readonly job: JobView }): VNode {
  const moment = (atMs: number | null) => (atMs === null || atMs <= 0 ? null : h(Moment, { atMs }));
  return h(
    Section,
    { title: 'Details', id: 'details' },
    h(Facts, {
      of: [
        ['Correlation id', h(Key, {}, job.correlationId)],
        ['Business key', job.businessKey],
        ['Route', h(Go, { to: { view: 'jobs', query: { lane: job.lane } } }, job.lane)],
        ['Job type', job.jobType === job.lane ? null : job.jobType],
        ['Process', `${job.processId}, version ${job.processVersion}`],
        ['Element', job.elementId],
        [
          'Process instance',
          h(Go, { to: { view: 'jobs', query: { instance: job.instanceKey } } }, h(Key, {}, job.instanceKey)),
        ],
        ['Element instance', h(Key, {}, job.elementInstanceKey)],
        ['Tenant', job.tenantId === '<default>' ? null : job.tenantId],
        [
          'Request',
          job.request && [
            h(Key, {}, job.request.topic),
            job.request.key === '' ? '' : [', key ', h(Key, {}, job.request.key)],
          ],
        ],
        [
          'Reply',
          job.reply &&
            (job.reply.partition < 0
              ? `${job.reply.status}, given by an operator`
              : `${job.reply.status}, partition ${job.reply.partition}, offset ${job.reply.offset}, to attempt ${job.reply.attempt}`),
        ],
        ['Held', moment(job.heldAtMs)],
        ['Reply deadline', job.endedAtMs === null ? moment(job.replyDeadlineMs) : null],
        ['Heartbeat deadline', moment(job.heartbeatDeadlineMs)],
        ["Engine's lock until", moment(job.lockDeadlineMs)],
        ['Next look', moment(job.nextLookMs)],
        ['Shard', h(Go, { to: { view: 'jobs', query: { shard: String(job.shard) } } }, String(job.shard))],
        ['Revision', `${job.revision}, written by ${job.incarnation}`],
        ['Trace', job.trace && h(Key, {}, job.trace)],
      ],
    }),
    Object.keys(job.settings).length > 0 &&
      h(
        'details',
        {},
        h('summary', {}, 'Settings it was held with'),
        h(Facts, { of: Object.entries(job.settings).map(([name, value]) => [name, settingOf(name, value)] as const) }),
      ),
  );
}

function settingOf(name: string, value: string | number): string {
  return typeof value === 'number' && name.endsWith('Ms') && value > 0 ? duration(value) : String(value);
}

function Payload({ job }: { readonly job: JobView }): VNode {
  const { payload } = job;
  if (payload === null)
    return h(Section, { title: 'Payload', id: 'payload' }, h(Nothing, {}, 'Payloads are not shown to your role.'));
  const parts = [
    ['Request, while it is stored', payload.request],
    ['Stored reply', payload.reply],
    ['Progress of the last heartbeat', payload.progress],
    ['Variables with the error', payload.variables],
  ] as const;
  const there = parts.filter((part): part is readonly [(typeof part)[0], string] => part[1] !== null);
  return h(
    Section,
    { title: 'Payload', id: 'payload' },
    there.length === 0
      ? h(Nothing, {}, 'Nothing is stored with it now.')
      : there.map(([name, text]) => h(Body, { key: name, name, text })),
  );
}

export function Body({ name, text }: { readonly name: string; readonly text: string }): VNode {
  return h(
    'figure',
    { class: 'body' },
    h('figcaption', {}, name),
    h('pre', { tabIndex: 0, role: 'group', 'aria-label': name }, indented(text)),
  );
}
