// Whether what is seen is true now. While the node answers: one quiet word. When it does not: since when, how old the picture is,
// when it is asked again; at the foot of the window, over everything, so that nothing moves.
import type { VNode } from 'preact';
import { useEffect } from 'preact/hooks';
import { h } from './element.ts';
import { age } from './format.ts';
import { useLive, useLiveState } from './hooks.ts';
import { Glyph } from './ui.ts';

/** So long a picture may be old before anybody is told: a round that is late is no news. */
const OLD_AFTER_MS = 5_000;

export function Contact(): VNode {
  const live = useLive();
  const { cluster, failure, failingSinceMs, nextTryAtMs, otherVersion, who } = useLiveState();
  const nowMs = performance.now();
  const oldMs = cluster === undefined ? 0 : nowMs - cluster.atMs;
  const bad = failure !== undefined && failure.kind !== 'token';
  const old = bad && cluster !== undefined && oldMs > OLD_AFTER_MS;
  useEffect(() => {
    document.documentElement.classList.toggle('is-old', old);
  }, [old]);
  const node = cluster?.value.answeredBy ?? who?.node ?? 'the node';
  const tone = bad ? 'bad' : cluster === undefined ? 'quiet' : 'good';
  const text = bad
    ? failure.kind === 'away'
      ? 'no answer'
      : 'in trouble'
    : cluster === undefined
      ? 'asking'
      : h('span', {}, 'live', h('span', { class: 'from' }, ` from ${node}`));
  return h(
    'div',
    { class: 'contact' },
    h(
      'span',
      { class: `state tone-${tone}`, role: 'status' },
      h(Glyph, { shape: bad ? 'cross' : cluster === undefined ? 'ring' : 'disc' }),
      text,
    ),
    bad &&
      h(
        'div',
        { class: 'foot', role: 'alert' },
        h(Glyph, { shape: 'cross' }),
        h(
          'p',
          {},
          h(
            'strong',
            {},
            failure.kind === 'away'
              ? `${capital(node)} has not answered for ${age(nowMs - failingSinceMs)}`
              : `${failure.title}: ${failure.detail}`,
          ),
          // Only what does not change with every second is read out.
          h(
            'span',
            { 'aria-live': 'off' },
            cluster === undefined ? '' : ` What you see is ${age(oldMs)} old.`,
            ` Asked again in ${age(Math.max(0, nextTryAtMs - nowMs))}.`,
          ),
        ),
        h('button', { type: 'button', onClick: () => live.now() }, 'Ask now'),
      ),
    !bad &&
      otherVersion &&
      h(
        'div',
        { class: 'foot calm', role: 'status' },
        h('p', {}, `${node} now runs version ${who?.version}.`),
        h('button', { type: 'button', onClick: () => location.reload() }, 'Load its page'),
      ),
  );
}

function capital(text: string): string {
  return text === 'the node' ? 'The node' : text;
}
