// What is done to one pending job: the options of each act, and the body that says it to the API. Variables go out as the
// JSON text that they came in: no number changes on the way.
import { ActResult, type JobActName } from '../../operations/model/acts.ts';
import { type Arguments, UsageFault } from '../command-line.ts';
import { EXIT } from '../exit.ts';
import { printable } from '../text-width.ts';
import { duration, integer, length } from '../values.ts';
import { read } from './api-client.ts';
import { jsonObject } from './json-input.ts';
import type { Session } from './session.ts';

const ALWAYS = ['reason', 'url', 'timeout', 'json'];
/** Of acts only. */
export const ACT_OPTIONS = ['reason', 'for', 'body', 'message', 'retries', 'backoff', 'code'];
/** Options of each act besides those of all; the ones it cannot do without come first. */
const OPTIONS: Readonly<Record<JobActName, { readonly needs: readonly string[]; readonly may: readonly string[] }>> = {
  resend: { needs: [], may: [] },
  extend: { needs: ['for'], may: [] },
  complete: { needs: ['body'], may: [] },
  fail: { needs: ['message'], may: ['retries', 'backoff'] },
  throw: { needs: ['code'], may: ['message', 'body'] },
  drop: { needs: [], may: [] },
};

export async function act(session: Session, jobKey: string, name: JobActName): Promise<number> {
  checkOptions(name, session.args);
  const body = await actBody(name, session);
  return done(session, `jobs/${jobKey}/${name}`, body);
}

/** Sends what is audited, and shows how it ended. */
export async function done({ api, out, json }: Session, path: string, body: string): Promise<number> {
  const answer = await api.post(path, body);
  if (json) {
    await out.lines([answer.text]);
    return EXIT.fine;
  }
  const { result, detail, auditId } = await read(ActResult, answer);
  await out.lines([`${result}: ${printable(detail)} (audit ${printable(auditId)})`]);
  return EXIT.fine;
}

function checkOptions(name: JobActName, args: Arguments): void {
  const { needs, may } = OPTIONS[name];
  const allowed = ['reason', ...needs, ...may].map((option) => `--${option}`).join(', ');
  for (const option of args.given) {
    if (![...ALWAYS, ...needs, ...may].includes(option))
      throw new UsageFault(`job KEY ${name} takes no --${option}; allowed are ${allowed}`, 'job');
  }
  for (const option of ['reason', ...needs]) {
    if (!args.has(option)) throw new UsageFault(`job KEY ${name} needs --${option}; allowed are ${allowed}`, 'job');
  }
}

/** JSON text. @throws UsageFault */
export async function actBody(name: JobActName, { args, stdin }: Pick<Session, 'args' | 'stdin'>): Promise<string> {
  const [time, body, message, retries, backoff, code] = ['for', 'body', 'message', 'retries', 'backoff', 'code'].map(
    (option) => args.value(option),
  );
  const parts: [name: string, json: string][] = [['reason', JSON.stringify(reasonOf(args))]];
  const add = (part: string, value: string | number) => parts.push([part, JSON.stringify(value)]);
  if (time !== undefined) add('replyTimeoutMs', duration('--for', time, 1_000));
  if (message !== undefined) add('message', length('--message', message, name === 'fail' ? 1 : 0, 2_000));
  if (retries !== undefined) add('retries', integer('--retries', retries, 0, 100));
  if (backoff !== undefined) add('backoffMs', duration('--backoff', backoff));
  if (code !== undefined) add('errorCode', length('--code', code, 1, 200));
  if (body !== undefined) parts.push(['variables', await jsonObject('--body', body, stdin)]);
  return `{${parts.map(([part, json]) => `"${part}":${json}`).join(',')}}`;
}

/** @throws UsageFault */
export function reasonOf(args: Arguments): string {
  const reason = args.value('reason');
  if (reason === undefined) throw new UsageFault('--reason is missing: every act says why, for the audit');
  return length('--reason', reason, 3, 500);
}
