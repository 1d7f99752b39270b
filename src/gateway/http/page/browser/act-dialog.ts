// One act, from the question to its result: what will happen, what is needed, why; then what came of it, in words, until the
// reader closes it.
import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import type { ActResult } from '../../../operations/model/acts.ts';
import { type ActSpec, bodyOf, faultsIn, REASON, type Values } from './acts.ts';
import { act, type Failure } from './api.ts';
import { Dialog, Field } from './dialog.ts';
import { h } from './element.ts';
import { useLive } from './hooks.ts';
import { Glyph, Key, Unanswered } from './ui.ts';
import type { Shape, Tone } from './words.ts';

export interface ActDialogProps {
  readonly spec: ActSpec;
  onClose(): void;
  /** Called when the node has answered, whatever. */
  onDone(): void;
}

type Stage =
  | { readonly stage: 'asking' }
  | { readonly stage: 'doing' }
  | { readonly stage: 'over'; readonly result: ActResult }
  | { readonly stage: 'refused'; readonly failure: Failure };

export function ActDialog({ spec, onClose, onDone }: ActDialogProps): VNode {
  const live = useLive();
  const fields = [...spec.fields, REASON];
  const [values, setValues] = useState<Values>(() =>
    Object.fromEntries(fields.map(({ name, value }) => [name, value])),
  );
  const [checked, setChecked] = useState(false);
  const [stage, setStage] = useState<Stage>({ stage: 'asking' });
  const faults = faultsIn(fields, values);
  const submit = async (event: Event) => {
    event.preventDefault();
    setChecked(true);
    if (Object.keys(faults).length > 0) return;
    setStage({ stage: 'doing' });
    const answer = await act(spec.path, bodyOf(fields, values));
    if (answer.ok) setStage({ stage: 'over', result: answer.value });
    else if (answer.failure.act) setStage({ stage: 'over', result: answer.failure.act });
    else setStage({ stage: 'refused', failure: answer.failure });
    if (!answer.ok && answer.failure.kind === 'token') live.tokenRefused();
    onDone();
  };
  if (stage.stage === 'over') return h(Over, { title: spec.title, result: stage.result, onClose });
  return h(
    Dialog,
    { title: spec.title, onClose },
    h(
      'form',
      { onSubmit: submit, noValidate: true },
      h('p', { class: 'will', 'aria-live': 'polite' }, spec.will(values)),
      fields.map(({ name, label, hint, kind, required }, i) =>
        h(Field, {
          key: name,
          label: required ? label : `${label} (optional)`,
          hint,
          fault: checked ? faults[name] : undefined,
          value: values[name] ?? '',
          lines: kind === 'object' ? 7 : 1,
          mono: kind === 'object',
          focus: i === 0,
          onInput: (value) => setValues((now) => ({ ...now, [name]: value })),
        }),
      ),
      stage.stage === 'refused' &&
        (stage.failure.kind === 'away'
          ? h(Unanswered, { failure: stage.failure })
          : h(
              'p',
              { class: 'note tone-bad', role: 'alert' },
              h(Glyph, { shape: 'cross' }),
              h('span', {}, h('strong', {}, stage.failure.title), `: ${stage.failure.detail}`),
            )),
      h(
        'footer',
        {},
        h('button', { type: 'button', onClick: onClose }, 'Cancel'),
        h(
          'button',
          { type: 'submit', class: spec.grave ? 'grave' : 'main', disabled: stage.stage === 'doing' },
          stage.stage === 'doing' ? 'Working…' : spec.label,
        ),
      ),
    ),
  );
}

const RESULTS: Readonly<Record<ActResult['result'], readonly [text: string, shape: Shape, tone: Tone]>> = {
  done: ['Done', 'check', 'good'],
  later: ['Stored; it happens by itself', 'half', 'calm'],
  gone: ['The engine does not have this job any more', 'dashed', 'warn'],
  absent: ['No such job is pending', 'square', 'warn'],
  wrongState: ['Not possible now', 'triangle', 'warn'],
  refused: ['Refused', 'cross', 'bad'],
};

function Over({
  title,
  result,
  onClose,
}: {
  readonly title: string;
  readonly result: ActResult;
  onClose(): void;
}): VNode {
  const [text, shape, tone] = RESULTS[result.result];
  return h(
    Dialog,
    { title, onClose },
    h(
      'div',
      { class: 'form', role: 'status' },
      h('p', { class: `state large tone-${tone}` }, h(Glyph, { shape }), text),
      h('p', {}, result.detail),
      result.auditId !== '' && h('p', { class: 'quiet small-text' }, 'In the audit as ', h(Key, {}, result.auditId)),
      h('footer', {}, h('button', { type: 'button', class: 'main', autoFocus: true, onClick: onClose }, 'Close')),
    ),
  );
}
