// A view shown once, or again and again with --watch: on a terminal in place, on the alternate screen, which is left again
// however it ends; elsewhere one block after another. A node that does not answer for once ends nothing: it says so and
// asks again at the next turn. It ends on a signal, or when nobody reads any more.
import { EXIT } from '../exit.ts';
import { printable } from '../text-width.ts';
import { localTime } from '../words.ts';
import { ApiUnreachable } from './api-errors.ts';
import type { Session } from './session.ts';

const DEFAULT_S = 2;
const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const REST_OF_LINE = '\x1b[K';
const REST_OF_SCREEN = '\x1b[J';

/** @param take asks the API; lines for people, or with --json one line of JSON */
export async function shown(session: Session, take: () => Promise<readonly string[]>): Promise<number> {
  const seconds = session.args.value('watch');
  if (seconds === undefined) await session.out.lines(await take());
  else await watch(session, (seconds === '' ? DEFAULT_S : Math.max(1, Number(seconds))) * 1_000, take);
  return EXIT.fine;
}

async function watch(session: Session, everyMs: number, take: () => Promise<readonly string[]>): Promise<void> {
  const { out, stopped, json } = session;
  // The first one counts: a wrong address is said at once, not on a screen that goes away.
  let lines = await take();
  const inPlace = out.isTerminal && !json;
  const draw = () => (inPlace ? out.write(screen(lines, out.rows)) : out.lines(json ? lines : [...lines, '']));
  if (inPlace) {
    await out.write(ENTER);
    out.onResize(() => void draw().catch(() => undefined));
  }
  try {
    while (!stopped.aborted) {
      await draw();
      await pause(everyMs, stopped);
      if (stopped.aborted) break;
      lines = await take().catch((error: unknown) => {
        if (stopped.aborted) return lines;
        if (!(error instanceof ApiUnreachable)) throw error;
        const said = error.message.split('\n').map(printable);
        if (!json) return [`${localTime(Date.now())} holdfast: ${said.shift()}`, ...said];
        session.remark(`holdfast: ${error.message}`);
        return [];
      });
    }
  } finally {
    if (inPlace) await out.write(LEAVE).catch(() => undefined);
  }
}

function screen(lines: readonly string[], rows: number): string {
  const kept =
    lines.length <= rows - 1 ? lines : [...lines.slice(0, rows - 2), `… ${lines.length - rows + 2} more lines`];
  return `${HOME}${kept.map((line) => `${line}${REST_OF_LINE}`).join('\n')}\n${REST_OF_SCREEN}`;
}

export function pause(ms: number, stopped: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (stopped.aborted) return resolve();
    const timer = setTimeout(done, ms);
    stopped.addEventListener('abort', done, { once: true });
    function done(): void {
      clearTimeout(timer);
      stopped.removeEventListener('abort', done);
      resolve();
    }
  });
}
