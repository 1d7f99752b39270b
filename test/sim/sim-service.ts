// An ordinary service: reads requests, answers on the topic that the request names, with the request's correlation id.
//
// It answers late, twice, never, with an error, with rubbish, or under an id that nobody made, at the rates of its faults; it
// says that it is at work, and thinks of something more to say when nobody asks any more. What it meant is recorded, so that
// the checker knows which records were replies to which job. After a forged or nameless answer it answers properly too: what
// is under test is that the bad record changes nothing.
import type { ManualClock } from '../support/manual-clock.ts';
import type { Faults } from './faults.ts';
import type { History } from './history.ts';
import { CORRELATION_HEADER, header, jobOf, REPLY_TOPIC_HEADER, type Written } from './kafka-log.ts';
import type { SeededRandom } from './random.ts';
import { type Answer, answerOf, drawError } from './service-answers.ts';
import type { KafkaServers } from './sim-kafka.ts';

const TRIES_AGAIN_AFTER_MS = 200;
const AFTERTHOUGHT_WITHIN_MS = 30_000;
const HEARTBEATS_MS = [300, 1_000, 2_500];
/** One that hangs is heard for so long at most. */
const HEARD_FOR_MS = 15_000;

export class SimService {
  readonly #kafka: KafkaServers;
  readonly #clock: ManualClock;
  readonly #random: SeededRandom;
  readonly #history: History;
  faults: Faults['service'];
  #served = 0;

  constructor(kafka: KafkaServers, requestTopic: string, random: SeededRandom, faults: Faults['service']) {
    this.#kafka = kafka;
    this.#clock = kafka.clock;
    this.#random = random;
    this.#history = kafka.history;
    this.faults = faults;
    kafka.log.createTopic(requestTopic, 3);
    kafka.log.onAppend.add((record) => {
      if (record.topic === requestTopic && record.value !== null) this.#serve(record);
    });
  }

  #serve(request: Written): void {
    const { faults } = this;
    const random = this.#random;
    const lateMs = random.chance(faults.late) ? random.float() * faults.lateMs : 0;
    const afterMs = random.between(faults.delayMs[0], faults.delayMs[1]) + lateMs;
    const [twice, never, forged, withoutId, malformed] = [
      random.chance(faults.twice),
      random.chance(faults.never),
      random.chance(faults.forged),
      random.chance(faults.withoutId),
      random.chance(faults.malformed),
    ];
    const [error, failure] = [random.chance(faults.error), random.chance(faults.failure)];
    if (random.chance(faults.afterthought)) {
      this.#answer(request, drawError(random), random.float() * AFTERTHOUGHT_WITHIN_MS);
    }
    if (random.chance(faults.heartbeats)) {
      this.#beat(request, random.pick(HEARTBEATS_MS), never ? HEARD_FOR_MS : afterMs * random.pick([0.5, 1, 1.5]));
    }
    if (never) return;
    if (forged) this.#answer(request, { meant: 'forged' }, afterMs * random.float());
    if (withoutId) this.#answer(request, { meant: 'withoutId' }, afterMs * random.float());
    if (malformed) this.#answer(request, { meant: random.pick(['malformed', 'garbage']) }, afterMs);
    else this.#answer(request, error || failure ? drawError(random, error ? 'error' : 'failure') : RESULT, afterMs);
    if (twice) this.#answer(request, RESULT, afterMs + random.float() * 5_000);
  }

  #beat(request: Written, everyMs: number, forMs: number): void {
    for (let atMs = everyMs; atMs < forMs; atMs += everyMs) this.#answer(request, { meant: 'heartbeat' }, atMs);
  }

  #answer(request: Written, answer: Answer, afterMs: number): void {
    this.#clock.setTimer(afterMs, () => {
      if (!this.#kafka.available) return this.#answer(request, answer, TRIES_AGAIN_AFTER_MS);
      const { meant } = answer;
      const correlationId = header(request, CORRELATION_HEADER);
      const id = meant === 'forged' ? forge(correlationId) : correlationId;
      const said = `reply ${++this.#served}`;
      const { value, headers } = answerOf(answer, said, Buffer.from(request.value ?? []).toString());
      const record = this.#kafka.log.append('', header(request, REPLY_TOPIC_HEADER), {
        // Services need not key their replies: then those of one job come in any order, by different readers.
        key: this.faults.unkeyed ? null : correlationId,
        value,
        headers: [...(meant === 'withoutId' ? [] : [{ name: CORRELATION_HEADER, value: id }]), ...headers],
      });
      const { partition, offset } = record;
      this.#history.add({
        kind: 'replied',
        ...jobOf(request),
        partition,
        offset: Number(offset),
        meant,
        said,
        retries: answer.retries,
      });
    });
  }
}

const RESULT: Answer = { meant: 'result' };

/** Of our form, but with another MAC; or a business key that nobody has. */
function forge(correlationId: string): string {
  return correlationId.slice(0, -1) + (correlationId.endsWith('a') ? 'b' : 'a');
}
