// Tables with one thing in a row that can be gone to. Arrow keys go from row to row, Home and End to the first and last,
// Enter opens; of the whole table one row is in the order of Tab. On a narrow screen each row becomes a card with the columns'
// names in it (narrow.css), so the roles are said: display rules take them from a table.
import type { ComponentChildren, VNode } from 'preact';
import { useState } from 'preact/hooks';
import { h } from './element.ts';
import { hashOf, type View } from './route.ts';

export interface Column<R> {
  readonly name: string;
  /** `number`: right, and its heading too; `wide`: takes what is left; `word`: one that is never broken, and cut when it is long. */
  readonly kind?: 'number' | 'wide' | 'main' | 'pick' | 'word';
  cell(row: R): ComponentChildren;
}

export interface TableProps<R> {
  readonly label: string;
  readonly columns: readonly Column<R>[];
  readonly rows: readonly R[];
  readonly busy?: boolean;
  idOf(row: R): string;
  /** Where a row leads; the `main` column has the link. */
  to?(row: R): View;
}

export function Table<R>({ label, columns, rows, busy = false, idOf, to }: TableProps<R>): VNode {
  const [at, setAt] = useState<string>();
  const ids = rows.map(idOf);
  const inOrder = at !== undefined && ids.includes(at) ? at : ids[0];
  const onKeyDown = (event: KeyboardEvent & { currentTarget: HTMLElement }) => {
    const links = [...event.currentTarget.querySelectorAll<HTMLElement>('a.row-link')];
    const i = links.indexOf(document.activeElement as HTMLElement);
    const next = { ArrowDown: i + 1, ArrowUp: i - 1, Home: 0, End: links.length - 1 }[event.key];
    if (i < 0 || next === undefined) return;
    event.preventDefault();
    links[Math.max(0, Math.min(next, links.length - 1))]?.focus();
  };
  const onClick = (event: MouseEvent & { currentTarget: HTMLElement }) => {
    const target = event.target as HTMLElement;
    if (target.closest('a, button, input, label') || String(getSelection()) !== '') return;
    event.currentTarget.querySelector<HTMLElement>('a.row-link')?.click();
  };
  const cellOf = (row: R, id: string, { name, kind, cell }: Column<R>) => {
    const shown = cell(row);
    const link = kind === 'main' && to !== undefined;
    return h(
      'td',
      { key: name, role: 'cell', class: kind ?? '', 'data-label': name },
      link
        ? h(
            'a',
            { class: 'row-link', href: hashOf(to(row)), tabIndex: id === inOrder ? 0 : -1, onFocus: () => setAt(id) },
            shown,
          )
        : shown,
    );
  };
  return h(
    'table',
    { role: 'table', 'aria-label': label, 'aria-busy': busy, class: busy ? 'busy' : '' },
    h(
      'thead',
      { role: 'rowgroup' },
      h(
        'tr',
        { role: 'row' },
        columns.map(({ name, kind }) =>
          h(
            'th',
            { key: name, role: 'columnheader', scope: 'col', class: kind },
            kind === 'pick' ? h('span', { class: 'unseen' }, name) : name,
          ),
        ),
      ),
    ),
    h(
      'tbody',
      { role: 'rowgroup', onKeyDown },
      rows.map((row, i) =>
        h(
          'tr',
          { key: ids[i], role: 'row', class: to ? 'leads' : '', ...(to && { onClick }) },
          columns.map((column) => cellOf(row, ids[i]!, column)),
        ),
      ),
    ),
  );
}

/** Below a list that is read page by page. */
export function More({
  more,
  shown,
  what,
}: {
  readonly more: (() => void) | undefined;
  readonly shown: number;
  readonly what: string;
}): VNode {
  return h(
    'p',
    { class: 'more' },
    h('span', { role: 'status' }, `${shown} ${what} shown${more ? '' : ', that is all'}`),
    more && h('button', { type: 'button', onClick: more }, 'Show more'),
  );
}
