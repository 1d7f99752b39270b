// The latest movements of shards, one line for what happened together.
import type { VNode } from 'preact';
import type { Movement } from '../../../operations/model/cluster.ts';
import { h } from './element.ts';
import { duration, many, shardList } from './format.ts';
import { grouped, type MovementGroup } from './movements.ts';
import { Glyph, Moment, Nothing, Section } from './ui.ts';
import { named, type Shape, type Tone } from './words.ts';

const KINDS: Readonly<Record<Movement['kind'], readonly [shape: Shape, tone: Tone]>> = {
  handover: ['half', 'calm'],
  takeover: ['triangle', 'warn'],
  first: ['ring', 'quiet'],
};
const SHOWN = 7;
const OTHERS_SHOWN = 4;

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
          groups.map((group) => h(Line, { key: `${group.kind} ${group.about} ${group.atMs}`, group })),
        ),
  );
}

function Line({ group }: { readonly group: MovementGroup }): VNode {
  const { atMs, kind, shards, jobs, tookMs } = group;
  const [shape, tone] = KINDS[kind];
  return h(
    'li',
    {},
    h(Moment, { atMs }),
    h('span', { class: `tone-${tone}` }, h(Glyph, { shape })),
    h(
      'span',
      {},
      h('b', {}, many(shards.length, 'shard')),
      sentence(group),
      h(
        'small',
        {},
        `${many(jobs, 'job')}, ${duration(tookMs)}${shards.length > 1 ? ' at most' : ''} · ${shardList(shards, 5)}`,
      ),
    ),
  );
}

function sentence({ kind, about, others }: MovementGroup): string {
  const shown = others.slice(0, OTHERS_SHOWN).map(([node, n]) => (others.length === 1 ? `${node}` : `${node} (${n})`));
  const rest = others.length - shown.length;
  const list = named(rest === 0 ? shown : [...shown, `${rest} more`]);
  switch (kind) {
    case 'takeover':
      return ` taken over from ${about ?? 'nobody'} by ${list}`;
    case 'handover':
      return ` handed over to ${about} by ${list}`;
    case 'first':
      return ` taken for the first time by ${about}`;
  }
}
