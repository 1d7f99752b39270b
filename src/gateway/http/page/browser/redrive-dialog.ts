// Driving dead letters once more, in two steps: what it would be (nothing happens), then the driving, which is watched and can be
// stopped. Nobody starts the second without having seen the first of exactly the same letters.
import type { VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { RedriveView } from '../../../operations/model/dead-letters.ts';
import { type Answer, act, type Failure, read } from './api.ts';
import { Dialog, Field } from './dialog.ts';
import { h } from './element.ts';
import { count, many } from './format.ts';
import { useLive } from './hooks.ts';
import { reasonFault, redriveBody, redriveFaults, type Scope } from './redrive-body.ts';
import { acted, acting, edited, heard, isWatched, NOT_BEGUN, type Run } from './redrive-run.ts';
import { Glyph, State, Trouble, Unanswered } from './ui.ts';
import { REDRIVE } from './words.ts';

const WATCH_EVERY_MS = 1_000;

export function RedriveDialog({ scope, onClose }: { readonly scope: Scope; onClose(): void }): VNode {
  const live = useLive();
  const [typed, setTyped] = useState({ reason: '', perSecond: '10', max: '1000' });
  const [checked, setChecked] = useState(false);
  const [stopping, setStopping] = useState({ reason: '', checked: false });
  const [run, setRun] = useState(NOT_BEGUN);
  const { seen, failure, unsure, lost, busy } = run;
  const running = seen?.state === 'running';

  const take = (as: (now: Run, answer: Answer<RedriveView>) => Run, answer: Answer<RedriveView>) => {
    setRun((now) => as(now, answer));
    if (!answer.ok && answer.failure.kind === 'token') live.tokenRefused();
  };
  const begin = async (dryRun: boolean) => {
    setChecked(true);
    if (Object.values(redriveFaults(typed)).some((fault) => fault !== undefined)) return;
    setRun(acting);
    const answer = await act<RedriveView>('dead-letters/redrive', JSON.stringify(redriveBody(scope, typed, dryRun)));
    take((now) => acted(now, answer, !dryRun), answer);
  };
  const stop = async (id: string) => {
    setStopping((now) => ({ ...now, checked: true }));
    if (reasonFault(stopping.reason) !== undefined) return;
    setRun(acting);
    const body = JSON.stringify({ reason: stopping.reason.trim() });
    const answer = await act<RedriveView>(`dead-letters/redrives/${encodeURIComponent(id)}/stop`, body);
    take((now) => acted(now, answer, true), answer);
  };
  const id = seen?.id;
  const watched = isWatched(run);
  useEffect(() => {
    if (!watched || id === undefined) return;
    const timer = setInterval(
      async () => take(heard, await read<RedriveView>(`dead-letters/redrives/${encodeURIComponent(id)}`)),
      WATCH_EVERY_MS,
    );
    return () => clearInterval(timer);
  }, [watched, id]);

  const faults: ReturnType<typeof redriveFaults> = checked
    ? redriveFaults(typed)
    : { reason: undefined, perSecond: undefined, max: undefined };
  // What is changed after the preview makes it void.
  const edit = (name: keyof typeof typed) => (value: string) => {
    setTyped((now) => ({ ...now, [name]: value }));
    if (name === 'max') setRun(edited);
  };
  const begun = seen !== undefined && seen.state !== 'preview';
  return h(
    Dialog,
    { title: 'Re-drive dead letters', wide: true, onClose },
    h(
      'form',
      {
        noValidate: true,
        onSubmit: (event) => {
          event.preventDefault();
          if (!begun) void begin(seen === undefined);
          else if (running) void stop(seen.id);
        },
      },
      h(
        'p',
        { class: 'will' },
        `${inWords(scope)} put on the reply topic once more, as they were, and decided anew. One that still cannot be used comes back as a dead letter.`,
      ),
      !begun && [
        h(Field, {
          key: 'reason',
          label: 'Reason',
          hint: 'Kept in the audit, with your name.',
          fault: faults.reason,
          value: typed.reason,
          focus: true,
          onInput: edit('reason'),
        }),
        h(
          'div',
          { class: 'pair', key: 'pair' },
          h(Field, {
            label: 'Letters per second',
            hint: 'So that services and engine keep up.',
            fault: faults.perSecond,
            value: typed.perSecond,
            onInput: edit('perSecond'),
          }),
          h(Field, {
            label: 'At most',
            hint: 'Letters in all.',
            fault: faults.max,
            value: typed.max,
            onInput: edit('max'),
          }),
        ),
      ],
      h(
        'div',
        { 'aria-live': 'polite' },
        seen && h(Seen, { seen }),
        h(Lost, { failure: lost }),
        failure !== undefined && unsure ? h(Unanswered, { failure }) : h(Trouble, { failure }),
      ),
      running &&
        h(Field, {
          label: 'Reason to stop it',
          hint: 'Kept in the audit, with your name. What is driven stays driven.',
          fault: stopping.checked ? reasonFault(stopping.reason) : undefined,
          value: stopping.reason,
          onInput: (reason) => setStopping((now) => ({ ...now, reason })),
        }),
      h(
        'footer',
        {},
        h('button', { type: 'button', onClick: onClose }, begun ? 'Close' : 'Cancel'),
        running && h('button', { type: 'submit', class: 'grave', disabled: busy }, 'Stop'),
        !begun &&
          seen === undefined &&
          h('button', { type: 'submit', class: 'main', disabled: busy }, busy ? 'Counting…' : 'Preview'),
        !begun &&
          seen !== undefined &&
          h(
            'button',
            { type: 'submit', class: 'grave', disabled: busy || seen.matched <= seen.skipped },
            `Drive ${many(Math.max(0, seen.matched - seen.skipped), 'letter')}`,
          ),
      ),
    ),
  );
}

function inWords(scope: Scope): string {
  if (scope.kind === 'positions')
    return scope.positions.length === 1 ? 'This letter is' : `The ${scope.positions.length} chosen letters are`;
  return Object.keys(scope.query).length === 0
    ? 'All dead letters are'
    : 'All dead letters that the filters of the list match are';
}

function Lost({ failure }: { readonly failure: Failure | undefined }): VNode {
  return h(Trouble, { failure }, '. What stands above is the last that was heard of it.');
}

function Seen({ seen }: { readonly seen: RedriveView }): VNode {
  const { state, matched, driven, skipped, sample, detail } = seen;
  return h(
    'div',
    { class: 'seen' },
    h(
      'dl',
      { class: 'figures' },
      (
        [
          ['state', h(State, { of: REDRIVE[state] })],
          ['matched', count(matched)],
          ['driven', count(driven)],
          ['skipped', count(skipped)],
        ] as const
      ).map(([name, value]) => h('div', { key: name }, h('dt', {}, name), h('dd', {}, value))),
    ),
    state !== 'preview' &&
      h('progress', { max: Math.max(1, matched - skipped), value: driven, 'aria-label': 'Driven' }),
    detail !== '' && h('p', { class: 'small-text' }, detail),
    state === 'preview' &&
      sample.length > 0 &&
      h(
        'details',
        {},
        h('summary', {}, `A sample of ${sample.length}`),
        h(
          'ol',
          { class: 'log', tabIndex: 0, 'aria-label': 'A sample' },
          sample.map(({ partition, offset, reason, message }) =>
            h(
              'li',
              { key: `${partition}/${offset}` },
              h('span', {}, `${partition}/${offset}`),
              h('span', { class: 'tone-warn' }, h(Glyph, { shape: 'triangle' })),
              h('span', {}, h('b', {}, reason), ` ${message}`),
            ),
          ),
        ),
      ),
  );
}
