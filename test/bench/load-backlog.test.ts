// A backlog in a lane that is not empty: what an earlier run has left there counts neither when it is built nor when it has
// drained. What nodes do not hold any more has not ended before they have counted its end. The engine and the nodes are servers of this process, and tell what they are told to.
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server, ServerCredentials, type ServiceDefinition, type sendUnaryData } from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from 'vitest';
import { Backlog } from '../../bench/load/backlog.ts';
import { parseScenario } from '../../bench/load/scenario.ts';
import type { Subject } from '../../bench/load/subject.ts';
import { parseExposition } from '../../bench/parts/exposition.ts';
import { plainly } from '../../bench/parts/stage.ts';
import { loadGatewayService } from '../../src/gateway/zeebe/protocol.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

const BACKLOG = 4;
/** Jobs, and requests of the service's topic, that were there before. */
const [HELD_BEFORE, READ_BEFORE] = [13, 40];

/** What nodes and service tell is a step behind what the engine has started. */
class World {
  started = 0;
  /** As they were told last. */
  readonly last = { held: 0, read: 0 };
  readonly told: string[] = [];
  #next = { held: 0, read: 0 };

  pending(): number {
    this.last.held = this.#next.held;
    this.#next.held = this.started;
    return HELD_BEFORE + this.last.held;
  }

  requests(): number {
    this.last.read = this.#next.read;
    this.#next.read = this.last.held;
    return READ_BEFORE + this.last.read;
  }
}

async function engineOf(world: World): Promise<string> {
  const server = new Server();
  server.addService(loadGatewayService() as unknown as ServiceDefinition, {
    CreateProcessInstance(_: unknown, answer: sendUnaryData<unknown>) {
      world.started += 1;
      answer(null, {});
    },
  });
  closing.push(() => server.forceShutdown());
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return `127.0.0.1:${port}`;
}

/** Since they are there nodes have counted more holds than ends; jobs of an earlier run had not all been counted as held. */
const [HOLDS_BEFORE, ENDS_BEFORE] = [70, 60];

function told(pending: number, holds = 0, ends = 0): string {
  return [
    `holdfast_pending_jobs{lane="mine"} ${pending}`,
    'holdfast_pending_jobs{lane="other"} 1000',
    `holdfast_holds_total{lane="mine",answer="held"} ${HOLDS_BEFORE + holds}`,
    'holdfast_holds_total{lane="mine",answer="attached"} 500',
    'holdfast_holds_total{lane="other",answer="held"} 500',
    `holdfast_outcomes_total{lane="mine",outcome="completed"} ${ENDS_BEFORE + ends}`,
    'holdfast_outcomes_total{lane="other",outcome="completed"} 400\n',
  ].join('\n');
}

