// A card service in NestJS. `keepBinary` leaves parsing to the listener: by itself Nest parses JSON into doubles, and an
// integer beyond 2^53 arrives rounded.
import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern, type MicroserviceOptions, RpcException, Transport } from '@nestjs/microservices';
import { exact } from './exact.js';

const { KAFKA_BOOTSTRAP_SERVERS = '', GROUP = '', REQUESTS = '' } = process.env;

@Controller()
class Cards {
  // listener
  @MessagePattern(REQUESTS)
  charge(body: Buffer) {
    const { card, amount, note } = JSON.parse(body.toString(), exact);
    if (card === 'ok') return { paid: amount, note };
    if (card === 'declined') {
      const error = { 'reply-status': 'error', 'error-code': 'CARD_DECLINED', 'error-message': 'over the limit' };
      return { value: { limit: amount }, headers: error };
    }
    if (card === 'down') throw new RpcException('the bank is down');
    return new Promise(() => {});
  }
  // end of listener
}

@Module({ controllers: [Cards] })
class App {}

const app = await NestFactory.createMicroservice<MicroserviceOptions>(App, {
  transport: Transport.KAFKA,
  options: {
    client: { brokers: [KAFKA_BOOTSTRAP_SERVERS] },
    consumer: { groupId: GROUP },
    subscribe: { fromBeginning: true },
    postfixId: '',
    parser: { keepBinary: true },
  },
});
await app.listen();
