// Who is judged, by whom, and when: by silence, by closed sockets, never by somebody who is blind himself.
import { expect, test } from 'vitest';
import type { Incarnation, NodeName, Revision, ShardId } from '../../src/actors/ids.ts';
import { Claims, claimRecord, mayTake } from '../../src/cluster/claims.ts';
import { NodeNameTaken, takeName } from '../../src/cluster/join.ts';
import { Lease } from '../../src/cluster/lease.ts';
import { CLUSTER_LIMITS } from '../../src/cluster/limits.ts';
import { parseMember } from '../../src/cluster/member-record.ts';
import { Membership } from '../../src/cluster/membership.ts';
import { claimKey, memberKey } from '../../src/cluster/names.ts';
import { Suspicion } from '../../src/cluster/suspicion.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { MemoryBus, MemoryKv, ping, storeOver, writeMember } from './memory.ts';

const TTL = 5_000;
const SELF = 'self-1' as Incarnation;

/** This node, which sees one peer: `peer`, living as `peer-1`. */
class Watcher {
  readonly clock = new ManualClock();
  readonly kv = new MemoryKv();
  readonly bus = new MemoryBus();
  readonly lease = new Lease(this.clock, TTL, 1_000);
  readonly ends: string[] = [];
  readonly dead: string[] = [];
  readonly suspected: string[] = [];
  consumerMemberId = '';
  ready = true;
  readonly membership: Membership;
  readonly suspicion: Suspicion;

  constructor() {
    const { clock, kv, bus, lease } = this;
    const control = storeOver(kv, clock);
    this.membership = new Membership({
      clock,
      control,
      lease,
      node: 'self' as NodeName,
      incarnation: SELF,
      leaseTtlMs: TTL,
      report: () => ({
        consumerMemberId: this.consumerMemberId,
        replyProgress: {},
        room: {},
        secrets: [],
        snapshotVersions: [1],
      }),
      ready: () => this.ready,
      onChange: () => {},
      onSuperseded: (by) => this.ends.push(by),
      onDead: ({ incarnation }) => this.dead.push(incarnation),
    });
    this.suspicion = new Suspicion({
      clock,
      bus,
      control,
      cluster: 'c',
      leaseTtlMs: TTL,
      membership: this.membership,
      onChange: () => {},
      onSuspected: ({ record }) => this.suspected.push(record.incarnation),
    });
    kv.onWrite = (entry) => {
      this.membership.seen(entry);
      this.suspicion.cleared((parseMember(entry.value)?.node ?? '') as NodeName);
    };
  }

  async start(): Promise<void> {
    await this.membership.start(0 as Revision);
    writeMember(this.kv, 'peer', 'peer-1');
    this.bus.answers.set(ping('peer-1'), 'answer');
    this.suspicion.start();
  }

  /** Time passes; every tick peers are judged, and the peer renews if it lives. */
  async pass(ms: number, peer: 'renews' | 'is silent'): Promise<void> {
    for (let passed = 0; passed < ms; passed += 250) {
      if (peer === 'renews' && passed % 1_000 === 0) writeMember(this.kv, 'peer', 'peer-1', { renewal: passed });
      await this.clock.advance(250);
      this.membership.judge();
      this.membership.tellNews();
    }
    await this.clock.advance(0);
  }

  /** Of a claim of this revision; default: older than all records. */
  mayTake(incarnation: string, node = 'peer', revision = 1): boolean {
    const claims = new Claims(1);
    const value = claimRecord(node as NodeName, incarnation as Incarnation, 0 as Revision, 0);
    claims.seen(0 as ShardId, { key: claimKey(0 as ShardId), value, revision: revision as Revision, writtenMs: 0 });
    return mayTake(claims.of(0 as ShardId), this.membership, this.suspicion, this.clock.monotonicMs());
  }
}

test('our own record is renewed five times per TTL, and each renewal renews the lease', async () => {
  const watcher = new Watcher();
  await watcher.start();
  let writes = 0;
  const { onWrite } = watcher.kv;
  watcher.kv.onWrite = (entry) => {
    if (entry.key === '_member.self') writes += 1;
    onWrite(entry);
  };
  await watcher.clock.advance(TTL);
  expect(writes).toBe(5);
  expect(watcher.lease.remainingMs()).toBeGreaterThan(TTL - 1_000 - TTL / 5 - 1);
});

