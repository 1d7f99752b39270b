// What the whole page lives on: cluster, flow and routes, asked for again and again, and who is asking.
//
// What was learnt stays until something newer comes, with the moment at which it came: a node that dies leaves its last picture on
// the page, marked as old. Asking goes on, slower, and when the same address answers again the page is as new by itself.
// The node's clock counts, not the reader's: moments come from it, so what has passed since is reckoned by it.
import type { ClusterView, WhoAmI } from '../../../operations/model/cluster.ts';
import type { FlowView, RoutesView } from '../../../operations/model/flow.ts';
import { type Answer, type Failure, read, setToken } from './api.ts';
import { nextDelayMs } from './pace.ts';

export interface Known<T> {
  readonly value: T;
  /** On the page's own monotonic clock. */
  readonly atMs: number;
}

export interface LiveState {
  readonly who: WhoAmI | undefined;
  readonly cluster: Known<ClusterView> | undefined;
  readonly flow: Known<FlowView> | undefined;
  readonly routes: Known<RoutesView> | undefined;
  /** Of the last round; undefined: all went well. */
  readonly failure: Failure | undefined;
  /** Page clock: since when it has been failing, and when it is tried again. */
  readonly failingSinceMs: number;
  readonly nextTryAtMs: number;
  readonly needsToken: boolean;
  /** The node at this address was replaced by another version while the page was open. */
  readonly otherVersion: boolean;
}

const FLOW_SECONDS = 120;

export class Live {
  #state: LiveState = {
    who: undefined,
    cluster: undefined,
    flow: undefined,
    routes: undefined,
    failure: undefined,
    failingSinceMs: 0,
    nextTryAtMs: 0,
    needsToken: false,
    otherVersion: false,
  };
  #failures = 0;
  #timer = 0;
  #asking = false;
  /** The node's wall clock minus the page's monotonic one. */
  #ahead: number | undefined;
  readonly #listeners = new Set<() => void>();

  get state(): LiveState {
    return this.#state;
  }

  start(): void {
    document.addEventListener('visibilitychange', () => !document.hidden && this.now());
    window.addEventListener('online', () => this.now());
    setInterval(() => !document.hidden && this.#tell(), 1_000);
    void this.#round();
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Ask at once. */
  now(): void {
    if (this.#asking) return;
    clearTimeout(this.#timer);
    void this.#round();
  }

  signIn(token: string): void {
    setToken(token);
    this.#failures = 0;
    this.#set({ needsToken: false, who: undefined, failure: undefined });
    this.now();
  }

  /** A call somewhere else on the page was refused for want of a token. */
  tokenRefused(): void {
    if (!this.#state.needsToken) this.#set({ needsToken: true });
  }

  /** Wall clock of the node, ms since the epoch. It stands while nothing new is heard: what is old does not grow older on the page. */
  wallMs(): number {
    const { failure, cluster } = this.#state;
    if (failure !== undefined && cluster !== undefined && this.#ahead !== undefined) return cluster.atMs + this.#ahead;
    return this.#ahead === undefined ? Date.now() : performance.now() + this.#ahead;
  }

  async #round(): Promise<void> {
    this.#asking = true;
    const startedMs = performance.now();
    const wasAway = this.#state.failure !== undefined || this.#state.who === undefined;
    const [who, cluster, flow, routes] = await Promise.all([
      wasAway ? read<WhoAmI>('whoami') : undefined,
      read<ClusterView>('cluster'),
      read<FlowView>(`flow?seconds=${FLOW_SECONDS}`),
      read<RoutesView>('routes'),
    ]);
    this.#asking = false;
    const nowMs = performance.now();
    if (cluster.ok) this.#ahead = cluster.value.atMs - (startedMs + nowMs) / 2;
    const failure = [who, cluster, flow, routes].map(failureIn).find((one) => one !== undefined);
    this.#failures = failure === undefined ? 0 : this.#failures + 1;
    const { state } = this;
    const delayMs = nextDelayMs({
      hidden: document.hidden,
      failures: this.#failures,
      tookMs: nowMs - startedMs,
      retryAfterMs: failure?.retryAfterMs ?? 0,
      random: Math.random(),
    });
    this.#set({
      ...(who?.ok && {
        who: who.value,
        otherVersion: state.who !== undefined && state.who.version !== who.value.version,
      }),
      ...(cluster.ok && { cluster: { value: cluster.value, atMs: nowMs } }),
      ...(flow.ok && { flow: { value: flow.value, atMs: nowMs } }),
      ...(routes.ok && { routes: { value: routes.value, atMs: nowMs } }),
      failure,
      failingSinceMs: failure === undefined ? 0 : state.failingSinceMs || startedMs,
      nextTryAtMs: nowMs + delayMs,
      needsToken: failure?.kind === 'token',
    });
    // Without a token there is nothing to ask for; with one it begins anew.
    if (failure?.kind !== 'token') this.#timer = window.setTimeout(() => void this.#round(), delayMs);
  }

  #set(change: Partial<LiveState>): void {
    this.#state = { ...this.#state, ...change };
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

function failureIn(answer: Answer<unknown> | undefined): Failure | undefined {
  return answer === undefined || answer.ok ? undefined : answer.failure;
}
