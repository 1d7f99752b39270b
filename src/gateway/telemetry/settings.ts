// Traces are configured by the variables that every OpenTelemetry SDK reads. Those that decide something here are checked; the
// rest (timeout, certificates, service name, resource attributes, batching) the SDK reads by itself.
//
// Off unless somebody names an exporter or an endpoint: an SDK's default, a collector on this very machine, is for one
// application on a developer's desk.
import { oneOf, type Rule, text } from '../config/rules.ts';
import type { EnvReader, SecretText } from '../config/secret.ts';
import { headersGiven } from './headers.ts';

export const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;
export type SamplerName = (typeof SAMPLERS)[number];

export interface TraceSettings {
  readonly sampler: SamplerName;
  /** Of the samplers whose name says so, from 0 to 1. */
  readonly ratio: number;
  /** For the receiver. */
  readonly headers: readonly SecretText[];
}

const ENDPOINT = text(/^https?:\/\/[^\s@]+$/, 'the URL of an OTLP receiver, such as http://collector:4318');
const SWITCH = oneOf(['true', 'false']);
const RATIO: Rule<number> = {
  allowed: 'a number from 0 to 1',
  parse: (raw) => (typeof raw === 'string' && /^(0|1|0?\.\d+|1\.0+)$/.test(raw) ? Number(raw) : undefined),
};

type Read = <T>(name: string, rule: Rule<T>, otherwise: T | undefined) => T | undefined;

/** undefined: nobody wants traces. */
export function readTraces(read: Read, env: EnvReader): TraceSettings | undefined {
  const endpoints = ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'].map((name) =>
    read(name, ENDPOINT, ''),
  );
  const named = endpoints.some((endpoint) => endpoint !== '');
  const exporter = read('OTEL_TRACES_EXPORTER', oneOf(['otlp', 'none']), named ? 'otlp' : 'none');
  for (const name of ['OTEL_EXPORTER_OTLP_PROTOCOL', 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL']) {
    read(name, oneOf(['http/protobuf']), 'http/protobuf');
  }
  const sampler = read('OTEL_TRACES_SAMPLER', oneOf(SAMPLERS), 'parentbased_always_on') ?? 'parentbased_always_on';
  const ratio = read('OTEL_TRACES_SAMPLER_ARG', RATIO, 1) ?? 1;
  const headers = headersGiven(env);
  const disabled = read('OTEL_SDK_DISABLED', SWITCH, 'false') === 'true';
  return exporter === 'otlp' && !disabled ? { sampler, ratio, headers } : undefined;
}