test('a renewal that was held up brings a lease half gone, so the next one follows at once', async () => {
  const watcher = new Watcher();
  await watcher.start();
  await watcher.clock.advance(900);
  watcher.kv.up = false;
  await watcher.clock.advance(2_000);
  watcher.kv.up = true;
  await watcher.clock.advance(1_000);
  expect(watcher.lease.remainingMs()).toBeGreaterThan(TTL - 1_000 - TTL / 5 - 1);
});

test('a renewal without an answer is sent again every 500 ms, and settled by the try that is answered', async () => {
  const watcher = new Watcher();
  await watcher.start();
  const { clock, kv, lease } = watcher;
  const triedMs: number[] = [];
  const put = kv.put;
  let silentTries = 4;
  kv.put = async (key, value, expected, options) => {
    triedMs.push(clock.monotonicMs());
    if (silentTries-- <= 0) return put(key, value, expected, options);
    // The last of them lands, unheard.
    if (silentTries === 0) await put(key, value, expected, options);
    await new Promise<void>((resolve) => clock.setTimer(1_000, resolve));
    return { kind: 'inDoubt', reason: 'silence' };
  };
  await clock.advance(TTL / 5 + 2_000);
  expect(triedMs).toEqual([1_000, 1_500, 2_000, 2_500, 3_000, 3_000]); // and the one that was due meanwhile
  expect(lease.renewedAtMs()).toBe(3_000);
  expect(parseMember(kv.entries.get('_member.self')!.value)?.renewal).toBe(3);
});

test('a new name of the reply consumer is told at once, but not more often than every 500 ms', async () => {
  const watcher = new Watcher();
  await watcher.start();
  const { clock, kv } = watcher;
  const told: [atMs: number, name: string | undefined][] = [];
  kv.onWrite = ({ key, value }) => {
    if (key === '_member.self') told.push([clock.monotonicMs(), parseMember(value)?.consumerMemberId]);
  };
  await watcher.pass(250, 'is silent');
  for (const name of ['a', 'b', 'c']) {
    watcher.consumerMemberId = name;
    await watcher.pass(250, 'is silent');
  }
  await watcher.pass(1_500, 'is silent');
  // And the next renewal in due time after that.
  expect(told).toEqual([
    [500, 'a'],
    [1_000, 'c'],
    [2_000, 'c'],
  ]);
});

test('news that cannot be written are not queued up: one renewal is under way at most', async () => {
  const watcher = new Watcher();
  await watcher.start();
  const { clock, kv } = watcher;
  kv.up = false;
  for (let change = 0; change < 8; change++) {
    watcher.consumerMemberId = `name-${change}`;
    await watcher.pass(250, 'is silent');
  }
  let writes = 0;
  kv.onWrite = () => {
    writes += 1;
  };
  kv.up = true;
  await clock.advance(500);
  await watcher.pass(250, 'is silent');
  await clock.advance(250);
  expect(writes).toBe(2); // what was under way, and then the last name
});

test('a peer is dead when its record has stood still for a TTL, and a leader read confirms it', async () => {
  const watcher = new Watcher();
  await watcher.start();
  watcher.bus.answers.set(ping('peer-1'), 'silence');
  await watcher.pass(TTL, 'renews');
  expect(watcher.dead).toEqual([]);
  await watcher.pass(TTL - 1_000, 'is silent');
  expect(watcher.mayTake('peer-1')).toBe(false);
  await watcher.pass(1_500, 'is silent');
  expect(watcher.dead).toEqual(['peer-1']);
  expect(watcher.mayTake('peer-1')).toBe(true);
});

test('a claim of an incarnation that is not known yet is not taken until a later record of its node names another one', async () => {
  const watcher = new Watcher();
  await watcher.start();
  const { revision } = watcher.membership.peers().get('peer' as NodeName)!;
  expect(watcher.mayTake('peer-2', 'peer', revision + 1)).toBe(false);
  expect(watcher.mayTake('peer-0', 'peer', revision - 1)).toBe(true);
  writeMember(watcher.kv, 'peer', 'peer-3');
  expect(watcher.mayTake('peer-2', 'peer', revision)).toBe(true);
});

