// The latest movements of shards, one line for what happened together.
import type { VNode } from 'preact';
import type { Movement } from '../../../operations/model.ts';
import { h } from './element.ts';
import { duration, many, shardList } from './format.ts';
import { grouped, type MovementGroup } from './movements.ts';
import { Glyph, Moment, Nothing, Section } from './ui.ts';
import type { Shape, Tone } from './words.ts';

const KINDS: Readonly<Record<Movement['kind'], readonly [text: string, shape: Shape, tone: Tone]>> = {
  handover: ['handed over', 'half', 'calm'],
  takeover: ['taken over', 'triangle', 'warn'],
  first: ['taken for the first time', 'ring', 'quiet'],
};
const SHOWN = 8;

export function Movements({ movements }: { readonly movements: readonly Movement[] }): VNode {
  const groups = grouped(movements).slice(0, SHOWN);
  return h(
    Section,
    { title: 'Latest movements', id: 'movements', class: 'movements' },
    groups.length === 0
      ? h(Nothing, {}, 'No shard has moved lately.')
      : h(
          'ol',
          { class: 'log' },
          groups.map((group) =>
            h(Line, {
              key: `${group.from} ${group.to} ${group.kind} ${Math.min(...group.shards)} ${group.shards.length}`,
              group,
            }),
          ),
        ),
  );
}

function Line({ group }: { readonly group: MovementGroup }): VNode {
  const { atMs, from, to, kind, shards, jobs, tookMs } = group;
  const [text, shape, tone] = KINDS[kind];
  return h(
    'li',
    {},
    h(Moment, { atMs }),
    h('span', { class: `tone-${tone}` }, h(Glyph, { shape })),
    h(
      'span',
      {},
      h('b', {}, many(shards.length, 'shard')),
      from === null ? ` ${text} by ${to}` : ` ${text}, ${from} → ${to}`,
      h(
        'small',
        {},
        `${many(jobs, 'job')}, ${duration(tookMs)}${shards.length > 1 ? ' at most' : ''} · ${shardList(shards, 5)}`,
      ),
    ),
  );
}
