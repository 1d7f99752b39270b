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
    text: 'At full load engine, bridge, Kafka and load share the cores of one machine: what a bridge uses, the engine lacks. Every contestant is started anew for its turn, so a short warm-up is paid by whoever has the most code to compile; a run without `--quick` warms longer.',
  },
  {
    about: 'bridge CPU per call at full load',
    when: 'missed',
    text: 'A node is a few seconds old when it is measured, and its code is still being compiled. Warm, with an engine that costs nothing (`node bench/alone/main.ts --profile DIR`), its profile is flat: garbage collection 11 %, kafkajs 10 %, writes to sockets 6 %, the HMAC of correlation ids 4 %, nats-core, HTTP/2 and the pending job itself 3 % each.',
  },
  {
    about: 'the bridge alone',
    when: 'missed',
    text: 'In pairs of rounds commands framed by hand took between nothing and a quarter less of the bridge’s CPU than grpc-js; no single part of what is left is above 11 % (garbage collection). Next would be activations without protobufjs, and fewer buffers in the Kafka encoder.',
  },
  {
    about: 'JetStream writes per call',
    when: 'met',
    text: 'Two writes a call are the hold and the tombstone; the rest is the record of what was sent, about seven a second, and the liveness record.',
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
