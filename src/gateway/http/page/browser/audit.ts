// Who has done what, when and why.
import type { VNode } from 'preact';
import type { AuditEntry, AuditPage } from '../../../operations/model/audit.ts';
import { h } from './element.ts';
import { Filters } from './filters.ts';
import { usePages } from './hooks.ts';
import { type Query, searchOf } from './route.ts';
import { type Column, More, Table } from './table.ts';
import { Go, Key, Moment, Nothing, Title, Trouble } from './ui.ts';

export function Audit({ query }: { readonly query: Query }): VNode {
  const { pages, failure, loading, reload, more } = usePages<AuditPage>(`audit${searchOf(query)}`);
  const entries = pages.flatMap((page) => page.entries);
  return h(
    'div',
    {},
    h(Title, { aside: h('button', { type: 'button', onClick: reload, 'aria-busy': loading }, 'Refresh') }, 'Audit'),
    h(Filters, {
      at: { view: 'audit', query },
      filters: [
        { name: 'target', label: 'Target', kind: 'text', wide: true, hint: 'job key, node or id of a re-drive' },
      ],
    }),
    h(Trouble, { failure }),
    pages.length > 0 && entries.length === 0 && !loading && more === undefined
      ? h(Nothing, {}, 'Nobody has done anything of that kind.')
      : h(Table<AuditEntry>, {
          label: 'Audit, newest first',
          columns: COLUMNS,
          rows: entries,
          busy: loading,
          idOf: ({ id }) => id,
        }),
    entries.length > 0 && h(More, { more, shown: entries.length, what: entries.length === 1 ? 'entry' : 'entries' }),
  );
}

const COLUMNS: readonly Column<AuditEntry>[] = [
  { name: 'When', cell: ({ atMs }) => h(Moment, { atMs }) },
  { name: 'Who', cell: ({ who, role }) => [h('span', {}, who), h('small', {}, role)] },
  { name: 'What', cell: ({ act }) => act },
  {
    name: 'Target',
    cell: ({ act, target }) =>
      act.startsWith('job.') && /^\d{1,19}$/.test(target)
        ? h(Go, { to: { view: 'job', jobKey: target } }, h(Key, {}, target))
        : target,
  },
  { name: 'Reason', kind: 'wide', cell: ({ reason }) => reason },
  {
    name: 'Before → after',
    cell: ({ before, after }) =>
      before === null && after === null
        ? h('span', { class: 'quiet' }, '–')
        : [before ?? '–', h('span', { class: 'quiet' }, ' → '), after ?? '–'],
  },
  {
    name: 'Result',
    cell: ({ result }) => result ?? h('span', { class: 'quiet', title: 'The node ended in between' }, 'not known'),
  },
];
