// What flows, per second: the five steps of a call one after another, and beside them the other ways to end, over the last minutes.
import type { VNode } from 'preact';
import type { FlowStep, FlowView } from '../../../operations/model/flow.ts';
import { h } from './element.ts';
import { count, duration, rate } from './format.ts';
import { recentRate, scaleOf, sparkOf, sum } from './spark.ts';
import { Section } from './ui.ts';

const STEPS: readonly (readonly [FlowStep, means: string])[] = [
  ['activated', 'jobs that the engine has handed out'],
  ['held', 'jobs stored, to wait for their replies'],
  ['sent', 'requests that Kafka has acknowledged'],
  ['replied', 'replies that were taken'],
  ['completed', 'jobs completed in the engine'],
  ['thrown', 'jobs that ended by a BPMN error: an answer of its own kind, which the process may catch'],
  ['failed', 'jobs that were failed, or whose time ran out'],
];
const WIDTH = 240;
const HEIGHT = 44;

export function Flow({ flow }: { readonly flow: FlowView | undefined }): VNode {
  const countsOf = (step: FlowStep) => flow?.perSecond[step] ?? [];
  const scale = scaleOf(STEPS.map(([step]) => countsOf(step)));
  const seconds = countsOf('held').length;
  const aside = h(
    'p',
    { class: 'quiet' },
    seconds === 0 ? '\u00a0' : `per second, the last ${duration(seconds * 1_000)}; scale 0 to ${count(scale)}/s`,
  );
  return h(
    Section,
    { title: 'Flow', id: 'flow', class: 'flow', aside },
    h(
      'ol',
      { class: 'steps' },
      STEPS.map(([step, means]) => {
        const counts = countsOf(step);
        const { area, line } = sparkOf(counts, scale, WIDTH, HEIGHT);
        const total = sum(counts);
        return h(
          'li',
          { key: step, class: `step step-${step} ${step === 'failed' && total > 0 ? 'some' : ''}`, title: means },
          h('p', { class: 'step-name' }, step),
          h('p', { class: 'step-rate' }, h('b', {}, rate(recentRate(counts))), h('span', { class: 'quiet' }, '/s')),
          h(
            'svg',
            {
              viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
              preserveAspectRatio: 'none',
              role: 'img',
              'aria-label': `${step}: ${count(total)} in ${duration(seconds * 1_000)}, most ${count(Math.max(0, ...counts))} in a second`,
            },
            h('path', { d: area, class: 'area' }),
            h('path', { d: line, class: 'line' }),
          ),
          h('p', { class: 'total' }, `${count(total)} in all`),
        );
      }),
    ),
  );
}
