// What is done to nodes and servers while the world is rough: one event after another, at random moments.
//
// Every trouble ends by itself, so that storms of many short troubles and of few long ones both come up. At least one node
// is left running, because a world in which nothing runs tests nothing.
import type { OperatorAct } from '../../src/actors/messages.ts';
import { SERVERS, type ServerName } from './host.ts';
import { OPERATOR } from './names.ts';
import type { SeededRandom } from './random.ts';
import type { World } from './world.ts';

export interface StormOptions {
  readonly forMs: number;
  /** Mean time between two events. */
  readonly everyMs: number;
  /** The nodes' lease TTL: pauses and cuts last a half, one and a half, or four of it. */
  readonly leaseTtlMs: number;
  /** What may happen, each as often as it is named; default: everything. */
  readonly troubles?: readonly Trouble[];
  /** Goes on beyond its time until so many have struck; default 0. */
  readonly atLeast?: number;
}

const TROUBLES = [
  'kill',
  'kill',
  'stop',
  'pause',
  'replace',
  'cut',
  'silence',
  'part',
  'kvLeaderLost',
  'engineAway',
  'kafkaAway',
  'rebalance',
  'clockStep',
  'cancel',
  'resolve',
  'act',
  'act',
  'drain',
] as const;

/**
 * `cutOff`: from JetStream, for less than the lease lasts, in the midst of what the engine has not answered: an owner that has lost
 * its shards and does not know. Never drawn.
 */
export type Trouble = (typeof TROUBLES)[number] | 'cutOff';

/** Of each kind none, some or many, as the seed has it: a storm of everything hides what one trouble does alone. */
export function drawTroubles(random: SeededRandom): readonly Trouble[] {
  const kinds = new Set(TROUBLES);
  const drawn = [...kinds].flatMap((trouble) => Array<Trouble>(random.pick([0, 0, 1, 1, 2, 4])).fill(trouble));
  return drawn.length > 0 ? drawn : TROUBLES;
}

