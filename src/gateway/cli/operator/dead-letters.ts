// `holdfast dlq list` and `dlq view`: the replies that could not be given to a job, and why.
import {
  DeadLetterPage,
  type DeadLetterQuery,
  type DeadLetterSummary,
  DeadLetterView,
} from '../../operations/model/dead-letters.ts';
import type { Arguments } from '../command-line.ts';
import { type Column, fields, type Sheet } from '../table.ts';
import { length, moment, position } from '../values.ts';
import { localTime, span, when } from '../words.ts';
import { read } from './api-client.ts';
import { listed } from './pages.ts';
import type { Session } from './session.ts';
import { shown } from './watch.ts';

export function letters(session: Session): Promise<number> {
  return listed(session, {
    path: 'dead-letters',
    query: letterFilter(session.args, Date.now()),
    schema: DeadLetterPage,
    things: 'dead letters',
    rowsOf: (page) => page.letters,
    nextOf: (page) => page.next,
    columns: letterColumns,
  });
}

/** @throws UsageFault */
export function letterFilter(args: Arguments, nowMs: number): Omit<DeadLetterQuery, 'limit' | 'after'> {
  const [reason, since, until, text] = ['reason-code', 'since', 'until', 'text'].map((name) => args.value(name));
  return {
    ...(reason !== undefined && { reason: length('--reason-code', reason, 1, 40) }),
    ...(since !== undefined && { sinceMs: moment('--since', since, nowMs) }),
    ...(until !== undefined && { untilMs: moment('--until', until, nowMs) }),
    ...(text !== undefined && { text: length('--text', text, 2, 200) }),
  };
}

export function letterColumns(nowMs: number): readonly Column<DeadLetterSummary>[] {
  return [
    { title: 'AT P/O', of: ({ partition, offset }) => `${partition}/${offset}` },
    { title: 'WRITTEN', extra: true, of: ({ atMs }) => localTime(atMs) },
    { title: 'AGE', align: 'right', of: ({ atMs }) => span(nowMs - atMs) },
    { title: 'REASON', of: ({ reason }) => reason },
    { title: 'JOB', of: ({ jobKey }) => jobKey },
    { title: 'BYTES', extra: true, align: 'right', of: ({ bytes }) => bytes },
    { title: 'REDRIVEN', extra: true, of: ({ redriven }) => (redriven ? 'yes' : 'no') },
    { title: 'MESSAGE', least: 20, of: ({ message }) => message },
  ];
}

export function letter(session: Session): Promise<number> {
  const { api, args, json, out } = session;
  const { partition, offset } = position('PARTITION/OFFSET', args.positionals[0] ?? '');
  return shown(session, async () => {
    const answer = await api.get(`dead-letters/${partition}/${offset}`);
    return json ? [answer.text] : letterLines(await read(DeadLetterView, answer), answer.atMs, out.sheet);
  });
}

function letterLines(view: DeadLetterView, nowMs: number, sheet: Sheet): readonly string[] {
  const { original } = view;
  const came = original.atMs === null ? '' : `, written ${when(original.atMs, nowMs)}`;
  return [
    ...fields(
      [
        ['dead letter', `${view.partition}/${view.offset}`],
        ['written', when(view.atMs, nowMs)],
        ['reason', view.reason],
        ['message', view.message],
        ['job', view.jobKey],
        ['correlation id', view.correlationId],
        ['came from', `${original.topic} ${original.partition}/${original.offset}${came}`],
        ['redriven', view.redriven ? 'yes: it came back' : 'no'],
        ['cut off', view.truncated],
        ['bytes', view.bytes],
        ['key', view.key],
        ['value', view.value ?? 'not shown: not for this role, or not text'],
      ],
      sheet,
    ),
    '',
    ...(view.headers.length === 0
      ? ['no headers']
      : [
          sheet.paint('bold', 'headers'),
          ...fields(
            view.headers.map(({ name, value }) => [name, value]),
            sheet,
          ),
        ]),
  ];
}
