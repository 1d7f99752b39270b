// What a page of the list costs where users ask for it: over HTTP, from a node that has all these jobs. Wall time from the
// question to the last byte of the answer, what the node's process spent meanwhile, and how long a look at its health took,
// asked again and again beside it: that is what everybody else waits who wants something of the node just then.
import type { BridgeNode } from '../../test/support/nodes.ts';
import { cpuMs } from '../parts/processes.ts';
import { type Spread, spreadOf } from '../parts/spread.ts';
import { lastKeyOf, type SeedPlan } from './seeds.ts';

export interface PageFigures {
  readonly what: string;
  /** Jobs on the page. */
  readonly jobs: number;
  readonly wallMs: Spread;
  readonly cpuMs: Spread;
  /** The longest that a look at the node's health took. */
  readonly othersWaitMs: Spread;
  /** How many of the rounds the node did not answer in time, by its own word. */
  readonly unanswered: number;
}

interface Asked {
  readonly wallMs: number;
  readonly usedMs: number;
  readonly waitMs: number;
  readonly answered: boolean;
}

interface JobPage {
  readonly missing: readonly string[];
  readonly jobs: readonly unknown[];
  readonly next: string | null;
}

const ROUNDS = 5;
const LOOK_EVERY_MS = 10;
const ASK_MS = 30_000;
const WHOLE_TRIES = 10;

/** @throws when the API refuses a question, or a page that was answered does not have what it must */
export async function pagesOf(node: BridgeNode, plan: SeedPlan, say: (line: string) => void): Promise<PageFigures[]> {
  const figures: PageFigures[] = [];
  const first = await wholePage(node);
  const last = String(lastKeyOf(plan));
  const none = 0;
  const full = 50;
  for (const [what, query, jobs] of [
    ['a page', '', full],
    ['the page after it', `after=${first.next}`, full],
    ['of one lane', `lane=${plan.route.jobType}`, full],
    ['of a process that none is of', 'process=another-process', none],
    ['of one instance', `instance=${Number(last) - 12}`, 1],
    ['a key', `text=${last}`, 1],
    ['a text that all have', 'text=ACTIVITY', full],
    ['a text that none has', 'text=nothing%20like%20it', none],
    ['digits that none has', 'text=99999999', none],
    ['a text that all have, but where none is looked', `text=${plan.route.jobType}`, none],
  ] as const) {
    const rounds: Asked[] = [];
    for (let round = 0; round < ROUNDS; round++)
      rounds.push(await measured(node, `${query}&limit=${full}`, jobs, what));
    const of = (value: (round: Asked) => number) => spreadOf(rounds.map(value))!;
    const one = {
      ...{ what, jobs },
      wallMs: of(({ wallMs }) => wallMs),
      cpuMs: of(({ usedMs }) => usedMs),
      othersWaitMs: of(({ waitMs }) => waitMs),
      unanswered: rounds.filter(({ answered }) => !answered).length,
    };
    say(pageLine(one));
    figures.push(one);
  }
  return figures;
}

export function pageLine({ what, wallMs, cpuMs: cpu, othersWaitMs, unanswered }: PageFigures): string {
  const shown = ({ min, median, max }: Spread) => [min, median, max].map((ms) => ms.toFixed(0)).join(' / ');
  return `page: ${what.padEnd(48)} ${shown(wallMs).padEnd(20)} CPU ${shown(cpu).padEnd(20)} others wait ${shown(othersWaitMs)}${unanswered === 0 ? '' : `; ${unanswered} of ${ROUNDS} not answered in time`}`;
}

async function measured(node: BridgeNode, query: string, jobs: number, what: string): Promise<Asked> {
  let over = false;
  let waitMs = 0;
  const others = async () => {
    while (!over) {
      const beginMs = performance.now();
      await fetch(`${node.httpUrl}/healthz/live`, { signal: AbortSignal.timeout(ASK_MS) }).then((it) => it.text());
      waitMs = Math.max(waitMs, performance.now() - beginMs);
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  };
  const beginCpuMs = await cpuMs([node.pid]);
  const beginMs = performance.now();
  const asking = others();
  try {
    const page = await ask(node, query);
    const wallMs = performance.now() - beginMs;
    const answered = page.missing.length === 0;
    if (answered && page.jobs.length !== jobs) throw new Error(`${what}: ${page.jobs.length} jobs, not ${jobs}`);
    return { wallMs, usedMs: (await cpuMs([node.pid])) - beginCpuMs, waitMs, answered };
  } finally {
    over = true;
    await asking;
  }
}

/** A busy machine may leave a page without the answer that its next one begins at. @throws when that goes on */
async function wholePage(node: BridgeNode): Promise<JobPage> {
  for (let tries = 1; ; tries++) {
    const page = await ask(node, '');
    if (page.missing.length === 0) return page;
    if (tries === WHOLE_TRIES) throw new Error(`the first page was not answered in time, ${tries} times in a row`);
  }
}

async function ask(node: BridgeNode, query: string): Promise<JobPage> {
  const url = `${node.pageUrl}api/v1/jobs?${query}`;
  const response = await fetch(url, { signal: AbortSignal.timeout(ASK_MS) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status} for ${url}: ${text}`);
  return JSON.parse(text) as JobPage;
}
