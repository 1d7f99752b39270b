// The frame: where one is and can go, the search, whether the node answers, light or dark; and the view that the address names.
import type { VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Audit } from './audit.ts';
import { Contact } from './contact.ts';
import { Dialog } from './dialog.ts';
import { h } from './element.ts';
import { useLiveState } from './hooks.ts';
import { Job } from './job.ts';
import { Jobs } from './jobs.ts';
import { Letter } from './letter.ts';
import { Letters } from './letters.ts';
import { Outcomes } from './outcomes.ts';
import { Overview } from './overview.ts';
import { hashOf, jobKeyIn, parseHash, type View } from './route.ts';
import { SignIn } from './sign-in.ts';
import { ThemeButton } from './theme-button.ts';

const PLACES: readonly (readonly [text: string, view: View, names: readonly View['view'][]])[] = [
  ['Overview', { view: 'overview' }, ['overview']],
  ['Jobs', { view: 'jobs', query: {} }, ['jobs', 'job']],
  ['Outcomes', { view: 'outcomes', query: {} }, ['outcomes']],
  ['Dead letters', { view: 'letters', query: {} }, ['letters', 'letter']],
  ['Audit', { view: 'audit', query: {} }, ['audit']],
];

export function App(): VNode {
  const { cluster, who, needsToken } = useLiveState();
  const view = useView();
  const [help, setHelp] = useState(false);
  useKeys(() => setHelp(true));
  const name = cluster?.value.cluster ?? who?.cluster ?? '';
  const place = PLACES.find(([, , names]) => names.includes(view.view))![0];
  useEffect(() => {
    document.title = [place, name, 'holdfast'].filter((part) => part !== '').join(' · ');
  }, [place, name]);
  return h(
    'div',
    { class: 'frame' },
    h(
      'button',
      { type: 'button', class: 'skip', onClick: () => document.getElementById('title')?.focus() },
      'Skip to the content',
    ),
    h(
      'header',
      { class: 'top' },
      h(
        'a',
        { class: 'brand', href: '#/' },
        h(Mark, {}),
        h('span', {}, 'holdfast'),
        name !== '' && [h('span', { class: 'unseen' }, ', '), h('span', { class: 'cluster-name' }, name)],
      ),
      h(Search, {}),
      h(
        'div',
        { class: 'corner' },
        h(Contact, {}),
        who && h('span', { class: 'who', title: `${who.name}: ${who.role}` }, `${who.name}`, h('small', {}, who.role)),
        h(ThemeButton, {}),
        h(
          'button',
          { type: 'button', class: 'plain', 'aria-label': 'Keys', title: 'Keys (?)', onClick: () => setHelp(true) },
          '?',
        ),
      ),
      h(
        'nav',
        { 'aria-label': 'Views' },
        PLACES.map(([text, to, names]) =>
          h(
            'a',
            { key: text, href: hashOf(to), ...(names.includes(view.view) && { 'aria-current': 'page' as const }) },
            text,
          ),
        ),
      ),
    ),
    h('main', { id: 'main' }, h(Shown, { view })),
    help && h(Keys, { onClose: () => setHelp(false) }),
    needsToken && h(SignIn, {}),
  );
}

function Shown({ view }: { readonly view: View }): VNode {
  switch (view.view) {
    case 'overview':
      return h(Overview, {});
    case 'jobs':
      return h(Jobs, { query: view.query });
    case 'job':
      return h(Job, { key: view.jobKey, jobKey: view.jobKey });
    case 'outcomes':
      return h(Outcomes, { query: view.query });
    case 'letters':
      return h(Letters, { query: view.query });
    case 'letter':
      return h(Letter, { key: `${view.partition}/${view.offset}`, partition: view.partition, offset: view.offset });
    case 'audit':
      return h(Audit, { query: view.query });
  }
}

function useView(): View {
  const [view, setView] = useState(() => parseHash(location.hash));
  useEffect(() => {
    const changed = () => {
      const next = parseHash(location.hash);
      setView((now) => {
        // To another view, not to another filter: there the reader is in the middle of something.
        if (now.view !== next.view) {
          scrollTo(0, 0);
          requestAnimationFrame(() => document.getElementById('title')?.focus({ preventScroll: true }));
        }
        return next;
      });
    };
    window.addEventListener('hashchange', changed);
    return () => window.removeEventListener('hashchange', changed);
  }, []);
  return view;
}

/** `/` goes to the search, `?` tells the keys, unless somebody is typing. */
function useKeys(onHelp: () => void): void {
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const typing = event.target instanceof Element && event.target.closest('input, textarea, select') !== null;
      if (typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]') !== null)
        return;
      if (event.key === '/') {
        event.preventDefault();
        document.querySelector<HTMLInputElement>('#search')?.select();
        document.querySelector<HTMLInputElement>('#search')?.focus();
      } else if (event.key === '?') onHelp();
    };
    document.addEventListener('keydown', pressed);
    return () => document.removeEventListener('keydown', pressed);
  }, []);
}

function Search(): VNode {
  const search = (event: SubmitEvent & { currentTarget: HTMLFormElement }) => {
    event.preventDefault();
    const text = String(new FormData(event.currentTarget).get('text') ?? '').trim();
    if (text.length < 2) return;
    // From here on it stands in the filters of the list.
    event.currentTarget.reset();
    location.hash = hashOf({ view: 'jobs', query: { text: jobKeyIn(text) ?? text } });
    document.querySelector<HTMLInputElement>('#search')?.blur();
  };
  return h(
    'form',
    { class: 'search', role: 'search', 'aria-label': 'Jobs', onSubmit: search },
    h('label', { for: 'search', class: 'unseen' }, 'Search jobs'),
    h('input', {
      id: 'search',
      name: 'text',
      type: 'search',
      maxLength: 200,
      placeholder: 'Search jobs: key, id, process, business key, error',
      autoComplete: 'off',
      spellcheck: false,
      'aria-keyshortcuts': '/',
    }),
    h('kbd', { 'aria-hidden': 'true' }, '/'),
  );
}

const KEYS = [
  ['/', 'Search jobs'],
  ['?', 'This list'],
  ['Tab', 'To the next thing; the first one skips to the content'],
  ['↑ ↓ Home End', 'From row to row of a table'],
  ['← → ↑ ↓', "From shard to shard of a node's field"],
  ['Enter', 'Open, or do'],
  ['Esc', 'Close a dialog'],
] as const;

function Keys({ onClose }: { onClose(): void }): VNode {
  return h(
    Dialog,
    { title: 'Keys', onClose },
    h(
      'dl',
      { class: 'keys form' },
      KEYS.map(([key, what]) =>
        h(
          'div',
          { key },
          h(
            'dt',
            {},
            key.split(' ').map((one) => h('kbd', { key: one }, one)),
          ),
          h('dd', {}, what),
        ),
      ),
    ),
  );
}

/** A line made fast. */
function Mark(): VNode {
  return h(
    'svg',
    { viewBox: '0 0 24 24', width: 22, height: 22, 'aria-hidden': 'true', class: 'mark' },
    h('path', {
      d: 'M3 8.5h18M7 8.5v9M17 8.5v9M5 17.5h14',
      fill: 'none',
      stroke: 'currentColor',
      'stroke-width': 2.4,
      'stroke-linecap': 'round',
    }),
    h('path', {
      d: 'M7 14c3.5 0 6.500-2.500 10-2.500',
      fill: 'none',
      stroke: 'var(--accent)',
      'stroke-width': 2.4,
      'stroke-linecap': 'round',
    }),
  );
}
