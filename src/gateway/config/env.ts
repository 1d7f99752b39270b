// The settings that come from the environment: where the servers are, who this node is, where it listens. Names are
// those that users of these servers have already; the engine's (ZEEBE_GRPC_ADDRESS, CAMUNDA_AUTH_STRATEGY, …) are read by
// its SDK. Other variables starting with HOLDFAST_ are no fault: Kubernetes invents them for a service of that name.
import type { NodeName } from '../../actors/ids.ts';
import { LOG_LEVELS, type LogLevel } from '../log.ts';
import { REGISTRY_URLS, REGISTRY_USER_INFO } from '../schema/settings.ts';
import { readTraces, type TraceSettings } from '../telemetry/settings.ts';
import { DEFAULT_TRANSPORT, UNARY_TRANSPORTS, type UnaryTransport } from '../zeebe/gateway-calls.ts';
import { type ApiSettings, apiOf } from './api.ts';
import { type Fault, show, showSecret } from './faults.ts';
import { type KafkaSecurity, kafkaSecurityOf } from './kafka.ts';
import { type NatsAccess, natsAccessOf } from './nats.ts';
import { type HttpAddress, httpAddress, oneOf, type Rule, text } from './rules.ts';
import { type Env, EnvReader, type SecretText } from './secret.ts';
import { type EngineSecrets, engineSecretsOf } from './zeebe.ts';

export interface EnvSettings {
  readonly node: NodeName;
  readonly natsUrls: readonly string[];
  /** Where the NATS servers show their settings; only `check` and `doctor` look. Empty: port 8222 of each. */
  readonly natsMonitorUrls: readonly string[];
  readonly natsAccess: NatsAccess;
  readonly kafkaBrokers: readonly string[];
  readonly kafkaSecurity: KafkaSecurity;
  readonly http: HttpAddress;
  /** undefined: this node has no API. */
  readonly api: ApiSettings | undefined;
  readonly logLevel: LogLevel;
  /** How commands travel to the engine. */
  readonly engineTransport: UnaryTransport;
  readonly engineSecrets: EngineSecrets;
  /** undefined: nobody wants traces. */
  readonly traces: TraceSettings | undefined;
  /** Servers of one schema registry; undefined: none is used. */
  readonly registry: { readonly urls: readonly string[]; readonly userInfo: SecretText | undefined } | undefined;
}

const NODE = text(/^[A-Za-z0-9_-]{1,64}$/, '1 to 64 letters, digits, "_" and "-"');
const MAX_SERVERS = 64;

const NATS_SERVERS: Rule<readonly string[]> = servers(
  /^((nats|tls):\/\/([^@/\s]+@)?)?(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:(?<port>\d{1,5}))?$/,
  'NATS servers separated by commas, such as nats://nats-1:4222,nats://nats-2:4222',
);
const KAFKA_SERVERS: Rule<readonly string[]> = servers(
  /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(?<port>\d{1,5})$/,
  'Kafka brokers as host:port, separated by commas, such as kafka-1:9092,kafka-2:9092',
);
const MONITOR_URLS: Rule<readonly string[]> = list(
  'URLs of the monitoring ports of the NATS servers, separated by commas, such as http://nats-1:8222,http://nats-2:8222',
  (url) => /^https?:\/\/[^\s@/?#]+\/?$/.test(url) && URL.canParse(url),
);

/** Reads all of them; faults go into `faults`, and the result is only good when there is none. */
export function readEnv(env: Env, hostName: string, faults: Fault[], readFile: (path: string) => string): EnvSettings {
  const reader = () => new EnvReader({ env, readFile }, faults);
  const read = <T>(name: string, rule: Rule<T>, otherwise: T | undefined): T | undefined => {
    const raw = env[name]?.trim() || undefined;
    if (raw === undefined && otherwise !== undefined) return otherwise;
    const value = raw === undefined ? undefined : rule.parse(raw);
    if (value === undefined)
      faults.push({ setting: name, found: rule.secret ? showSecret(raw) : show(raw), allowed: rule.allowed });
    return value;
  };
  const node = read('HOLDFAST_NODE', NODE, nodeNameOf(hostName)) ?? '';
  const natsUrls = read('NATS_URL', NATS_SERVERS, undefined) ?? [];
  return {
    node: node as NodeName,
    natsUrls,
    natsAccess: natsAccessOf(reader(), natsUrls),
    natsMonitorUrls:
      env.NATS_MONITOR_URL === undefined ? [] : (read('NATS_MONITOR_URL', MONITOR_URLS, undefined) ?? []),
    kafkaBrokers: read('KAFKA_BOOTSTRAP_SERVERS', KAFKA_SERVERS, undefined) ?? [],
    kafkaSecurity: kafkaSecurityOf(reader()),
    registry: registryOf(env, read, reader()),
    http: read('HOLDFAST_HTTP', httpAddress(8090), { host: '127.0.0.1', port: 8090 }) ?? { host: '', port: 0 },
    api: apiOf(env, faults, readFile),
    engineTransport: read('HOLDFAST_ENGINE_TRANSPORT', oneOf(UNARY_TRANSPORTS), DEFAULT_TRANSPORT) ?? DEFAULT_TRANSPORT,
    engineSecrets: engineSecretsOf(reader()),
    traces: readTraces(read, reader()),
    logLevel: read('LOG_LEVEL', oneOf(LOG_LEVELS), 'info') ?? 'info',
  };
}

function registryOf(
  env: Env,
  read: <T>(name: string, rule: Rule<T>, otherwise: T | undefined) => T | undefined,
  reader: EnvReader,
): EnvSettings['registry'] {
  if ((env.SCHEMA_REGISTRY_URL?.trim() ?? '') === '') return undefined;
  const urls = read('SCHEMA_REGISTRY_URL', REGISTRY_URLS, undefined) ?? [];
  return { urls, userInfo: reader.secret('SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO', REGISTRY_USER_INFO) };
}

/** A host name as a node name: `bridge-1.example.org` becomes `bridge-1-example-org`. */
export function nodeNameOf(hostName: string): string {
  return hostName.replaceAll(/[^A-Za-z0-9_-]/g, '-').slice(0, 64) || 'node';
}

function servers(pattern: RegExp, allowed: string): Rule<readonly string[]> {
  return list(allowed, (server) => {
    const match = pattern.exec(server);
    const port = Number(match?.groups?.port ?? 1);
    return match !== null && port >= 1 && port <= 65_535;
  });
}

function list(allowed: string, good: (server: string) => boolean): Rule<readonly string[]> {
  return {
    allowed,
    parse(raw) {
      const found = typeof raw === 'string' ? raw.split(',').map((server) => server.trim()) : [];
      return found.length >= 1 && found.length <= MAX_SERVERS && found.every(good) ? found : undefined;
    },
  };
}
