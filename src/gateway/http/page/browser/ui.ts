// The small things that every view is made of.
import type { ComponentChildren, VNode } from 'preact';
import type { Failure } from './api.ts';
import { h } from './element.ts';
import { clock, relative } from './format.ts';
import { useLive, useLiveState } from './hooks.ts';
import { hashOf, type View } from './route.ts';
import { named, type Shape, type Word } from './words.ts';

/** In a box of 12 × 12; `currentColor`, so that it has the tone of its word. */
const SHAPES: Readonly<Record<Shape, () => VNode>> = {
  disc: () => h('circle', { cx: 6, cy: 6, r: 4.5, fill: 'currentColor' }),
  ring: () => h('circle', { cx: 6, cy: 6, r: 4, ...OUTLINE }),
  half: () =>
    h(
      'g',
      {},
      h('circle', { cx: 6, cy: 6, r: 4, ...OUTLINE }),
      h('path', { d: 'M6 2a4 4 0 0 1 0 8z', fill: 'currentColor' }),
    ),
  cross: () => h('path', { d: 'M2 2l8 8M10 2l-8 8', ...OUTLINE, 'stroke-width': 2 }),
  dashed: () => h('circle', { cx: 6, cy: 6, r: 4, ...OUTLINE, 'stroke-dasharray': '2.4 1.8' }),
  square: () => h('rect', { x: 2, y: 2, width: 8, height: 8, ...OUTLINE }),
  triangle: () => h('path', { d: 'M6 1.5L11 10.5H1z', fill: 'currentColor' }),
  diamond: () => h('path', { d: 'M6 1l5 5-5 5-5-5z', fill: 'currentColor' }),
  check: () => h('path', { d: 'M1.5 6.5l3 3 6-7', ...OUTLINE, 'stroke-width': 1.8 }),
};
const OUTLINE = { fill: 'none', stroke: 'currentColor', 'stroke-width': 1.5 } as const;

export function Glyph({ shape }: { readonly shape: Shape }): VNode {
  return h(
    'svg',
    { class: 'glyph', viewBox: '0 0 12 12', width: 12, height: 12, 'aria-hidden': 'true' },
    SHAPES[shape](),
  );
}

export function State({ of }: { readonly of: Word }): VNode {
  return h('span', { class: `state tone-${of.tone}`, title: of.means }, h(Glyph, { shape: of.shape }), of.text);
}

/** A moment: the time of day, and how long ago where that is what counts. */
export function Moment({ atMs, ago = false }: { readonly atMs: number; readonly ago?: boolean }): VNode {
  const nowMs = useLive().wallMs();
  const iso = new Date(atMs).toISOString();
  const shown = ago ? relative(atMs, nowMs) : clock(atMs, nowMs);
  return h('time', { dateTime: iso, title: ago ? `${clock(atMs, nowMs)} (${iso})` : iso }, shown);
}

export function Go({
  to,
  children,
  ...rest
}: {
  readonly to: View;
  readonly children: ComponentChildren;
  readonly [attribute: string]: unknown;
}): VNode {
  return h('a', { ...rest, href: hashOf(to) }, children);
}

/** A key or another word that is copied rather than read. */
export function Key({ children }: { readonly children: ComponentChildren }): VNode {
  return h('code', { class: 'key' }, children);
}

export function Section(props: {
  readonly title: string;
  readonly id: string;
  readonly aside?: ComponentChildren;
  readonly class?: string;
  readonly children: ComponentChildren;
}): VNode {
  const { title, id, aside, children } = props;
  return h(
    'section',
    { class: `panel ${props.class ?? ''}`, 'aria-labelledby': id },
    h('header', { class: 'panel-head' }, h('h2', { id }, title), aside),
    children,
  );
}

/** Every view begins with it; it takes the focus when the view changes, so that a screen reader begins there too. */
export function Title({
  children,
  aside,
}: {
  readonly children: ComponentChildren;
  readonly aside?: ComponentChildren;
}): VNode {
  return h('div', { class: 'title' }, h('h1', { tabIndex: -1, id: 'title' }, children), aside);
}

export function Missing({ nodes, what }: { readonly nodes: readonly string[]; readonly what: string }): VNode | null {
  if (nodes.length === 0) return null;
  return h(
    'p',
    { class: 'note tone-warn', role: 'status' },
    h(Glyph, { shape: 'dashed' }),
    h('span', {}, h('strong', {}, named(nodes)), ` did not answer: ${what}`),
  );
}

/** Of an act: said also while the whole page has no answer, for what is asked again may be done twice. */
export function Unanswered({ failure }: { readonly failure: Failure }): VNode {
  return h(
    'p',
    { class: 'note tone-bad', role: 'alert' },
    h(Glyph, { shape: 'cross' }),
    h(
      'span',
      {},
      h('strong', {}, failure.title),
      `: ${failure.detail}. It may have been done all the same: look at the audit before you try again.`,
    ),
  );
}

export function Trouble({
  failure,
  children,
}: {
  readonly failure: Failure | undefined;
  readonly children?: ComponentChildren;
}): VNode | null {
  const { failure: ofAll } = useLiveState();
  // What concerns the whole page is said by the whole page.
  if (failure === undefined || failure.kind === 'token' || (failure.kind === 'away' && ofAll !== undefined))
    return null;
  return h(
    'div',
    { class: 'note tone-bad', role: 'alert' },
    h(Glyph, { shape: 'cross' }),
    h(
      'span',
      {},
      h('strong', {}, failure.title),
      `: ${failure.detail}${failure.code === '' ? '' : ` (${failure.code})`}`,
      children,
    ),
  );
}

export function Nothing({ children }: { readonly children: ComponentChildren }): VNode {
  return h('p', { class: 'nothing' }, children);
}

/** Name and value; what is null is left out. */
export function Facts({ of }: { readonly of: readonly (readonly [name: string, value: ComponentChildren])[] }): VNode {
  const there = of.filter(([, value]) => value !== null && value !== undefined && value !== '');
  return h(
    'dl',
    { class: 'facts' },
    there.map(([name, value]) => h('div', { key: name }, h('dt', {}, name), h('dd', {}, value))),
  );
}
