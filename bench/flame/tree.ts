// A V8 CPU profile as a tree of frames with their shares: what was on the stack, for how long. Frames are named by package and
// file, never by where those lie on the machine.

export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  /** µs since the sample before. */
  readonly timeDeltas: readonly number[];
}

export interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
}

/** Whose code it is. */
export type Owner = 'ours' | 'library' | 'node' | 'engine';

export interface Frame {
  readonly name: string;
  /** `src/cluster/store.ts:41`, `kafkajs/src/network/connection.js:12`; '' for what has no file. */
  readonly place: string;
  readonly owner: Owner;
  /** ms on the stack, with all that it called. */
  totalMs: number;
  /** ms at the top of the stack. */
  selfMs: number;
  readonly children: Map<string, Frame>;
}

/** A thread that waits uses nothing: these are not part of the tree. */
const IDLE = ['(idle)', '(program)', '(root)'];

/** Frames of one function under one caller are one frame. @param fromS, toS seconds of the profile to keep */
export function treeOf(profile: CpuProfile, fromS = 0, toS = Number.POSITIVE_INFINITY): Frame {
  const self = selfMsOf(profile, fromS, toS);
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const root = frame('all', '', 'engine');
  const children = new Set(profile.nodes.flatMap(({ children }) => children ?? []));
  const add = (id: number, into: Frame): number => {
    const { callFrame, children = [] } = nodes.get(id) as ProfileNode;
    const idle = IDLE.includes(callFrame.functionName);
    const place = placeOf(callFrame);
    const name = callFrame.functionName || '(anonymous)';
    const key = `${name} ${place}`;
    const known = into.children.get(key) ?? frame(name, place, ownerOf(callFrame.url));
    const own = idle ? 0 : (self.get(id) ?? 0);
    const below = callFrame.functionName === '(root)' ? into : known;
    const total = children.reduce((sum, child) => sum + add(child, below), own);
    if (below === into) return total;
    if (total > 0) into.children.set(key, known);
    known.selfMs += own;
    known.totalMs += total;
    return total;
  };
  for (const { id } of profile.nodes) if (!children.has(id)) root.totalMs += add(id, root);
  return root;
}

/** Of the time, 0 to 1: nothing was there to do. */
export function idleShareOf(profile: CpuProfile, fromS = 0, toS = Number.POSITIVE_INFINITY): number {
  const self = selfMsOf(profile, fromS, toS);
  const isIdle = new Set(
    profile.nodes.filter(({ callFrame }) => callFrame.functionName === '(idle)').map(({ id }) => id),
  );
  let [idleMs, allMs] = [0, 0];
  for (const [id, ms] of self) {
    allMs += ms;
    if (isIdle.has(id)) idleMs += ms;
  }
  return allMs === 0 ? 0 : idleMs / allMs;
}

function selfMsOf({ samples, timeDeltas }: CpuProfile, fromS: number, toS: number): Map<number, number> {
  const self = new Map<number, number>();
  let nowMs = 0;
  for (const [index, id] of samples.entries()) {
    // What a sample found went on until the next one.
    const lastedMs = Math.max(0, timeDeltas[index + 1] ?? 0) / 1_000;
    nowMs += Math.max(0, timeDeltas[index] ?? 0) / 1_000;
    if (nowMs < fromS * 1_000 || nowMs >= toS * 1_000) continue;
    self.set(id, (self.get(id) ?? 0) + lastedMs);
  }
  return self;
}

function frame(name: string, place: string, owner: Owner): Frame {
  return { name, place, owner, totalMs: 0, selfMs: 0, children: new Map() };
}

function placeOf({ url, lineNumber }: ProfileNode['callFrame']): string {
  if (url === '') return '';
  const line = lineNumber + 1;
  if (url.startsWith('node:')) return `${url}:${line}`;
  const library = url.lastIndexOf('/node_modules/');
  if (library !== -1) return `${url.slice(library + '/node_modules/'.length)}:${line}`;
  const ours = /\/((?:src|bench|deploy|test)\/.*)$/.exec(url)?.[1];
  return `${ours ?? url.slice(url.lastIndexOf('/') + 1)}:${line}`;
}

function ownerOf(url: string): Owner {
  if (url === '') return 'engine';
  if (url.startsWith('node:')) return 'node';
  return url.includes('/node_modules/') ? 'library' : 'ours';
}

export interface Share {
  readonly name: string;
  /** Of the whole, 0 to 1. */
  readonly share: number;
}

/** Self time by file's package (`kafkajs`, `node:internal`, `src/cluster`, `(garbage collector)`), the largest first. */
export function sharesOf(root: Frame): Share[] {
  const byPart = new Map<string, number>();
  const add = ({ name, place, owner, selfMs, children }: Frame) => {
    const part = partOf(name, place, owner);
    byPart.set(part, (byPart.get(part) ?? 0) + selfMs);
    for (const child of children.values()) add(child);
  };
  for (const child of root.children.values()) add(child);
  return [...byPart].map(([name, ms]) => ({ name, share: ms / root.totalMs })).toSorted((a, b) => b.share - a.share);
}

function partOf(name: string, place: string, owner: Owner): string {
  if (owner === 'engine') return name === '(garbage collector)' ? name : 'built in and native';
  const parts = place.split('/');
  if (owner === 'node') return parts.slice(0, 2).join('/').replace(/:\d+$/, '');
  if (owner === 'library') return parts.slice(0, place.startsWith('@') ? 2 : 1).join('/');
  return parts.slice(0, 2).join('/');
}
