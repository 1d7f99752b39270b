// How components come by what they show: the page's live state, one thing read from the API, and a list read page by page.
// What was read before is shown at once when a reader comes back, and stays while it is read again: no view blinks.
import { createContext } from 'preact';
import { useCallback, useContext, useEffect, useRef, useState } from 'preact/hooks';
import { type Answer, type Failure, read } from './api.ts';
import type { Live, LiveState } from './live.ts';

export const LiveContext = createContext<Live | undefined>(undefined);

export function useLive(): Live {
  const live = useContext(LiveContext);
  if (live === undefined) throw new Error('no LiveContext around this');
  return live;
}

/** Renders again whenever something is new, and at least once a second while somebody looks. */
export function useLiveState(): LiveState {
  const live = useLive();
  const [, again] = useState(0);
  useEffect(() => live.subscribe(() => again((n) => n + 1)), [live]);
  return live.state;
}

export interface Fetched<T> {
  readonly value: T | undefined;
  readonly failure: Failure | undefined;
  readonly loading: boolean;
  reload(): void;
}

/** By path, of this visit. */
const seen = new Map<string, unknown>();
const MOST_SEEN = 50;

function remember(path: string, value: unknown): void {
  seen.delete(path);
  seen.set(path, value);
  for (const oldest of seen.keys()) {
    if (seen.size <= MOST_SEEN) break;
    seen.delete(oldest);
  }
}

/** @param everyMs read again so often while somebody looks; 0: only when asked */
export function useFetched<T>(path: string | undefined, everyMs = 0): Fetched<T> {
  const live = useLive();
  const [answer, setAnswer] = useState<{ path: string; of: Answer<T> }>();
  const [loading, setLoading] = useState(false);
  const [turn, setTurn] = useState(0);
  const reload = useCallback(() => setTurn((n) => n + 1), []);
  useEffect(() => {
    if (path === undefined) return;
    let wanted = true;
    setLoading(true);
    void read<T>(path).then((of) => {
      if (!wanted) return;
      setLoading(false);
      if (of.ok) remember(path, of.value);
      else if (of.failure.kind === 'token') live.tokenRefused();
      setAnswer({ path, of });
    });
    return () => {
      wanted = false;
    };
  }, [path, turn, live]);
  useEffect(() => {
    if (everyMs === 0 || path === undefined) return;
    const timer = setInterval(() => !document.hidden && reload(), everyMs);
    return () => clearInterval(timer);
  }, [path, everyMs, reload]);
  useReloadOnReturn(reload);
  const of = answer !== undefined && answer.path === path ? answer.of : undefined;
  return {
    value: of?.ok ? of.value : path === undefined ? undefined : (seen.get(path) as T | undefined),
    failure: of === undefined || of.ok ? undefined : of.failure,
    loading,
    reload,
  };
}

/** Calls it when the node, having been away or having wanted a token, answers again. */
function useReloadOnReturn(reload: () => void): void {
  const { failure } = useLiveState();
  const failing = useRef(false);
  useEffect(() => {
    if (failing.current && failure === undefined) reload();
    failing.current = failure !== undefined;
  }, [failure, reload]);
}

export interface Pages<T> extends Omit<Fetched<T>, 'value'> {
  /** In their order. */
  readonly pages: readonly T[];
  /** undefined: there are no more. */
  readonly more: (() => void) | undefined;
}

/** @param path of the first page, without `after` */
export function usePages<T extends { readonly next: string | null }>(path: string): Pages<T> {
  const live = useLive();
  const first = useFetched<T>(path);
  const [further, setFurther] = useState<{ first: T | undefined; pages: readonly T[] }>({
    first: undefined,
    pages: [],
  });
  const [failure, setFailure] = useState<Failure>();
  const [loading, setLoading] = useState(false);
  // Pages belong to the first page that they were turned from.
  const pages =
    first.value === undefined ? [] : further.first === first.value ? [first.value, ...further.pages] : [first.value];
  const next = pages.at(-1)?.next ?? null;
  const more = async () => {
    setLoading(true);
    const answer = await read<T>(`${path}${path.includes('?') ? '&' : '?'}after=${encodeURIComponent(next ?? '')}`);
    setLoading(false);
    setFailure(answer.ok ? undefined : answer.failure);
    if (answer.ok) setFurther({ first: first.value, pages: [...pages.slice(1), answer.value] });
    else if (answer.failure.kind === 'token') live.tokenRefused();
  };
  return {
    pages,
    failure: first.failure ?? failure,
    loading: first.loading || loading,
    reload: first.reload,
    more: next === null || loading ? undefined : () => void more(),
  };
}
