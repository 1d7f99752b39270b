// Which environment variables a node knows: whatever is shipped may set these and no others, for a misspelt one is no error
// to anybody.
import { CamundaEnvironmentVariableDictionary } from '@camunda8/sdk/dist/lib/Configuration.js';
import { ConfigError, loadConfig } from '../../src/gateway/config/config.ts';

/** OpenTelemetry's, read by its own packages, and Node's. */
const OTHERS = ['OTEL_SERVICE_NAME', 'OTEL_EXPORTER_OTLP_ENDPOINT', 'NODE_ENV', 'NODE_COMPILE_CACHE', 'HOME'];

const known: ReadonlySet<string> = new Set([...asked(), ...CamundaEnvironmentVariableDictionary, ...OTHERS]);

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
