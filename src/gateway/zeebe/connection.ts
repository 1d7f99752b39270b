// Where the gateway is and how one is let in, as the SDK's own configuration says: ZEEBE_GRPC_ADDRESS,
// CAMUNDA_AUTH_STRATEGY, ZEEBE_CLIENT_ID, CAMUNDA_OAUTH_URL, CAMUNDA_CUSTOM_ROOT_CERT_PATH and so on mean here what
// they mean to the SDK, because its code reads them and its providers make the headers. Only those of its files are
// loaded that are needed: without authentication that is the configuration alone, for the whole SDK takes a third of a
// second and 50 MB.
import { isDeepStrictEqual } from 'node:util';
import type {
  Camunda8ClientConfiguration,
  CamundaPlatform8Configuration,
} from '@camunda8/sdk/dist/lib/Configuration.js';
import { type ChannelCredentials, type ChannelOptions, credentials } from '@grpc/grpc-js';
import { type Log, SILENT } from '../log.ts';
import { GatewayCertificates, type TlsSettings } from './certificates.ts';
import { askingOnce, forgetLogin } from './login.ts';

/** The SDK's settings; what is given here wins over the environment. */
export type ZeebeSettings = Camunda8ClientConfiguration;

export interface ZeebeConnection {
  /** `host:port`. */
  readonly address: string;
  /** undefined: plain text. */
  readonly tls: GatewayCertificates | undefined;
  /** The headers of one call; rejects when a token cannot be had. Undefined: no authentication. */
  readonly headers: (() => Promise<Readonly<Record<string, string>>>) | undefined;
  /**
   * The gateway does not take what `headers` gave, though it may not have expired: the next call asks for a new one, and goes with
   * the old one where none is given, for other gateways may take that. Answers whether anybody can be asked.
   */
  loginRefused(): boolean;
  /** The one that was refused, until another one is given. */
  oldLogin(): Readonly<Record<string, string>> | undefined;
}

/** Of what goes by grpc-js; a lost connection is sought again within a second. */
export const CHANNEL_OPTIONS: ChannelOptions = {
  'grpc.initial_reconnect_backoff_ms': 200,
  'grpc.max_reconnect_backoff_ms': 1_000,
  // The gateway ends connections that ask more often than every 30 s.
  'grpc.keepalive_time_ms': 35_000,
  'grpc.keepalive_timeout_ms': 10_000,
  // An activation of many jobs may come close to the engine's own limit of 4 MB, and some raise that.
  'grpc.max_receive_message_length': 32 * 1024 * 1024,
  // Two clients in one process are two connections.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.service_config_disable_resolution': 1,
};

/**
 * @param settings asked again before each call: a secret that has changed makes the provider of headers anew, as do certificates
 * @param lookEveryMs at files of certificates, for changes
 * @throws with the setting's name when the configuration is incomplete
 */
export async function configureConnection(
  settings: () => ZeebeSettings,
  log: Log = SILENT,
  lookEveryMs?: number,
): Promise<ZeebeConnection> {
  const { CamundaEnvironmentConfigurator } = await import('@camunda8/sdk/dist/lib/Configuration.js');
  const config = CamundaEnvironmentConfigurator.mergeConfigWithEnvironment(settings());
  const { address, secure } = gatewayAddress(config);
  const tls = secure ? await GatewayCertificates.read(config, log, lookEveryMs) : undefined;
  return { address, tls, ...(await authentication(config, settings, () => tls?.candidate, log)) };
}

/** The scheme of the address decides about TLS; without one, the older settings do, and their default is TLS. */
function gatewayAddress(config: CamundaPlatform8Configuration): { address: string; secure: boolean } {
  const [scheme, hostPort] = config.ZEEBE_GRPC_ADDRESS?.split('://') ?? [];
  if (hostPort !== undefined) return { address: hostPort, secure: scheme === 'grpcs' };
  return {
    address: config.ZEEBE_ADDRESS ?? config.ZEEBE_GRPC_ADDRESS ?? 'localhost:26500',
    secure: config.CAMUNDA_SECURE_CONNECTION ?? !config.zeebeGrpcSettings.ZEEBE_INSECURE_CONNECTION,
  };
}

/** As the files of the certificates are now. */
export function channelCredentials({ tls }: ZeebeConnection): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  const { ca = null, key = null, cert = null } = tls.current;
  return credentials.createSsl(ca, key, cert);
}

async function authentication(
  config: CamundaPlatform8Configuration,
  settings: () => ZeebeSettings,
  certificates: () => TlsSettings | undefined,
  log: Log,
): Promise<Pick<ZeebeConnection, 'headers' | 'loginRefused' | 'oldLogin'>> {
  // Without a strategy the SDK chooses OAuth by itself when there is an OAuth URL.
  const none = config.CAMUNDA_AUTH_STRATEGY === 'NONE' && config.CAMUNDA_OAUTH_URL === undefined;
  if (none || config.CAMUNDA_OAUTH_DISABLED)
    return { headers: undefined, loginRefused: () => false, oldLogin: () => undefined };
  const { CamundaEnvironmentConfigurator } = await import('@camunda8/sdk/dist/lib/Configuration.js');
  const { constructOAuthProvider } = await import('@camunda8/sdk/dist/lib/ConstructOAuthProvider.js');
  const make = (given: ZeebeSettings) => {
    const merged = CamundaEnvironmentConfigurator.mergeConfigWithEnvironment(given);
    const explicitFromConstructor = given.CAMUNDA_AUTH_STRATEGY !== undefined;
    // A provider reads the certificates that it goes to the identity provider with when it is made.
    return {
      given,
      tls: certificates(),
      provider: askingOnce(constructOAuthProvider(merged, { explicitFromConstructor })),
    };
  };
  let current = make(settings());
  let last: Readonly<Record<string, string>> | undefined;
  let old: typeof last;
  const loginRefused = () => {
    const forgotten = forgetLogin(current.provider);
    if (forgotten) old = last;
    return forgotten;
  };
  const headers = async () => {
    const given = settings();
    if (!isDeepStrictEqual(given, current.given) || current.tls !== certificates()) {
      try {
        current = make(given);
        old = undefined;
      } catch (error) {
        // A file may be missing for a moment: the one before goes on, and the next call tries again.
        log.warn('Zeebe: the identity provider cannot be asked with the new settings yet', { reason: String(error) });
      }
    }
    const found = Object.entries(await current.provider.getHeaders('ZEEBE'));
    last = Object.fromEntries(found.filter(([, value]) => value !== ''));
    old = undefined;
    return last;
  };
  return { headers, loginRefused, oldLogin: () => old };
}
