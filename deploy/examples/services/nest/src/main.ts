// Charges cards: a NestJS microservice over Kafka. Nest itself takes the correlation id over and answers on the topic that
// the request names; nothing here knows of a process engine.
//
// A handler that returns an Observable answers once for each of its values: heartbeats first, the result last. Nest commits
// a request's offset after its first answer, so work that a crash interrupts behind a heartbeat is asked for again only by
// the one who asked: give such calls a heartbeat timeout.
import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  Ctx,
  type KafkaContext,
  MessagePattern,
  type MicroserviceOptions,
  Payload,
  RpcException,
  Transport,
} from '@nestjs/microservices';
import { map, type Observable, take, timer } from 'rxjs';

const { KAFKA_BOOTSTRAP_SERVERS = '', REQUESTS = 'payments.requests', GROUP = 'payments' } = process.env;
const HEARTBEAT_MS = 3_000;

interface Order {
  readonly card: string;
  readonly amount: number;
}

@Controller()
class Cards {
  @MessagePattern(REQUESTS)
  charge(@Payload() order: Order | null, @Ctx() context: KafkaContext) {
    if (order === null) return; // a cancel record: nobody waits any more, and it names no topic to answer on
    const { card, amount } = order;
    // The same however often the call is asked for, as a payment provider's idempotency key would be.
    const paid = { paid: amount, receipt: `receipt-${context.getMessage().headers?.['job-id']}` };
    if (card === 'declined') return declined({ limit: amount / 2 });
    if (card === 'down') throw new RpcException('the bank is down');
    if (card === 'slow') return slowly(paid);
    return paid;
  }
}

/** Nest takes an object with a member `value` for a whole Kafka record: that is how headers are added. */
function declined(value: object) {
  const headers = { 'reply-status': 'error', 'error-code': 'CARD_DECLINED', 'error-message': 'over the limit' };
  return { value, headers };
}

function slowly(paid: object): Observable<object> {
  const heartbeat = (percent: number) => ({ value: { percent }, headers: { 'reply-status': 'heartbeat' } });
  return timer(0, HEARTBEAT_MS).pipe(
    take(5),
    map((beat) => (beat < 4 ? heartbeat(beat * 25) : paid)),
  );
}

@Module({ controllers: [Cards] })
class App {}

const app = await NestFactory.createMicroservice<MicroserviceOptions>(App, {
  transport: Transport.KAFKA,
  options: {
    client: { brokers: KAFKA_BOOTSTRAP_SERVERS.split(',') },
    consumer: { groupId: GROUP },
    subscribe: { fromBeginning: true },
    postfixId: '',
  },
});
app.enableShutdownHooks();
await app.listen();