/** Sets the storm going; it is over (its own troubles too, but for long pauses) when its time has passed. Counts by trouble. */
export function storm(
  world: World,
  { forMs, everyMs, leaseTtlMs, troubles = TROUBLES, atLeast = 0 }: StormOptions,
): ReadonlyMap<string, number> {
  const random = world.random.fork('storm');
  const counts = new Map<string, number>();
  const endMs = world.nowMs + forMs;
  let struck = 0;
  let acts = 0;
  const later = (ms: number, run: () => void) => world.clock.setTimer(ms, run);
  const runningNodes = () => world.names.filter((name) => world.state(name) === 'running');

  const linger = () => leaseTtlMs * random.pick([0.1, 0.5, 1.5, 4]);
  const restart = (name: string) => {
    later(random.float() * 2 * leaseTtlMs, () => {
      if (world.state(name) === 'dead') world.start(name);
    });
  };
  const cut = (name: string, server: ServerName, kind: 'down' | 'silent') => {
    const { links } = world.host(name);
    world.cut(name, server, kind);
    later(linger(), () => links[server].heal());
  };

  /** False: there was nothing to strike. */
  const strike = (trouble: Trouble, name: string): boolean => {
    const server = random.pick(SERVERS);
    const other = random.pick(world.names.filter((each) => each !== name));
    const jobs = [...world.engine.jobs.jobs.values()];
    const waiting = jobs.filter(({ state }) => state === 'incident');
    const living = jobs.filter(({ state }) => state !== 'ended');
    if (trouble === 'kvLeaderLost' && !world.kv.available) return false;
    if (trouble === 'engineAway' && !world.engine.available) return false;
    if (trouble === 'kafkaAway' && !world.kafka.available) return false;
    const isOneCut = () => runningNodes().some((each) => world.host(each).links.nats.state !== 'up');
    if (trouble === 'cutOff' && (!world.engine.available || isOneCut())) return false; // who else would take its shards?
    if (
      (trouble === 'resolve' && waiting.length === 0) ||
      ((trouble === 'cancel' || trouble === 'act') && living.length === 0)
    )
      return false;
    world.history.add({ kind: 'fault', node: name, what: `storm: ${trouble}` });
    if (trouble === 'kill') {
      world.kill(name);
      restart(name);
    } else if (trouble === 'stop') {
      world.stop(name);
      const wait = () => (world.state(name) === 'dead' ? restart(name) : later(500, wait));
      wait();
    } else if (trouble === 'pause') {
      const { clock } = world.host(name);
      world.pause(name);
      later(linger(), () => {
        if (clock.state === 'frozen') world.resume(name);
      });
    } else if (trouble === 'replace') {
      const { clock } = world.host(name);
      world.pause(name);
      later(random.float() * 2 * leaseTtlMs, () => {
        if (clock.state !== 'frozen') return;
        const resume = world.replace(name);
        later(linger(), resume);
      });
    } else if (trouble === 'cutOff') {
      const { links } = world.host(name);
      world.engine.goAway(1_500);
      later(1_000, () => {
        if (world.state(name) !== 'running') return;
        world.cut(name, 'nats', 'down');
        later(leaseTtlMs * random.between(0.4, 0.8), () => links.nats.heal());
      });
    } else if (trouble === 'cut') cut(name, server, 'down');
    else if (trouble === 'silence') cut(name, server, 'silent');
    else if (trouble === 'part') {
      world.bus.part(name, other);
      later(linger(), () => world.bus.join(name, other));
    } else if (trouble === 'kvLeaderLost') world.kv.loseLeader(random.pick([500, 4_500, 7_500]));
    else if (trouble === 'engineAway') world.engine.goAway(random.pick([300, 3_000, 20_000]));
    else if (trouble === 'kafkaAway') world.kafka.goAway(random.pick([300, 3_000, 20_000]));
    else if (trouble === 'rebalance') world.kafka.group.disturb();
    else if (trouble === 'clockStep') {
      const { clock } = world.host(name);
      clock.setSkew(random.pick([-1, 1]) * random.pick([100, 700, 3_000, 20_000]));
      later(linger(), () => clock.setSkew(0));
    } else if (trouble === 'resolve') world.engine.jobs.resolve(random.pick(waiting).key, random.pick([1, 3]));
    else if (trouble === 'act') world.operate(name, random.pick(living).key, drawAct(random, ++acts));
    else if (trouble === 'drain') {
      world.drain(name, true);
      later(linger(), () => world.drain(name, false));
    } else world.engine.jobs.cancel(random.pick(living).key);
    return true;
  };

  const next = () => {
    later(-Math.log(1 - random.float()) * everyMs, () => {
      if (world.nowMs >= endMs && struck >= atLeast) return;
      // A process that ended by itself is started again by whoever runs it.
      for (const name of world.names) if (world.state(name) === 'dead' && random.chance(0.2)) world.start(name);
      const nodes = runningNodes();
      const trouble = random.pick(troubles);
      if (nodes.length > 1 && strike(trouble, random.pick(nodes))) {
        counts.set(trouble, (counts.get(trouble) ?? 0) + 1);
        struck++;
      }
      next();
    });
  };
  next();
  return counts;
}

/** Something that a person may do to a job; texts that no other act and no service has. */
function drawAct(random: SeededRandom, number: number): OperatorAct {
  const who = { by: OPERATOR, id: `act-${number}` };
  const act = random.pick(['resend', 'extend', 'complete', 'fail', 'throw', 'drop'] as const);
  switch (act) {
    case 'extend':
      return { ...who, act, replyTimeoutMs: random.pick([3_000, 15_000]) };
    case 'complete':
      return { ...who, act, variables: `{"byHand":${number}}` };
    case 'fail': {
      const [retries, backoffMs] = random.pick([
        [undefined, undefined],
        [0, 0],
        [2, 1_000],
      ] as const);
      return { ...who, act, message: `by hand ${number}`, retries, backoffMs };
    }
    case 'throw':
      return {
        ...who,
        act,
        errorCode: random.pick(['TIMED_OUT', 'UNHEARD_OF']),
        message: `by hand ${number}`,
        variables: '',
      };
    default:
      return { ...who, act };
  }
}
