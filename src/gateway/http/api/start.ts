// The API of a node, as it is configured: certificate and authentication from their files, then the listener.
import type { Config } from '../../config/config.ts';
import type { Log } from '../../log.ts';
import { productVersion } from '../../product.ts';
import type { Assets } from './assets.ts';
import { authenticationFrom } from './authentication.ts';
import { createApiServer } from './server.ts';
import type { ServingOptions } from './serving.ts';
import { certificateFrom } from './tls.ts';

/**
 * Listens until the function that it answers is called.
 * @throws ConfigError, or Error when a file cannot be read or the address is taken
 */
export async function startApi(
  { api, cluster, node }: Pick<Config, 'api' | 'cluster' | 'node'>,
  { operations, waitingFor }: Required<Pick<ServingOptions, 'operations' | 'waitingFor'>>,
  assets: () => Assets,
  log: Log,
): Promise<() => Promise<void>> {
  if (api === undefined) return async () => undefined;
  const { address, tls, payloads } = api;
  // Made when it is first asked for: a node that is started again has better things to do.
  let page: Assets | undefined;
  const served: Assets = {
    get: (path) => {
      page ??= assets();
      return page.get(path);
    },
  };
  const server = createApiServer({
    ...{ address, payloads, operations, waitingFor, assets: served, log },
    tls: tls && certificateFrom(tls.certFile, tls.keyFile, log),
    authentication: authenticationFrom(api, log),
    identity: { cluster, node, version: productVersion() },
  });
  const url = await server.listen().catch(async (error: unknown) => {
    await server.close();
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(
      `HOLDFAST_API: cannot listen on ${address.host}:${address.port}: ${why}; give this node another address, or off`,
    );
  });
  const isOpen = api.tokensFile === undefined && api.oidc === undefined;
  log.info('the API is up', { url, mayAsk: isOpen ? 'everybody on this machine, as admin' : 'who has a token' });
  return () => server.close();
}
