// `holdfast dlq redrive`: dead letters are put on the reply topic again, as they were. Without --yes it only counts and shows
// them. With it the run goes on in the cluster, whether somebody follows it or not; `dlq follow` and `dlq stop` find it by its id.
import { type RedriveBody, RedriveView } from '../../operations/model/dead-letters.ts';
import { UsageFault } from '../command-line.ts';
import { EXIT } from '../exit.ts';
import { count } from '../finding.ts';
import { table } from '../table.ts';
import { printable } from '../text-width.ts';
import { integer, matching, position } from '../values.ts';
import { grouped } from '../words.ts';
import { reasonOf } from './act.ts';
import { type Answer, read } from './api-client.ts';
import { ApiUnreachable } from './api-errors.ts';
import { letterColumns, letterFilter } from './dead-letters.ts';
import type { Session } from './session.ts';
import { pause } from './watch.ts';

const EVERY_MS = 1_000;
/** No answer to so many questions in a row ends the following, not the run. */
const SILENT_ROUNDS = 6;
const LONGEST_PAUSE_MS = 10_000;
const MOST_POSITIONS = 200;

export async function redrive(session: Session): Promise<number> {
  const { api, args } = session;
  const isPreview = !args.has('yes');
  const answer = await api.post('dead-letters/redrive', JSON.stringify(redriveBody(session, isPreview)), isPreview);
  if (!isPreview) return follow(session, answer);
  const view = await read(RedriveView, answer);
  if (session.json) await session.out.lines([answer.text]);
  else await session.out.lines(previewLines(session, view, answer.atMs));
  return view.state === 'failed' ? EXIT.failed : EXIT.fine;
}

export async function followRun(session: Session): Promise<number> {
  return follow(session, await session.api.get(`dead-letters/redrives/${runId(session)}`));
}

export async function stopRun(session: Session): Promise<number> {
  const { api, args, json, out } = session;
  const body = JSON.stringify({ reason: reasonOf(args) });
  const answer = await api.post(`dead-letters/redrives/${runId(session)}/stop`, body);
  await out.lines(json ? [answer.text] : [words(await read(RedriveView, answer))]);
  return EXIT.fine;
}

function runId({ args }: Session): string {
  return matching('ID', args.positionals[0] ?? '', /^[A-Za-z0-9_.-]{1,100}$/, 'the id of a run, as redrive says it');
}

/** @throws UsageFault */
export function redriveBody({ args }: Pick<Session, 'args'>, dryRun: boolean): RedriveBody {
  const [rate, max] = ['rate', 'max'].map((name) => args.value(name));
  const positions = args.list('at').flatMap((text) => text.split(',').map((each) => position('--at', each.trim())));
  if (positions.length > MOST_POSITIONS)
    throw new UsageFault(`--at names ${positions.length} dead letters; allowed are up to ${MOST_POSITIONS}`);
  return {
    reason: dryRun && !args.has('reason') ? 'preview' : reasonOf(args),
    filter: { ...letterFilter(args, Date.now()), ...(positions.length > 0 && { positions }) },
    dryRun,
    ...(rate !== undefined && { perSecond: integer('--rate', rate, 1, 1_000) }),
    ...(max !== undefined && { max: integer('--max', max, 1, 100_000) }),
  };
}

function previewLines({ out }: Session, view: RedriveView, nowMs: number): readonly string[] {
  const { sample, matched, skipped, detail } = view;
  const shown = sample.length < matched ? `, of which ${sample.length} are shown` : '';
  return [
    ...(sample.length === 0 ? [] : [...table(letterColumns(nowMs), sample, out.sheet), '']),
    `preview: ${count(matched, 'dead letter')} found${shown}; ${grouped(skipped)} of them would be skipped`,
    ...(detail === '' ? [] : [printable(detail)]),
    'Nothing was done. With --yes and --reason they are put on the reply topic again.',
  ];
}

/** Until the run has ended; progress goes to standard error, so that standard output holds the end only. */
async function follow(session: Session, first: Answer): Promise<number> {
  const { api, json, out, remark, stopped } = session;
  let answer = first;
  let view = await read(RedriveView, answer);
  const { id } = view;
  let said = '';
  for (let silent = 0; view.state === 'running' && !stopped.aborted; ) {
    if (words(view) !== said) remark(words(view));
    said = words(view);
    // Jittered: several who follow do not ask at the same moments.
    const pauseMs = Math.min(EVERY_MS * 2 ** silent, LONGEST_PAUSE_MS);
    await pause(pauseMs * (0.8 + Math.random() * 0.4), stopped);
    if (stopped.aborted) break;
    try {
      answer = await api.get(`dead-letters/redrives/${encodeURIComponent(id)}`);
      view = await read(RedriveView, answer);
      silent = 0;
    } catch (error) {
      if (stopped.aborted) break;
      if (!(error instanceof ApiUnreachable)) throw error;
      silent += 1;
      if (silent >= SILENT_ROUNDS)
        throw new ApiUnreachable(`${error.message}\n  The run ${id} may go on; "holdfast dlq follow ${id}" shows it.`);
    }
  }
  if (view.state === 'running') {
    remark(
      `holdfast: no longer followed; the run goes on. To stop it: holdfast dlq stop ${printable(id)} --reason WHY`,
    );
    return EXIT.interrupted;
  }
  await out.lines([json ? answer.text : words(view)]);
  return view.state === 'done' ? EXIT.fine : EXIT.failed;
}

function words({ id, state, matched, driven, skipped, detail }: RedriveView): string {
  const counts = `${grouped(driven)} of ${grouped(matched)} driven, ${grouped(skipped)} skipped`;
  return printable(`run ${id} ${state}: ${counts}${detail === '' ? '' : `; ${detail}`}`);
}
