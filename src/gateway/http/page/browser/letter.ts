// One dead letter, with its headers and, for who may see payloads, its value.
import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import type { DeadLetterView } from '../../../operations/model/dead-letters.ts';
import { h } from './element.ts';
import { bytes } from './format.ts';
import { useFetched, useLiveState } from './hooks.ts';
import { Body } from './job.ts';
import { RedriveDialog } from './redrive-dialog.ts';
import { Facts, Glyph, Go, Key, Moment, Nothing, Section, Title, Trouble } from './ui.ts';
import { mayAct } from './words.ts';

export function Letter({ partition, offset }: { readonly partition: string; readonly offset: string }): VNode {
  const { who } = useLiveState();
  const [driving, setDriving] = useState(false);
  const { value: letter, failure, reload } = useFetched<DeadLetterView>(`dead-letters/${partition}/${offset}`);
  const title = `Dead letter ${partition}/${offset}`;
  if (letter === undefined)
    return h(
      'div',
      {},
      h(Title, {}, title),
      failure?.status === 404
        ? h(Nothing, {}, 'There is no dead letter at this place; Kafka may have let it go.')
        : h(Trouble, { failure }),
    );
  const { reason, message, original, headers, value } = letter;
  return h(
    'div',
    {},
    h(
      Title,
      {
        aside:
          mayAct(who, 'operator') &&
          h('div', { class: 'acts' }, h('button', { type: 'button', onClick: () => setDriving(true) }, 'Re-drive…')),
      },
      title,
    ),
    h(Trouble, { failure }),
    h(
      'p',
      { class: 'note tone-warn' },
      h(Glyph, { shape: 'triangle' }),
      h('span', {}, h('strong', {}, reason), message === '' ? '' : `: ${message}`),
    ),
    h(
      'div',
      { class: 'two' },
      h(
        Section,
        { title: 'Where it comes from', id: 'from' },
        h(Facts, {
          of: [
            ['Kept', h(Moment, { atMs: letter.atMs })],
            ['Record', `${original.topic}, partition ${original.partition}, offset ${original.offset}`],
            ['Written', original.atMs === null ? null : h(Moment, { atMs: original.atMs })],
            ['Job', letter.jobKey && h(Go, { to: { view: 'job', jobKey: letter.jobKey } }, h(Key, {}, letter.jobKey))],
            ['Correlation id', letter.correlationId && h(Key, {}, letter.correlationId)],
            ['Key', letter.key && h(Key, {}, letter.key)],
            ['Size', bytes(letter.bytes)],
            ['Cut', letter.truncated],
            ['Re-driven', letter.redriven ? 'yes: it came back' : null],
          ],
        }),
      ),
      h(
        'div',
        { class: 'stack' },
        h(
          Section,
          { title: 'Headers', id: 'headers' },
          headers.length === 0
            ? h(Nothing, {}, 'It has none.')
            : h(Facts, { of: headers.map(({ name, value }) => [name, h(Key, {}, value)] as const) }),
        ),
        h(
          Section,
          { title: 'Value', id: 'value' },
          value === null
            ? h(Nothing, {}, who?.payloads ? 'It has none, or it is not text.' : 'Payloads are not shown to your role.')
            : h(Body, { name: 'Value', text: value }),
        ),
      ),
    ),
    driving &&
      h(RedriveDialog, {
        scope: { kind: 'positions', positions: [{ partition: letter.partition, offset: letter.offset }] },
        onClose: () => {
          setDriving(false);
          reload();
        },
      }),
  );
}
