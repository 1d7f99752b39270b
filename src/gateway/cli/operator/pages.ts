// Lists: one page as the API gives it, or with --all page after page, each written before the next is asked for.
import { setTimeout } from 'node:timers/promises';
import type Type from 'typebox';
import { UsageFault } from '../command-line.ts';
import { EXIT } from '../exit.ts';
import { type Column, Table } from '../table.ts';
import { printable } from '../text-width.ts';
import { integer } from '../values.ts';
import { type Query, read } from './api-client.ts';
import { AnswerUnreadable, ApiUnreachable } from './api-errors.ts';
import type { Session } from './session.ts';
import { shown } from './watch.ts';

const LARGEST_PAGE = 200;
const MOST_TRIES = 6;
const LONGEST_WAIT_MS = 60_000;

export interface List<S extends Type.TSchema, R> {
  readonly path: string;
  readonly query: Query;
  readonly schema: S;
  /** What is listed, as in "no jobs". */
  readonly things: string;
  rowsOf(page: Type.Static<S>): readonly R[];
  nextOf(page: Type.Static<S>): string | null;
  /** Nodes whose rows are not there. */
  missingOf?(page: Type.Static<S>): readonly string[];
  /** @param nowMs by the clock of the node that answered */
  columns(nowMs: number): readonly Column<R>[];
}

export async function listed<S extends Type.TSchema, R>(session: Session, list: List<S, R>): Promise<number> {
  const { args } = session;
  if (!args.has('all')) return shown(session, () => onePage(session, list));
  for (const other of ['limit', 'after', 'watch'])
    if (args.has(other)) throw new UsageFault(`--all and --${other} do not go together; one of them is allowed`);
  return everyPage(session, list);
}

async function onePage<S extends Type.TSchema, R>(session: Session, list: List<S, R>): Promise<readonly string[]> {
  const { api, args, json, out } = session;
  const limit = args.value('limit');
  const paging = {
    limit: limit === undefined ? undefined : integer('--limit', limit, 1, LARGEST_PAGE),
    after: args.value('after'),
  };
  const answer = await api.get(list.path, { ...list.query, ...paging });
  if (json) return [answer.text];
  const page = await read(list.schema, answer);
  const rows = list.rowsOf(page);
  const next = list.nextOf(page);
  const more = next === null ? [] : [`there are more: --all, or --after ${printable(next)}`];
  const body = rows.length === 0 ? [`no ${list.things}${next === null ? '' : ' on this page'}`] : [];
  const lines = rows.length === 0 ? body : new Table(list.columns(answer.atMs), out.sheet).lines(rows);
  return [...lines, ...more, ...missingWords(list.missingOf?.(page) ?? [], list.things)];
}

/** With --json one row a line: what has come is there already when a later page fails. */
async function everyPage<S extends Type.TSchema, R>(session: Session, list: List<S, R>): Promise<number> {
  const { api, json, out, remark } = session;
  const missing = new Set<string>();
  let table: Table<R> | undefined;
  let after: string | undefined;
  let count = 0;
  do {
    const query = { ...list.query, limit: LARGEST_PAGE, after };
    const answer = await patiently(() => api.get(list.path, query));
    const page = await read(list.schema, answer);
    const rows = list.rowsOf(page);
    for (const node of list.missingOf?.(page) ?? []) missing.add(node);
    table ??= new Table(list.columns(answer.atMs), out.sheet);
    if (rows.length > 0) await out.lines(json ? rows.map((row) => JSON.stringify(row)) : table.lines(rows));
    count += rows.length;
    const next = list.nextOf(page) ?? undefined;
    if (next !== undefined && next === after)
      throw new AnswerUnreadable(`${answer.from.host} names the same page as the next one again and again`);
    after = next;
  } while (after !== undefined);
  if (count === 0 && !json) await out.lines([`no ${list.things}`]);
  for (const words of missingWords([...missing], list.things)) remark(`holdfast: ${words}`);
  return missing.size === 0 ? EXIT.fine : EXIT.failed;
}

/** Thousands of pages meet the API's rate limit, or a node that restarts: that ends nothing that was begun. */
async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof ApiUnreachable) || error.retryAfterMs === undefined || tries === MOST_TRIES) throw error;
      const waitMs = Math.min(Math.max(error.retryAfterMs, 500 * 2 ** tries), LONGEST_WAIT_MS);
      await setTimeout(waitMs * (1 + Math.random() * 0.2));
    }
  }
}

export function missingWords(nodes: readonly string[], things: string): readonly string[] {
  return nodes.length === 0 ? [] : [`no answer from ${nodes.map(printable).join(', ')}: their ${things} are not here`];
}
