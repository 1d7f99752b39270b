// An ordinary service: reads requests, answers on the topic that the request names, with the request's correlation id.
//
// It answers late, twice, never, with rubbish, or under an id that nobody made, at the rates of its faults. What it meant is
// recorded, so that the checker knows which records were replies to which job. After a forged or nameless answer it
// answers properly too: what is under test is that the bad record changes nothing.
import type { ManualClock } from '../support/manual-clock.ts';
import type { Faults } from './faults.ts';
import type { History, ReplyKind } from './history.ts';
import { CORRELATION_HEADER, header, named, REPLY_TOPIC_HEADER, type Written } from './kafka-log.ts';
import type { SeededRandom } from './random.ts';
import type { KafkaServers } from './sim-kafka.ts';

const TRIES_AGAIN_AFTER_MS = 200;

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
    if (never) return;
    if (forged) this.#answer(request, 'forged', afterMs * random.float());
    if (withoutId) this.#answer(request, 'withoutId', afterMs * random.float());
    this.#answer(request, malformed ? 'malformed' : 'result', afterMs);
    if (twice) this.#answer(request, 'result', afterMs + random.float() * 5_000);
  }

  #answer(request: Written, meant: ReplyKind, afterMs: number): void {
    this.#clock.setTimer(afterMs, () => {
      if (!this.#kafka.available) return this.#answer(request, meant, TRIES_AGAIN_AFTER_MS);
      const correlationId = header(request, CORRELATION_HEADER);
      const id = meant === 'forged' ? forge(correlationId) : correlationId;
      const body = `{"served":${++this.#served},"request":${Buffer.from(request.value ?? []).toString()}}`;
      const record = this.#kafka.log.append('', header(request, REPLY_TOPIC_HEADER), {
        key: correlationId,
        value: meant === 'malformed' ? `served ${this.#served}` : body,
        headers: meant === 'withoutId' ? [] : [{ name: CORRELATION_HEADER, value: id }],
      });
      const { jobKey } = named(correlationId);
      this.#history.add({ kind: 'replied', jobKey, partition: record.partition, offset: Number(record.offset), meant });
    });
  }
}

/** Of our form, but with another MAC. */
function forge(correlationId: string): string {
  return correlationId.slice(0, -1) + (correlationId.endsWith('a') ? 'b' : 'a');
}
