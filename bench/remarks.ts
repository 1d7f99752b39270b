// What a reader has to know about figures: what limits one that is missed, and what would be next for one that is met. Each says
// where it was seen. No figure stands in these texts: those of the table are in the table, shares of a profile are read from
// the flame graph that is kept of it, and an experiment of which nothing is kept is told without.
import { LIMITS } from '../src/actors/limits.ts';
import { CLUSTER_LIMITS } from '../src/cluster/limits.ts';
import { type Figure, isMet } from './figures.ts';
import type { FlameName, Flames } from './flame/kept.ts';

interface Remark {
  /** How the figures begin that it is about. */
  readonly about: string;
  /** When it is said; default: always. */
  readonly when?: 'met' | 'missed';
  readonly text: string;
  /** Whose shares are told before the text. */
  readonly flame?: FlameName;
}

export const REMARKS: readonly Remark[] = [
  {
    about: 'calls/s, naive ÷ direct',
    when: 'missed',
    text: 'Both use up the cores, so the ratio is about that of what a call costs each of them in all: the row below it, which is taken within a round too. The engine costs more per call here than on the machine of the column *before*, so what a bridge adds weighs less.',
  },
  {
    about: 'calls/s',
    text: 'At full load engine, bridge, Kafka and load share the cores of one machine: what a bridge uses, the engine lacks. The machine itself is shared, and its speed moves within a round too (the same engine’s CPU per call, turn by turn in benchmarks.json, says by how much): read the median with its spread.',
  },
  {
    about: 'calls/s, naive ÷ direct',
    when: 'met',
    text: 'As on the machine of the column *before*, so what the rounds say of the others may be read.',
  },
  {
    about: 'calls/s, 200 in flight, holdfast with 3 nodes',
    when: 'met',
    text: 'The next limit is what three processes do for a part of the calls each, see the CPU columns below.',
  },
  {
    about: 'calls/s, 200 in flight, holdfast with 3 nodes',
    when: 'missed',
    flame: 'full-load-3',
    text: 'Three processes on few cores do for a part of the calls each what is done once per socket and moment: connections, fetches, writes that carry one call instead of several; and two of three activations and replies reach a node that does not own the job, and travel on. Taken out already: kafkajs woke each of its connections all the time (src/gateway/kafka/idle-queue.ts). Commands, answers and writes to NATS are gathered by turn of the event loop already; next would be to hold them for some ms, at the cost of latency.',
  },
  {
    about: 'bridge CPU per call at full load, 1 node',
    when: 'missed',
    flame: 'full-load',
    text: 'Tried: commands framed by hand (kept), questions to NATS gathered by turn of the event loop (kept), jobs decoded by hand (kept), connections to Kafka that rest while nothing waits on them (kept), requests encoded in one pass (kept), keys hashed without big integers (kept), a larger young generation (not kept: V8 enlarges it by itself), the event loop held for some ms at a time so that more arrives at once (an experiment that is not kept: better in one pair of turns, worse in the other). With an engine that costs nothing the same code takes less: see the bridge alone. Next would be what is done once per turn of the event loop and socket: at full load of this machine few of them carry more than one call.',
  },
  {
    about: 'bridge + nats-server CPU per call at full load',
    when: 'missed',
    text: 'nats-server’s part is the smaller one (column *nats* below): two durable writes a call, and what passes between nodes. Tried on it: what was sent is noted a few times a second instead of by a write a call (kept), questions of one turn of the event loop leave in one packet (kept). The rest is the bridge, see there.',
  },
  {
    about: 'broker (Zeebe) CPU per call at full load, holdfast ÷ naive',
    when: 'missed',
    text: 'It is the column *engine* below. What the two ask of Zeebe differs in how jobs are taken: holdfast’s are pushed, each by an event of the broker of its own, as soon as they are there; naive polls for up to 500 at once (bench/contestants/naive-bridge.ts), which is one event for many, and a poll for nothing where there are none. Both complete a job by a command each. No profile of the broker is kept, and nothing was tried on it; the ratio moves from round to round by more than what is missing. Next would be to poll for many at once for as long as the load is full.',
  },
  {
    about: 'broker (Zeebe) CPU per call at full load, holdfast ÷ naive',
    when: 'met',
    text: 'Next would be how jobs are taken: pushed, each is an event of the broker of its own.',
  },
  {
    about: 'calls/s, 200 in flight, holdfast with 1 node',
    when: 'met',
    text: 'The next limit is the engine’s own cost: by far the largest of the CPU columns below.',
  },
  {
    about: 'instance due → ended at 50/s',
    when: 'met',
    text: 'Most of it is the engine’s: making the instance, handing out the job, completing it. The next limit is what two durable writes take, one of which the reply waits for; of the p99 it is whatever else has one of the cores in that moment.',
  },
  {
    about: 'hold in all at 50/s',
    when: 'met',
    text: 'It is what the hold adds, see there, and the engine’s answer to the completion, which is the next limit.',
  },
  {
    about: 'what the hold adds at 50/s',
    when: 'met',
    text: 'It is one durable write, a request and a reply through Kafka. Next would be the pace of Kafka: the broker answers a fetch when something is there, and a produce when it is written.',
  },
  {
    about: 'kill -9 of one of three nodes',
    when: 'met',
    text: `${CLUSTER_LIMITS.suspectAfterMs} ms are the suspicion, before which neither a shard has another owner nor the group of consumers loses its member (src/gateway/replies/evictions.ts): the next limit, for a client that reconnects is silent for nearly as long (src/cluster/limits.ts, suspectAfterMs).`,
  },
  {
    about: 'SIGSTOP of one of three nodes: last of 200 ended',
    when: 'met',
    text: 'A node that hangs answers nothing and closes nothing, so its lease has to run out first; the next limit is that lease (`leaseTtl`), which also says how long NATS may be away.',
  },
  {
    about: 'graceful hand-over',
    when: 'met',
    text: 'A shard pauses until its last request is on record as sent (src/cluster/limits.ts, watermarkFlushMs) and its next owner has read its jobs; shards that are handed over one by one share that reading.',
  },
  {
    about: '333,333 pending on one node',
    when: 'met',
    text: 'It is one stream of entries, read by one thread. Which of the two is the next limit, the server that gives or the node that reads, was not looked at: the column *before* is of another machine.',
  },
  {
    about: '1,000,000 pending on one node: keys rehydrated per second',
    when: 'met',
    text: 'As with a third of that.',
  },
  {
    about: 'the bridge alone',
    when: 'missed',
    flame: 'alone',
    text: 'Threads of V8 (garbage, compilation) are not in it. Tried against the code before, in turns on the same servers: batches to Kafka and fetches of replies that gather for some ms while there are several records in them (kept: less on a busy machine; a quiet one gathers by itself), the MAC of ids by one-shot hashes (kept), produce requests encoded in one pass, keys hashed without big integers, checksums by the word, own writes known by their bytes (kept; the figures of these experiments are not), writes to NATS that gather, a larger young generation, a garbage collector without threads, fewer timers (none of them kept: within the noise). Kept since, by old and new code under load at the same time on the same servers: tables that let go of what has left them (src/actors/passing-map.ts: V8 writes a map in which calls come and go into a new table again and again, the old one still leads to all that stood in it, and every collection copies that), no weak maps by record, headers of commands as a complete list, asks without a deadline without a timer. Tried too: `@platformatic/kafka` as the producer behind the same port. It took less CPU than kafkajs as it was, but no less than kafkajs with the produce request encoded by us, so there is one client (an experiment on the same servers at the same time, of which the figures are not kept). Its consumer decompresses without a limit, in modules that cannot be replaced from outside, and was not tried. Looked at and left: kafkajs’s copies around a request, prom-client, timers: little each. Next would be fewer and larger writes to the sockets of NATS and Kafka, whose clients take most of what is not ours.',
  },
  {
    about: 'rolling restart of three nodes at 100 calls/s: over 2 s',
    text: `Such a call took as long as a job’s first lock (${LIMITS.activationLockMs} ms): the node that leaves closes its stream of jobs, and what the gateway has put into its queue for that connection and not yet written is thrown away. Traces of broker, gateway and its HTTP/2 of an experiment that is not kept (streams closed several times a second, on a busy machine) show it by job key: pushed by the broker, put to that client by the gateway, up to tens of ms before our end as well as after it, and never written to a connection until its lock was over; the gateway’s thread for the connection did not come to run, and when it did, it read our end first. No job was lost by a poll. So a stream is closed by half (what the engine wrote until it hears of it is read), and only when the gateway has just answered at once (src/gateway/zeebe/gateway-calls-pushed.ts): in the traced turns, with and without that, all jobs that were lost were lost without; in a run on an overloaded machine some were lost with it too. What is left is a job in the moment between that answer and our end; the engine knows no way to give such a job back, for nobody has its key. On a loopback device with its usual large segments the kernel let a connection of a node to NATS stand still for seconds now and then (\`ss -tnpi\`: unsent on one side, nothing unread on the other, a receive window smaller than one segment), and every call of that node waited; with segments as on a network (\`ip link set lo mtu 1500\`) it does not. No figures of that are kept. In the run of ae7f659 other work was done on the machine beside two of the five rounds, which shows in the calls before the restarts too.`,
  },
  {
    about: 'JetStream writes per call',
    when: 'met',
    text: 'Two writes a call are the hold and the tombstone; the rest is the record of what was sent, a few a second, and the liveness record. Two are the limit: with one, a crash would take either the hold or what became of it.',
  },
  {
    about: '1,000,000 pending on one node: memory in all, at the most',
    text: 'Above what it takes at rest is what calls leave behind before V8 looks through its old generation. By itself V8 lets that grow to three or four times of what lives in it; where 200,000 jobs or more wait, it is bounded at twice (src/gateway/system-heap.ts). What the jobs of a route have in common, most of a snapshot, is kept once (src/actors/pending-job/cold-shared.ts): of one like those of the bench less than half of its bytes are left outside of V8’s heap, and in it an object, a key and a place in a map. Next would be V8’s young generation, as large whatever waits (`--max-semi-space-size`, not tried on calls), and the numbers that an object has of a job that only waits, as columns beside its bytes.',
  },
  {
    about: '1,000,000 pending on one node: CPU when idle',
    flame: 'million-idle',
    text: 'The main thread is idle for most of the minute that is measured; the rest is what wakes it (timers, fetches, the engine asked about jobs in turn) and the threads of V8, which look through the old generation now and then, or do not. The bytes of jobs that wait are outside of it, and smaller since what they share is kept once; connections to Kafka rest while nothing waits on them. Next would be a job in fewer objects.',
  },
  {
    about: '1,000,000 pending on one node: CPU per call',
    flame: 'million-calls',
    text: 'It is a matter of whether a look of V8 through the whole old generation falls into the rounds, and such looks come more often since that generation is bounded. The next limit is what lives there: a job in fewer objects.',
  },
  {
    about: '1,000,000 pending on one node: a page of the list over HTTP, slowest of ten kinds',
    flame: 'million-pages',
    text: 'A look at all jobs is done in short slices, so nothing else waits. Half of its time used to be pauses: what was to go on after the turn of the event loop was an immediate that does not keep the process, and for such a one a loop at rest sleeps until something else wakes it. What jobs share is asked once, not once for each: a text that all have, but where none is looked, and a process, lane or element cost no look at any bytes. The slowest kinds are digits and the key of an instance, for which the bytes of all jobs are gone through, of which the keys are a quarter. Next would be to keep those keys beside each other, apart from the rest of a job’s bytes.',
  },
];

/** Those that apply to what was measured. */
export function remarksOn(figures: readonly Figure[], flames: Flames): string[] {
  return REMARKS.flatMap(({ about, when, text, flame }) => {
    const concerned = figures.filter(({ name, values }) => name.startsWith(about) && values.length > 0);
    const said = when === undefined ? concerned : concerned.filter((figure) => isMet(figure) === (when === 'met'));
    if (said.length === 0) return [];
    const profile = flame === undefined ? '' : `${profileText(flame, flames)} `;
    return [`**${about}**: ${profile}${text}`];
  });
}

const LEAST_TOLD = 0.03;

function profileText(name: FlameName, flames: Flames): string {
  const kept = flames(name);
  if (kept === undefined) return 'No profile of it is kept.';
  const { commit, command, idle, shares } = kept;
  const percent = (share: number) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
  const told = shares.filter(({ share }) => share >= LEAST_TOLD).map((part) => `${part.name} ${percent(part.share)}`);
  return `The profile ([flame graph](flames/${name}.svg), of commit ${commit}, made by \`${command}\`) has the main thread idle for ${percent(idle)} of the time; of what it does: ${told.join(', ')}.`;
}
