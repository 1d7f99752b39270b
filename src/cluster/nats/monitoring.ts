// What only the monitoring port of a NATS server tells: when it flushes what it acknowledges, and how full its store is.
// Each server answers for itself alone, so every one has to be asked; and it says which one it is, for several addresses may
// lead to the same: a name and its address, or a name that stands for all of them.

const DEADLINE_MS = 2_000;

export interface FlushSetting {
  /** Every write is on disk before it is acknowledged. */
  readonly always: boolean;
  /** How long an acknowledged write may be only in the operating system's memory, ms. */
  readonly intervalMs: number;
}

export interface StoreUse {
  readonly usedBytes: number;
  /** By streams that have a limit of their own. */
  readonly reservedBytes: number;
  readonly mostBytes: number;
}

export interface MonitoredServer {
  /** Host and port of its monitoring. */
  readonly at: string;
  readonly id: string;
  /** Servers with JetStream that it knows, itself among them; 0: it is not in a cluster. */
  readonly peers: number;
  /** undefined: it has no JetStream. */
  readonly flush: FlushSetting | undefined;
  /** JetStream's files on it, over all its accounts; undefined: they have no limit. */
  readonly store: StoreUse | undefined;
}

export interface Monitoring {
  /** Each once. */
  readonly servers: readonly MonitoredServer[];
  /** Host and port where nothing answers, or no NATS server. */
  readonly silent: readonly string[];
}

/** Asks all of them at once. @param urls such as `http://nats-1:8222` */
export async function readMonitoring(urls: readonly string[]): Promise<Monitoring> {
  const answers = await Promise.all(urls.map(async (url) => ({ url, server: await readMonitor(url) })));
  const byId = new Map<string, MonitoredServer>();
  for (const { server } of answers) if (server !== undefined && !byId.has(server.id)) byId.set(server.id, server);
  const silent = answers.filter(({ server }) => server === undefined).map(({ url }) => new URL(url).host);
  return { servers: [...byId.values()], silent };
}

/** undefined: it does not answer in time, or not as a NATS server does. */
export async function readMonitor(url: string): Promise<MonitoredServer | undefined> {
  const jsz = await readJsz(url);
  if (jsz?.server_id === undefined) return undefined;
  const { config = {}, storage = 0, reserved_storage: reservedBytes = 0, meta_cluster: meta } = jsz;
  const { sync_interval: intervalNs, sync_always: always = false, max_storage: mostBytes = 0 } = config;
  const hasJetStream = intervalNs !== undefined || always;
  return {
    at: new URL(url).host,
    id: jsz.server_id,
    peers: meta?.cluster_size ?? 0,
    flush: hasJetStream ? { always, intervalMs: (intervalNs ?? 0) / 1e6 } : undefined,
    store: mostBytes > 0 ? { usedBytes: storage, reservedBytes, mostBytes } : undefined,
  };
}

/**
 * How many servers the cluster has. A client is told of those that advertise themselves, by each of their addresses, or only of
 * its own (`no_advertise`). The servers count each other, in a super-cluster those of its other clusters too.
 */
export function serversIn(advertised: number, { servers }: Monitoring): number {
  const peers = Math.max(0, ...servers.map((server) => server.peers));
  if (peers === 0) return advertised;
  return advertised === 1 ? peers : Math.min(advertised, peers);
}

interface Jsz {
  readonly server_id?: string;
  readonly storage?: number;
  readonly reserved_storage?: number;
  readonly config?: {
    readonly sync_interval?: number;
    readonly sync_always?: boolean;
    readonly max_storage?: number;
  };
  readonly meta_cluster?: { readonly cluster_size?: number };
}

async function readJsz(url: string): Promise<Jsz | undefined> {
  try {
    const response = await fetch(new URL('/jsz', url), { signal: AbortSignal.timeout(DEADLINE_MS) });
    return (await response.json()) as Jsz;
  } catch {
    return undefined;
  }
}
