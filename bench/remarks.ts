// What a reader has to know about figures: what limits one that is missed, and what would be next for one that is met. Each says
// where it was seen; none repeats a figure of the table.
import { type Figure, isMet } from './figures.ts';

interface Remark {
  /** How the figures begin that it is about. */
  readonly about: string;
  /** When it is said; default: always. */
  readonly when?: 'met' | 'missed';
  readonly text: string;
}

const REMARKS: readonly Remark[] = [
  {
    about: 'calls/s, naive ÷ direct',
    when: 'missed',
    text: 'Both use up the two cores, so the ratio is about that of what a call costs each of them in all: the sums of the CPU columns below. The engine costs more per call here than on the machine of the column *before* (on which the direct worker made 713 calls/s), so what a bridge adds weighs less. One of the five turns of naive was the first after Kafka had started, and shows that in Kafka’s CPU.',
  },
  {
    about: 'calls/s',
    text: 'At full load engine, bridge, Kafka and load share the cores of one machine: what a bridge uses, the engine lacks. The machine itself is shared, and its speed moves within a round too (the same engine’s CPU per call, turn by turn in benchmarks.json, says by how much): read the median with its spread.',
  },
  {
    about: 'calls/s, 200 in flight, holdfast with 3 nodes',
    when: 'missed',
    text: 'Three processes on two cores do for a third of the calls each what is done once per socket and moment: connections, fetches, writes that carry one call instead of several; and two of three activations and replies reach a node that does not own the job, and travel on. A third of what they used was no call’s: kafkajs woke each of its connections a thousand times a second (src/gateway/kafka/idle-queue.ts); since then an idle node needs half. Commands, answers and writes to NATS are gathered by turn of the event loop already; next would be to hold them for a few ms, at the cost of latency.',
  },
  {
    about: 'bridge CPU per call at full load, 1 node',
    when: 'missed',
    text: 'The profile ([flame graph](flames/full-load.svg), of commit 5b9cc3c, drawn by `bench/flame` from `npm run bench -- --profile DIR`) is flat: writing to sockets 16 %, kafkajs 13 %, our gateway 12 %, cluster 10 % and actors 7 %, garbage collection 7 %, HTTP/2 5 %, HMAC 4 % (cheaper since), nats-core 3 %. Tried: commands framed by hand (kept), questions to NATS gathered by turn of the event loop (kept), jobs decoded by hand (kept), a larger young generation (V8 makes it 64 MB by itself), the event loop held for 4 ms at a time so that more arrives at once (an experiment of two pairs of turns that is not kept: better in one, worse in the other). Kept since the profile: connections to Kafka that rest while nothing waits on them (kafkajs woke each a thousand times a second; an idle node needs half of what it did), requests encoded in one pass, keys hashed without big integers. With an engine that costs nothing the same code takes less: see the bridge alone. Kept since: tables that let go of what has left them, see the bridge alone; with 8 calls in flight the bridge alone took 0.64 ms a call instead of 0.98 (medians of ten pairs of turns on a machine that others used too; ratios 0.44 to 0.81). Next would be what is done once per turn of the event loop and socket: at some hundred calls a second few of them carry more than one call.',
  },
  {
    about: 'bridge + nats-server CPU per call at full load',
    when: 'missed',
    text: 'Of nats-server’s part, two durable writes a call, little can be taken away; the rest is the bridge, see there.',
  },
  {
    about: 'broker CPU per call at full load, holdfast ÷ naive',
    when: 'missed',
    text: 'Requests and replies are the same records as naive’s; what differs is how many of them share a request, which differs from round to round by more than what is missing here.',
  },
  {
    about: 'calls/s, 200 in flight, holdfast with 1 node',
    when: 'met',
    text: 'The next limit is the engine’s own cost: it uses more than three quarters of the CPU of a call.',
  },
  {
    about: 'instance due → ended at 50/s, p50',
    when: 'met',
    text: 'Most of it is the engine’s: making the instance, handing out the job, completing it. The next limit is what two durable writes take, one of which the reply waits for.',
  },
  {
    about: 'what the hold adds at 50/s',
    when: 'met',
    text: 'It is one durable write, a request and a reply through Kafka. Next would be the pace of Kafka: the broker answers a fetch when something is there, and a produce when it is written.',
  },
  {
    about: 'kill -9 of one of three nodes: last of 200 ended',
    when: 'met',
    text: 'A second of it is the suspicion: a client that reconnects is silent for nearly as long (src/cluster/limits.ts, suspectAfterMs).',
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
    about: '333,333 pending on one node: keys rehydrated per second',
    when: 'met',
    text: 'The next limit is nats-server itself, which is as far away as the column *before* says.',
  },
  {
    about: 'the bridge alone',
    when: 'missed',
    text: 'The profile ([flame graph](flames/alone.svg), of commit 9e4c84e, drawn by `bench/flame` from `node bench/alone/main.ts --client http2 --profile DIR`) is flat: gateway 14 %, cluster 11 % and actors 9 %, kafkajs 12 % by itself and 26 % with all that it calls, garbage collection 12 %, HTTP/2 4 %, nats-core 3 %; threads of V8 (garbage, compilation) are not in it. Tried against the code before, in turns on the same servers: batches to Kafka and fetches of replies that gather for 5 ms while there are several records in them (kept: clearly less on a busy machine, a few percent on a quiet one, which gathers by itself), the MAC of ids by one-shot hashes (kept: it has all but gone from the profile), writes to NATS that gather for 2 ms, a larger young generation, a garbage collector without threads, fewer timers (none of them kept: within the noise). Kept since: produce requests encoded in one pass, keys hashed without big integers, checksums eight bytes at a time, own writes known by their bytes (together 10 to 19 % less CPU per call, medians of three runs of both versions side by side; 38 % less with bodies of 45 KB). Tried: `@platformatic/kafka` 2.12.1 as the producer behind the same port. Against kafkajs as it was it took 8 % less CPU of the bridge per call (median of 24 rounds on the same servers at the same time, 0.74 to 1.14); kafkajs with the produce request encoded by us took 12 % less in the same rounds, so there is one client. Its consumer decompresses without a limit, in modules that cannot be replaced from outside, and was not tried. Kept since, old and new code under load at the same time on the same servers (80,000 calls each, 100 in flight each): 0.268 instead of 0.296 ms per call (median of 36 pairs of rounds: 0.914), of which V8’s threads, which no profile shows, 0.035 instead of 0.056. Garbage collection, with those threads, was more than a quarter of a call: V8 copied what calls had left behind, because the tables that it had replaced (a Map in which 200 calls come and go is written anew every few hundred) still led there, and so did weak maps and node’s closed HTTP/2 streams. What leaves such a table is cut off now (src/actors/passing-map.ts): of what a node allocates 5.7 % instead of 9.8 % reaches the old generation. Headers of commands as a complete list (a tenth of what a command costs, measured alone: 61 instead of 70 µs, medians of three runs each), asks without a deadline without a timer. Looked at and left: kafkajs’s copies around a request (one of 23 kB for twenty calls), prom-client (1.6 % of the profile), timers (all of them 1.3 %), node:http2 itself, which takes about 60 µs and 14 kB of garbage for a command. Next would be that, by frames of our own; and the writes to sockets (19 % of the profile, much of it waiting).',
  },
  {
    about: 'rolling restart of three nodes at 100 calls/s: over 2 s',
    text: 'Such a call took as long as a job’s first lock (20 s): the engine had put its job into a stream at the very moment at which it heard that the node closes it, and nobody reads it then. A stream is closed by half since (what the engine had sent until it heard of it is read), which made them rare. This part was run with segments as on a network (`ip link set lo mtu 1500`): on a loopback device with its usual 64 KiB the kernel let one connection of a node to NATS stand still for up to 9 s in about every third round, 400 kB unsent on one side and nothing unread on the other (`ss -tnpi`: a receive window smaller than one segment), and every call of that node waited.',
  },
  {
    about: 'JetStream writes per call',
    when: 'met',
    text: 'Two writes a call are the hold and the tombstone; the rest is the record of what was sent, about seven a second, and the liveness record.',
  },
  {
    about: '1,000,000 pending on one node: memory in all, at the most',
    when: 'missed',
    text: 'At rest it is below; the rest is what calls leave behind before V8 looks through its old generation, which it does the later the more is in it. Taken out already: the map and the set of the timer wheel, the bytes of jobs that wait (they are in chunks outside of V8’s heap), and texts that kept the batch that they were cut out of. Next would be a bound on how far that generation may grow, and what the jobs of a route share kept once.',
  },
  {
    about: '1,000,000 pending on one node: CPU when idle',
    when: 'missed',
    text: 'Two other runs of `node bench/million/main.ts` on the same day said 4.60 and 7.03. The profile of the last (`--profile DIR`) has the main thread idle for 94.6 % of the time; the rest are the threads of V8, which look through the old generation now and then, or do not, in the minute that is measured. Since then the bytes of jobs that wait are outside of it, and connections to Kafka rest while nothing waits on them.',
  },
  {
    about: '1,000,000 pending on one node: CPU per call',
    when: 'missed',
    text: 'A shorter run (three rounds of 5,000 calls) said 0.986: it is a matter of whether a look of V8 through the whole old generation falls into the rounds. The bytes of jobs that wait are outside of V8’s heap since; next would be a job in fewer objects.',
  },
  {
    about: '1,000,000 pending on one node: a page of the list over HTTP, slowest of ten kinds',
    when: 'missed',
    text: 'Pages that few jobs fit go through the bytes of all of them, a few hundred megabytes, and wait for memory; it is done in slices of 3 ms, so nothing else waits. Pages that most jobs fit look at no bytes. The slowest kind is a text that all have, but where none is looked. Next would be to keep what is searched beside each other instead of in each job’s bytes.',
  },
];

/** Those that apply to what was measured. */
export function remarksOn(figures: readonly Figure[]): string[] {
  return REMARKS.flatMap(({ about, when, text }) => {
    const concerned = figures.filter(({ name, values }) => name.startsWith(about) && values.length > 0);
    const said = when === undefined ? concerned : concerned.filter((figure) => isMet(figure) === (when === 'met'));
    return said.length === 0 ? [] : [`**${about}**: ${text}`];
  });
}
