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
    about: 'calls/s',
    text: 'At full load engine, bridge, Kafka and load share the cores of one machine: what a bridge uses, the engine lacks. The machine itself is shared, and its speed moves within a round too (the same engine’s CPU per call, turn by turn in benchmarks.json, says by how much): read the median with its spread.',
  },
  {
    about: 'calls/s, 200 in flight, holdfast with 3 nodes',
    when: 'missed',
    text: 'Three processes on two cores do for a third of the calls each what is done once per socket and moment: connections, fetches, writes that carry one call instead of several; and two of three activations and replies reach a node that does not own the job, and travel on. Next: more of them in one message.',
  },
  {
    about: 'bridge CPU per call at full load, 1 node',
    when: 'missed',
    text: 'The profile ([flame graph](flames/full-load.svg), drawn by `bench/flame` from `npm run bench -- --profile DIR`) is flat: writing to sockets 16 %, kafkajs 13 %, our gateway 12 %, cluster 10 % and actors 7 %, garbage collection 7 %, HTTP/2 5 %, HMAC 4 %, nats-core 3 %. Tried: commands framed by hand (kept), questions to NATS gathered by turn of the event loop (kept), jobs decoded by hand (kept), a larger young generation (V8 makes it 64 MB by itself), the event loop held for 4 ms at a time so that more arrives at once (an experiment of two pairs of turns that is not kept: better in one, worse in the other). With an engine that costs nothing the same code takes about half: see the bridge alone, with what was tried since. Next would be the Kafka client, the largest single library in it.',
  },
  {
    about: 'the bridge alone',
    when: 'missed',
    text: 'The profile ([flame graph](flames/alone.svg), drawn by `bench/flame` from `node bench/alone/main.ts --client http2 --profile DIR`) is flat: gateway 14 %, cluster 11 % and actors 9 %, kafkajs 12 % by itself and 26 % with all that it calls, garbage collection 12 %, HTTP/2 4 %, nats-core 3 %. Threads of V8 (garbage, compilation), which it does not show, take another 0.05 to 0.1 ms a call. Tried against the code before, round by round in one run; the ratio of CPU per call is the median of six or seven pairs, on a machine that others loaded too: batches to Kafka and fetches of replies that gather for 5 ms while there are several records in them (kept, with the next: 0.82; for 10 ms: 0.82), the MAC of ids by one-shot hashes (kept: from 4.6 % to 1.4 % of the profile), writes to NATS that gather for 2 ms (0.89, and 0.90 without: not kept), a larger young generation (0.91, and 0.89 without: not kept), a garbage collector without threads (0.99: not kept), fewer timers and lengths of timers (1.1 % of the profile: not kept). What kafkajs costs is for a good part that it zeroes 512 bytes for each header of a record: a copy of it that does not took 13 instead of 28 µs to encode a record of ours. Next would be that, in the library, and a producer and consumer of our own.',
  },
  {
    about: 'rolling restart of three nodes at 100 calls/s: over 2 s',
    when: 'missed',
    text: 'The longest took as long as a job’s first lock (20 s): they look like jobs that the engine had handed to a stream just when its node closed it, which nobody reads then. Two cores also carry three nodes that start, one after another, beside the load.',
  },
  {
    about: 'JetStream writes per call',
    when: 'met',
    text: 'Two writes a call are the hold and the tombstone; the rest is the record of what was sent, about seven a second, and the liveness record.',
  },
  {
    about: '1,000,000 pending on one node: memory in all, at the most',
    when: 'missed',
    text: 'At rest it is below; the rest is what calls leave behind before V8 looks through its old generation, which it does the later the more is in it. Taken out already: the map and the set of the timer wheel. Next would be a bound on how far that generation may grow (it costs CPU of calls), and a job in fewer objects.',
  },
  {
    about: '1,000,000 pending on one node: a page of the list over HTTP, slowest of ten kinds',
    when: 'missed',
    text: 'Pages that few jobs fit go through the bytes of all of them, a few hundred megabytes, and wait for memory; it is done in slices of 3 ms, so nothing else waits. Pages that most jobs fit look at no bytes. Next would be to keep what is searched beside each other instead of in each job’s bytes.',
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
