// `holdfast audit`: who did what, when and why, and what came of it.
import { type AuditEntry, AuditPage } from '../../operations/model/audit.ts';
import type { Column } from '../table.ts';
import { length } from '../values.ts';
import { localTime, span } from '../words.ts';
import { listed } from './pages.ts';
import type { Session } from './session.ts';

export function audit(session: Session): Promise<number> {
  const target = session.args.value('target');
  return listed(session, {
    path: 'audit',
    query: { target: target && length('--target', target, 1, 200) },
    schema: AuditPage,
    things: 'audit entries',
    rowsOf: (page) => page.entries,
    nextOf: (page) => page.next,
    columns,
  });
}

function columns(nowMs: number): readonly Column<AuditEntry>[] {
  return [
    { title: 'AT', extra: true, of: ({ atMs }) => localTime(atMs) },
    { title: 'AGE', align: 'right', of: ({ atMs }) => span(nowMs - atMs) },
    { title: 'WHO', least: 8, of: ({ who }) => who },
    { title: 'ROLE', extra: true, of: ({ role }) => role },
    { title: 'ACT', of: ({ act }) => act },
    { title: 'TARGET', least: 16, of: ({ target }) => target },
    {
      title: 'RESULT',
      of: ({ result }) => result ?? 'unknown',
      style: ({ result }) => (result === null ? 'yellow' : undefined),
    },
    { title: 'REASON', least: 12, of: ({ reason }) => reason },
    { title: 'BEFORE', extra: true, least: 8, of: ({ before }) => before },
    { title: 'AFTER', extra: true, least: 8, of: ({ after }) => after },
    { title: 'NODE', extra: true, of: ({ node }) => node },
    { title: 'ID', extra: true, of: ({ id }) => id },
  ];
}
