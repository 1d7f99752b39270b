// The secrets among the settings of the Camunda SDK, which knows them as variables only: here each may stand in a file too.
// All other settings of the engine's connection are the SDK's own business.
import type { ZeebeSettings } from '../zeebe/connection.ts';
import { type EnvReader, PASSWORD, type SecretText } from './secret.ts';

const NAMES = [
  'ZEEBE_CLIENT_SECRET',
  'CAMUNDA_BASIC_AUTH_PASSWORD',
  'CAMUNDA_OAUTH_TOKEN',
  'CAMUNDA_COOKIE_AUTH_PASSWORD',
] as const;

/** Only those that are set. */
export type EngineSecrets = Readonly<Partial<Record<(typeof NAMES)[number], SecretText>>>;

export function engineSecretsOf(env: EnvReader): EngineSecrets {
  const secrets = NAMES.map((name) => [name, env.secret(name, PASSWORD)] as const);
  return Object.fromEntries(secrets.filter(([, secret]) => secret !== undefined));
}

/** As they are now. @throws SecretUnreadable */
export function engineSettings(secrets: EngineSecrets): ZeebeSettings {
  return Object.fromEntries(Object.entries(secrets).map(([name, secret]) => [name, secret.read()]));
}
