// A backlog in a lane that is not empty: what an earlier run has left there counts neither when it is built nor when it has
// drained. The engine and the nodes are servers of this process, and tell what they are told to.
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server, ServerCredentials, type ServiceDefinition, type sendUnaryData } from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from 'vitest';
import { Backlog } from '../../bench/load/backlog.ts';
import { parseScenario } from '../../bench/load/scenario.ts';
import type { Subject } from '../../bench/load/subject.ts';
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

async function nodeOf(pending: () => number): Promise<string> {
  const server: HttpServer = createServer((_, response) => {
    response.end(`holdfast_pending_jobs{lane="mine"} ${pending()}\nholdfast_pending_jobs{lane="other"} 1000\n`);
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
    ['a', await nodeOf(() => world.pending())],
    ['b', await nodeOf(() => 0)],
  ]);
  const rest = { what: '', nodes: undefined, nats: undefined, stop: async () => undefined };
  const subject: Subject = { ...rest, processId: 'p', lane: 'mine', service, metricsUrls };
  const notes: string[] = [];
  const engine = plainly(await engineOf(world));
  return { backlog: new Backlog(scenario, engine, subject, (text) => notes.push(text)), notes };
}

const seen = (pending: number, allAnswered = true) => ({ atS: 1, takenOver: 0, pending, allAnswered });

describe('in a lane that holds jobs of an earlier run', () => {
  test('it is built when nodes hold as many more, and the service has read as many more', async () => {
    const world = new World();
    const { backlog, notes } = await backlogOf(world);
    await backlog.build();
    expect(world).toMatchObject({ started: BACKLOG, last: { held: BACKLOG, read: BACKLOG } });
    expect(notes).toEqual(['mine: 13 jobs are held already, and are not counted', 'backlog: 4 held']);
    expect(world.told.filter((kind) => kind !== 'count')).toEqual(['hold']);
  });

  test('it has drained when they hold no more than those and the load, three looks in a row', async () => {
    const { backlog } = await backlogOf(new World());
    await backlog.build();
    expect(backlog.release()).toBe(true);
    expect(backlog.open).toBe(BACKLOG);
    expect(backlog.saw(seen(HELD_BEFORE + BACKLOG + 2), 2)).toBe(false);
    expect(backlog.open).toBe(BACKLOG);
    // A call of the load is held for another that ended: that is no end of the backlog.
    expect(backlog.saw(seen(HELD_BEFORE + 3), 2)).toBe(false);
    expect(backlog.open).toBe(1);
    expect(backlog.saw(seen(HELD_BEFORE + 2), 2)).toBe(false);
    expect(backlog.saw(seen(0, false), 2)).toBe(false);
    expect(backlog.saw(seen(HELD_BEFORE + 3), 2)).toBe(false);
    const ends = [1, 2, 3].map(() => backlog.saw(seen(HELD_BEFORE), 0));
    expect(ends).toEqual([false, false, true]);
    expect(backlog.open).toBe(0);
    expect(backlog.saw(seen(HELD_BEFORE), 0)).toBe(false);
  });

  test('one that is never answered is not waited for', async () => {
    const world = new World();
    const { backlog } = await backlogOf(world, 'backlogAnswered: false');
    await backlog.build();
    expect(world.told.filter((kind) => kind !== 'count')).toEqual(['ignore', 'release']);
    expect(backlog.release()).toBe(false);
    expect(backlog.open).toBe(0);
  });
});

test('of no calls, it asks nobody anything', async () => {
  const scenario = parseScenario('mine', 'phases: [{ seconds: 1, perSecond: 1 }]');
  const nobody = {} as Subject;
  const backlog = new Backlog(scenario, {}, nobody, () => undefined);
  await backlog.build();
  expect(backlog.release()).toBe(false);
  expect(backlog.saw(seen(HELD_BEFORE), 0)).toBe(false);
  expect(backlog.open).toBe(0);
});