test('a claim of a node without a record is taken once the leader has said that there is none, and only as old as that', async () => {
  const watcher = new Watcher();
  await watcher.start();
  const { clock, kv } = watcher;
  expect(watcher.mayTake('gone-1', 'gone', 5)).toBe(false);
  await clock.advance(0);
  expect(watcher.mayTake('gone-1', 'gone', 5)).toBe(true);
  expect(watcher.mayTake('gone-2', 'gone', 6)).toBe(false);
  // One whose record the watch has not brought yet.
  kv.onWrite = () => {};
  writeMember(kv, 'joined', 'joined-1');
  expect(watcher.mayTake('joined-1', 'joined', 1_000)).toBe(false);
  await clock.advance(0);
  expect(watcher.mayTake('joined-1', 'joined', 1_000)).toBe(false);
  expect(watcher.membership.peers().get('joined' as NodeName)?.record.incarnation).toBe('joined-1');
  // Without an answer nobody is taken for gone, and it is asked again.
  kv.up = false;
  expect(watcher.mayTake('gone-3', 'gone', 7)).toBe(false);
  await clock.advance(5_000);
  expect(watcher.mayTake('gone-3', 'gone', 7)).toBe(false);
  kv.up = true;
  watcher.mayTake('gone-3', 'gone', 7);
  await clock.advance(5_000);
  expect(watcher.mayTake('gone-3', 'gone', 7)).toBe(true);
  // An earlier incarnation of our own.
  expect(watcher.mayTake('self-0', 'self', 1_000)).toBe(true);
});

test('a watch that is behind kills nobody: the leader read shows that the record advanced', async () => {
  const watcher = new Watcher();
  await watcher.start();
  watcher.bus.answers.set(ping('peer-1'), 'silence');
  const { onWrite } = watcher.kv;
  watcher.kv.onWrite = (entry) => entry.key === '_member.self' && onWrite(entry);
  await watcher.pass(3 * TTL, 'renews');
  expect(watcher.dead).toEqual([]);
});

test('whoever cannot renew his own record judges nobody', async () => {
  const watcher = new Watcher();
  await watcher.start();
  watcher.kv.up = false;
  await watcher.pass(4 * TTL, 'is silent');
  expect(watcher.dead).toEqual([]);
  expect(watcher.suspected).toEqual([]);
});

test('another incarnation in our own record ends us; an older entry of ours does not', async () => {
  const watcher = new Watcher();
  await watcher.start();
  watcher.membership.seen({ ...watcher.kv.entries.get('_member.self')!, revision: 0 as Revision });
  expect(watcher.ends).toEqual([]);
  writeMember(watcher.kv, 'self', 'self-2');
  expect(watcher.ends).toEqual(['self-2']);
});

test('a peer whose sockets are closed is suspected after a second, and cleared when its record advances', async () => {
  const watcher = new Watcher();
  await watcher.start();
  await watcher.pass(1_000, 'renews');
  watcher.bus.answers.delete(ping('peer-1'));
  await watcher.pass(750, 'is silent');
  expect(watcher.mayTake('peer-1')).toBe(false);
  await watcher.pass(1_000, 'is silent');
  expect(watcher.suspected).toEqual(['peer-1']);
  expect(watcher.mayTake('peer-1')).toBe(true);
  writeMember(watcher.kv, 'peer', 'peer-1', { renewal: 99 });
  expect(watcher.mayTake('peer-1')).toBe(false);
  // Left alone for a while, although it still has no responders.
  await watcher.pass(CLUSTER_LIMITS.suspicionHoldOffMs, 'is silent');
  expect(watcher.suspected).toHaveLength(1);
  await watcher.pass(2_000, 'is silent');
  expect(watcher.suspected).toHaveLength(2);
});

test('the second of a suspect begins when it was first asked, however slow that answer was', async () => {
  const watcher = new Watcher();
  await watcher.start();
  await watcher.pass(1_000, 'renews');
  watcher.bus.answers.delete(ping('peer-1'));
  const { request } = watcher.bus;
  watcher.bus.request = async (subject) => {
    watcher.bus.request = request;
    await new Promise<void>((resolve) => watcher.clock.setTimer(100, resolve));
    return request(subject);
  };
  await watcher.pass(CLUSTER_LIMITS.pingEveryMs, 'is silent');
  expect(watcher.suspected).toEqual([]);
  await watcher.pass(CLUSTER_LIMITS.suspectAfterMs, 'is silent');
  expect(watcher.suspected).toEqual(['peer-1']);
});

test('no responders while we ourselves are cut off from JetStream mean nothing', async () => {
  const watcher = new Watcher();
  await watcher.start();
  watcher.bus.answers.delete(ping('peer-1'));
  watcher.kv.up = false;
  await watcher.pass(4_000, 'is silent');
  expect(watcher.suspected).toEqual([]);
});

