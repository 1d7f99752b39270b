// Which environment variables a node knows: whatever is shipped may set these and no others, for a misspelt one is no error
// to anybody.
import { CamundaEnvironmentVariableDictionary } from '@camunda8/sdk/dist/lib/Configuration.js';
import { ConfigError, loadConfig } from '../../src/gateway/config.ts';

/** Named in what is shipped, and read by code that is on its way: each goes from here when it is read. */
const AWAITED = [
  'HOLDFAST_API',
  'HOLDFAST_API_TLS_CERT_FILE',
  'HOLDFAST_API_TLS_KEY_FILE',
  'HOLDFAST_API_TOKENS_FILE',
  'HOLDFAST_API_OIDC_ISSUER',
  'HOLDFAST_API_OIDC_AUDIENCE',
  'KAFKA_SECURITY_PROTOCOL',
  'KAFKA_SASL_MECHANISM',
  'KAFKA_SASL_USERNAME',
  'KAFKA_SASL_PASSWORD_FILE',
  'KAFKA_SSL_CA_FILE',
  'KAFKA_SSL_CERT_FILE',
  'KAFKA_SSL_KEY_FILE',
  'NATS_CREDS_FILE',
  'NATS_CA_FILE',
  'NATS_CERT_FILE',
  'NATS_KEY_FILE',
];

/** OpenTelemetry's, read by its own packages, and Node's. */
const OTHERS = [
  'OTEL_SERVICE_NAME',
  'OTEL_EXPORTER_OTLP_ENDPOINT',
  'OTEL_EXPORTER_OTLP_HEADERS',
  'NODE_ENV',
  'NODE_COMPILE_CACHE',
  'HOME',
];

const known: ReadonlySet<string> = new Set([
  ...asked(),
  ...CamundaEnvironmentVariableDictionary,
  ...AWAITED,
  ...OTHERS,
]);

/** Of these names, those that nobody reads. */
export function unknownVariables(names: Iterable<string>): string[] {
  return [...names].filter((name) => !known.has(name));
}

/** What the configuration looks for in the environment. */
function asked(): string[] {
  const names = new Set<string>(['HOLDFAST_CONFIG']);
  // Wrong for any of them, and there: some are only asked for where others are.
  const env = new Proxy({}, { get: (_, name) => names.add(String(name)) && '§' });
  try {
    loadConfig(env, () => 'cluster: orders', 'node');
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
  }
  return [...names];
}
