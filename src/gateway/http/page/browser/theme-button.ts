// Light, dark, or as the system has it. What was chosen is kept in this browser; static/theme.js sets it before the first paint.
import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import { h } from './element.ts';

const CHOICES = ['system', 'light', 'dark'] as const;
type Choice = (typeof CHOICES)[number];
const NAME = 'holdfast.theme';

function chosen(): Choice {
  const set = document.documentElement.dataset.theme;
  return set === 'light' || set === 'dark' ? set : 'system';
}

export function ThemeButton(): VNode {
  const [choice, setChoice] = useState(chosen);
  const next = CHOICES[(CHOICES.indexOf(choice) + 1) % CHOICES.length]!;
  const onClick = () => {
    if (next === 'system') {
      delete document.documentElement.dataset.theme;
      localStorage.removeItem(NAME);
    } else {
      document.documentElement.dataset.theme = next;
      localStorage.setItem(NAME, next);
    }
    setChoice(next);
  };
  const label = `Colours: ${choice === 'system' ? 'as the system' : choice}; change to ${next === 'system' ? 'as the system' : next}`;
  return h(
    'button',
    { type: 'button', class: 'plain', 'aria-label': label, title: label, onClick },
    h(Icon, { choice }),
  );
}

function Icon({ choice }: { readonly choice: Choice }): VNode {
  const ring = h('circle', { cx: 8, cy: 8, r: 5.5, fill: 'none', stroke: 'currentColor', 'stroke-width': 1.5 });
  const filled = {
    light: null,
    dark: h('circle', { cx: 8, cy: 8, r: 5.5, fill: 'currentColor' }),
    system: h('path', { d: 'M8 2.5a5.5 5.5 0 0 1 0 11z', fill: 'currentColor' }),
  }[choice];
  return h('svg', { viewBox: '0 0 16 16', width: 16, height: 16, 'aria-hidden': 'true' }, ring, filled);
}
