// What has happened to a job, first to last, with the time between; where the middle was dropped (only the first 4 and the newest
// 12 are kept), a gap says so by its length alone.
import type { VNode } from 'preact';
import type { JobView } from '../../../operations/model/jobs.ts';
import { h } from './element.ts';
import { duration } from './format.ts';
import { Moment, Nothing } from './ui.ts';
import { OUTCOME } from './words.ts';

const FULL = 16;
const FIRST = 4;

export function Timeline({ job }: { readonly job: JobView }): VNode {
  const { timeline, outcome, state } = job;
  if (timeline.length === 0) return h(Nothing, {}, 'Nothing is written down yet.');
  return h(
    'ol',
    { class: 'timeline' },
    timeline.map(({ atMs, what, node, revision }, i) => {
      const before = timeline[i - 1];
      const last = i === timeline.length - 1;
      const tone = last && state === 'ended' && outcome !== null ? ` tone-${OUTCOME[outcome].tone}` : '';
      return h(
        'li',
        { key: `${atMs} ${what} ${i}`, class: last ? `last${tone}` : '' },
        h(
          'span',
          { class: 'when' },
          h(Moment, { atMs }),
          before && h('span', { class: 'quiet' }, `+${duration(Math.max(0, atMs - before.atMs))}`),
        ),
        h(
          'span',
          { class: 'what' },
          what,
          i === FIRST &&
            timeline.length >= FULL &&
            h('small', {}, 'what was between this and the one before may have been dropped'),
        ),
        h('span', { class: 'where quiet' }, (revision ?? null) === null ? node : `${node} · revision ${revision}`),
      );
    }),
  );
}