test('a claim may be taken when it is released, or its incarnation is superseded or has left', async () => {
  const watcher = new Watcher();
  await watcher.start();
  expect(watcher.mayTake('')).toBe(true);
  expect(watcher.mayTake('peer-0')).toBe(true);
  expect(watcher.mayTake('peer-1')).toBe(false);
  writeMember(watcher.kv, 'peer', 'peer-1', { state: 'draining' });
  expect(watcher.mayTake('peer-1')).toBe(false);
  writeMember(watcher.kv, 'peer', 'peer-1', { state: 'left' });
  expect(watcher.mayTake('peer-1')).toBe(true);
});

test('claims only go forward', () => {
  const claims = new Claims(2);
  const entry = (incarnation: string, revision: number) => ({
    key: claimKey(1 as ShardId),
    value: claimRecord('peer' as NodeName, incarnation as Incarnation, 0 as Revision, 0),
    revision: revision as Revision,
    writtenMs: 0,
  });
  expect(claims.seen(1 as ShardId, entry('b', 5))).toBe(true);
  expect(claims.seen(1 as ShardId, entry('a', 5))).toBe(false);
  expect(claims.seen(1 as ShardId, entry('a', 3))).toBe(false);
  expect(claims.of(1 as ShardId).incarnation).toBe('b');
  expect(claims.seen(7 as ShardId, entry('b', 9))).toBe(false);
});

class Joiner {
  readonly clock = new ManualClock();
  readonly kv = new MemoryKv();
  readonly bus = new MemoryBus();
  outcome: string | undefined;

  join(own: readonly string[] = []): void {
    const { clock, kv, bus } = this;
    const options = { clock, bus, control: storeOver(kv, clock), cluster: 'c', node: 'self' as NodeName };
    takeName({ ...options, leaseTtlMs: TTL, own: new Set(own as Incarnation[]) }).then(
      ({ revision, replaced }) => {
        this.outcome = `over ${revision}, replacing ${replaced?.incarnation ?? 'nobody'}`;
      },
      (error: unknown) => {
        this.outcome = error instanceof NodeNameTaken ? 'taken' : String(error);
      },
    );
  }
}

test('a name is free when nobody has it, when he left, or when it was ours', async () => {
  for (const before of ['nothing', 'left', 'own']) {
    const joiner = new Joiner();
    if (before === 'left') writeMember(joiner.kv, 'self', 'self-0', { state: 'left' });
    if (before === 'own') writeMember(joiner.kv, 'self', 'self-0');
    joiner.bus.answers.set(ping('self-0'), 'silence');
    joiner.join(before === 'own' ? ['self-0'] : []);
    await joiner.clock.advance(0);
    expect(joiner.outcome).toBe(`over ${before === 'nothing' ? 0 : 1}, replacing nobody`);
  }
});

test('a live node of the same name refuses us', async () => {
  const joiner = new Joiner();
  writeMember(joiner.kv, 'self', 'self-0');
  joiner.bus.answers.set(ping('self-0'), 'answer');
  joiner.join();
  await joiner.clock.advance(0);
  expect(joiner.outcome).toBe('taken');
});

test('a killed process of our name is replaced after a second without responders', async () => {
  const joiner = new Joiner();
  writeMember(joiner.kv, 'self', 'self-0');
  joiner.join();
  await joiner.clock.advance(900);
  expect(joiner.outcome).toBeUndefined();
  await joiner.clock.advance(600);
  expect(joiner.outcome).toBe('over 1, replacing self-0');
});

test('silence is waited out: until the record has stood still for a TTL', async () => {
  const joiner = new Joiner();
  writeMember(joiner.kv, 'self', 'self-0');
  joiner.bus.answers.set(ping('self-0'), 'silence');
  joiner.join();
  await joiner.clock.advance(TTL - 500);
  writeMember(joiner.kv, 'self', 'self-0', { renewal: 7 });
  await joiner.clock.advance(TTL - 500);
  expect(joiner.outcome).toBeUndefined();
  await joiner.clock.advance(1_500);
  expect(joiner.outcome).toBe('over 2, replacing self-0');
});

test('a record that advances is alive, whatever its subject says: the second without responders begins anew', async () => {
  const joiner = new Joiner();
  writeMember(joiner.kv, 'self', 'self-0');
  joiner.join();
  for (let renewal = 0; renewal < 10; renewal++) {
    await joiner.clock.advance(800);
    writeMember(joiner.kv, 'self', 'self-0', { renewal });
  }
  expect(joiner.outcome).toBeUndefined();
  expect(joiner.kv.entries.has(memberKey('self' as NodeName))).toBe(true);
  await joiner.clock.advance(2_000);
  expect(joiner.outcome).toMatch(/^over 11, replacing self-0$/);
});
