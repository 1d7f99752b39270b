// Real NATS, Kafka, engine and schema registry on this machine, for tests, demo and benchmarks. Each start makes servers of its own, on
// free ports of 127.0.0.1 with fresh data, and returns when they can be used; nothing of them outlives the caller.
export { MissingPrerequisite, ServerNotReady } from './errors.ts';
export { type KafkaListener, type KafkaOptions, type LocalKafka, startKafka } from './kafka.ts';
export { type LocalNats, type NatsOptions, startNats } from './nats.ts';
export type { LocalServer } from './process.ts';
export { type LocalRegistry, type RegistryOptions, startRegistry } from './registry.ts';
export { startTestEngine } from './test-engine.ts';
export { type LocalZeebe, startZeebe, type ZeebeOptions } from './zeebe.ts';
