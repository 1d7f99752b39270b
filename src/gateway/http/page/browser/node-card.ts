// What there is to say of a node above its field: its state and figures, and to an admin the way to drain it.
import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import type { NodeView } from '../../../operations/model/cluster.ts';
import { ActDialog } from './act-dialog.ts';
import { nodeActs } from './acts.ts';
import { h } from './element.ts';
import { age, count, duration } from './format.ts';
import { useLive, useLiveState } from './hooks.ts';
import { State } from './ui.ts';
import { mayAct, NODE, named } from './words.ts';

export interface NodeHeadProps {
  readonly node: NodeView;
  /** It is the one that this page comes from. */
  readonly answers: boolean;
  reload(): void;
}

/** A clock that is further off than this is worth a word. */
const SKEW_WORTH_TELLING_MS = 250;

export function NodeHead({ node, answers, reload }: NodeHeadProps): VNode {
  const { who } = useLiveState();
  const nowMs = useLive().wallMs();
  const [acting, setActing] = useState<'drain' | 'resume'>();
  const { state, waitingFor, version, startedAtMs, leaseRemainingMs, clockSkewMs, shardsOwned, pending } = node;
  const verb = state === 'draining' ? 'resume' : 'drain';
  const runs = state === 'ready' || state === 'notReady' || state === 'draining';
  const skewed = clockSkewMs !== null && Math.abs(clockSkewMs) > SKEW_WORTH_TELLING_MS;
  const small = [
    version === null ? null : `version ${version}`,
    startedAtMs === null || !runs ? null : `up ${age(nowMs - startedAtMs)}`,
    leaseRemainingMs === null || !runs ? null : `lease ${(leaseRemainingMs / 1_000).toFixed(1)} s`,
    skewed ? `clock ${duration(Math.abs(clockSkewMs))} ${clockSkewMs > 0 ? 'ahead' : 'behind'}` : null,
  ].filter((text) => text !== null);
  return h(
    'header',
    { class: 'node-head' },
    h(
      'div',
      { class: 'node-line' },
      h('h3', {}, node.node),
      h(State, { of: NODE[state] }),
      answers && h('span', { class: 'here', title: 'The page that you see comes from this node.' }, 'this page'),
      h('span', { class: 'gap' }),
      mayAct(who, 'admin') &&
        runs &&
        h(
          'button',
          { type: 'button', class: 'small', onClick: () => setActing(verb) },
          verb === 'drain' ? 'Drain…' : 'Resume…',
        ),
    ),
    h(
      'p',
      { class: 'node-figures' },
      h('b', {}, count(shardsOwned)),
      ' shards',
      h('span', { class: 'sep' }, '·'),
      h('b', {}, pending === null ? '–' : count(pending)),
      ' pending',
    ),
    // One line, whatever there is to say: the fields of a row stay beside each other.
    waitingFor.length > 0
      ? h(
          'p',
          { class: 'tone-warn small-text one-line', title: waitingFor.join('\n') },
          `waits for ${named(waitingFor)}`,
        )
      : h(
          'p',
          { class: 'quiet small-text one-line', title: `incarnation ${node.incarnation}` },
          small.length === 0 ? '\u00a0' : small.join(' · '),
        ),
    acting &&
      h(ActDialog, {
        spec: nodeActs(node.node)[acting],
        onClose: () => setActing(undefined),
        onDone: reload,
      }),
  );
}