async function nodeOf(pending: () => number, holds = () => 0): Promise<string> {
  const server: HttpServer = createServer((_, response) => {
    response.end(told(pending(), holds()));
  });
  closing.push(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function backlogOf(world: World, settings = ''): Promise<{ backlog: Backlog; notes: string[] }> {
  const scenario = parseScenario('mine', `phases: [{ seconds: 1, perSecond: 1 }]\nbacklog: ${BACKLOG}\n${settings}`);
  const counted = () => ({
    kind: 'counted',
    requests: world.requests(),
    answers: 0,
    unanswered: 0,
    again: 0,
    againIds: [],
  });
  const service = {
    tell: ({ kind }: { kind: string }) => void world.told.push(kind),
    next: async () => counted(),
  } as unknown as Subject['service'];
  const metricsUrls = new Map([
    [
      'a',
      await nodeOf(
        () => world.pending(),
        () => world.last.held,
      ),
    ],
    ['b', await nodeOf(() => 0)],
  ]);
  const rest = { what: '', nodes: undefined, nats: undefined, stop: async () => undefined };
  const subject: Subject = { ...rest, processId: 'p', lane: 'mine', service, metricsUrls };
  const notes: string[] = [];
  const engine = plainly(await engineOf(world));
  return { backlog: new Backlog(scenario, engine, subject, (text) => notes.push(text)), notes };
}

/** @param ends counted; unless they are told, of all that is not held */
const seen = (pending: number, allAnswered = true, ends = HELD_BEFORE + BACKLOG - pending) => {
  const said = new Map([['a', parseExposition(told(pending, BACKLOG, ends))]]);
  return { atS: 1, takenOver: 0, pending, allAnswered, said };
};

const NEVER = new AbortController().signal;

describe('in a lane that holds jobs of an earlier run', () => {
  test('it is built when nodes hold as many more, and the service has read as many more', async () => {
    const world = new World();
    const { backlog, notes } = await backlogOf(world);
    await backlog.build(NEVER);
    expect(world).toMatchObject({ started: BACKLOG, last: { held: BACKLOG, read: BACKLOG } });
    expect(notes).toEqual(['mine: 13 jobs are held already, and are not counted', 'backlog: 4 held']);
    expect(world.told.filter((kind) => kind !== 'count')).toEqual(['hold']);
  });

  test('it has drained when they hold no more than those and the load, three looks in a row', async () => {
    const { backlog } = await backlogOf(new World());
    await backlog.build(NEVER);
    expect(backlog.release()).toBe(true);
    expect(backlog.open).toBe(BACKLOG);
    // The two that the load has open were held after it.
    const withLoad = (more: number, allAnswered = true) =>
      backlog.saw(seen(HELD_BEFORE + more + 2, allAnswered, BACKLOG - more - 2), 2);
    expect(withLoad(BACKLOG)).toBeUndefined();
    expect(backlog.open).toBe(BACKLOG);
    // A call of the load is held for another that ended: that is no end of the backlog.
    expect(withLoad(1)).toBeUndefined();
    expect(backlog.open).toBe(1);
    expect(withLoad(0)).toBeUndefined();
    expect(withLoad(-2, false)).toBeUndefined();
    expect(withLoad(1)).toBeUndefined();
    const ends = [1, 2, 3].map(() => backlog.saw(seen(HELD_BEFORE), 0));
    expect(ends).toEqual([undefined, undefined, 'the backlog has drained']);
    expect(backlog.open).toBe(0);
    expect(backlog.saw(seen(HELD_BEFORE), 0)).toBeUndefined();
  });

  test('it has not drained while nodes hold none of it, and have not counted all of its ends', async () => {
    const { backlog } = await backlogOf(new World());
    await backlog.build(NEVER);
    backlog.release();
    for (let look = 0; look < 10; look++) expect(backlog.saw(seen(HELD_BEFORE, true, BACKLOG - 2), 0)).toBeUndefined();
    expect(backlog.open).toBe(2);
    const ends = [1, 2, 3].map(() => backlog.saw(seen(HELD_BEFORE), 0));
    expect(ends).toEqual([undefined, undefined, 'the backlog has drained']);
  });

  test('while calls of the load are open and not held, a job of it that is stuck is not taken for one of them in the end', async () => {
    const { backlog } = await backlogOf(new World());
    await backlog.build(NEVER);
    backlog.release();
    // One is stuck; one call of the load waits for the engine.
    const looks = Array.from({ length: 5 }, () => backlog.saw(seen(HELD_BEFORE + 1, true, BACKLOG - 1), 1));
    expect(looks.filter((look) => look !== undefined)).toEqual(['the backlog has drained']);
    expect(backlog.open, 'as far as is known').toBe(0);
    for (let look = 0; look < 30; look++)
      expect(backlog.saw(seen(HELD_BEFORE + 1, true, BACKLOG - 1), 0)).toBeUndefined();
    expect(backlog.open).toBe(1);
    const aborted = AbortSignal.abort();
    await backlog.drained(aborted);
    expect(backlog.open).toBe(1);
  });

  test('ends that a node was killed with are not waited for for ever', async () => {
    const { backlog } = await backlogOf(new World());
    await backlog.build(NEVER);
    backlog.release();
    const looks = Array.from({ length: 20 }, () => backlog.saw(seen(HELD_BEFORE, true, BACKLOG - 2), 0));
    expect(looks.slice(0, -1).filter((look) => look !== undefined)).toEqual([]);
    expect(looks.at(-1)).toBe('the backlog has drained, by what nodes hold: 2 ends were not counted');
    expect(backlog.open).toBe(0);
  });

  test('nobody waits for it any more when the run is interrupted', async () => {
    const run = new AbortController();
    const world = new World();
    const { backlog } = await backlogOf(world);
    await backlog.build(NEVER);
    backlog.release();
    run.abort(new Error('interrupted'));
    await backlog.drained(run.signal);
    expect(backlog.open).toBe(BACKLOG);
    const another = await backlogOf(new World());
    await expect(another.backlog.build(run.signal)).rejects.toThrow('interrupted');
  });

  test('one that is never answered is not waited for', async () => {
    const world = new World();
    const { backlog } = await backlogOf(world, 'backlogAnswered: false');
    await backlog.build(NEVER);
    expect(world.told.filter((kind) => kind !== 'count')).toEqual(['ignore', 'release']);
    expect(backlog.release()).toBe(false);
    expect(backlog.open).toBe(0);
  });
});

test('of no calls, it asks nobody anything', async () => {
  const scenario = parseScenario('mine', 'phases: [{ seconds: 1, perSecond: 1 }]');
  const nobody = {} as Subject;
  const backlog = new Backlog(scenario, {}, nobody, () => undefined);
  await backlog.build(NEVER);
  expect(backlog.release()).toBe(false);
  expect(backlog.saw(seen(HELD_BEFORE), 0)).toBeUndefined();
  expect(backlog.open).toBe(0);
});
