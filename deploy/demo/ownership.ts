// Who serves what, as told from outside and inside: the claims in the bucket (a survivor's name must stand there) and the
// nodes' own logs (a claim alone is not service: the owner must have loaded the shard's jobs). Reply partitions are served
// from the moment a node has been given them and has found its positions in them. Pure: fed with entries and log lines.
import type { ShardId } from '../../src/actors/ids.ts';

interface NodeView {
  /** Owned shards, and since when, wall clock ms. */
  readonly shards: Map<ShardId, number>;
  partitions: ReadonlySet<number>;
  partitionsSinceMs: number;
}

export interface Holdings {
  readonly shards: readonly ShardId[];
  readonly partitions: readonly number[];
}

export class Ownership {
  readonly #claims = new Map<ShardId, string>();
  readonly #nodes = new Map<string, NodeView>();

  claimed(shard: ShardId, node: string): void {
    this.#claims.set(shard, node);
  }

  /** A line of a node's log. */
  logged(node: string, line: Readonly<Record<string, unknown>>): void {
    const view = this.#view(node);
    const atMs = Date.parse(String(line.time));
    const message = String(line.message);
    if (message.startsWith('lost:')) view.shards.clear();
    else if (message.startsWith('shard ') && typeof line.from === 'string') {
      if (message === 'shard owned') view.shards.set(line.shard as ShardId, atMs);
      else view.shards.delete(line.shard as ShardId);
    } else if (message === 'replies: assigned' || message === 'replies: unassigned') {
      view.partitions = new Set(message === 'replies: assigned' ? (line.partitions as number[]) : []);
      view.partitionsSinceMs = atMs;
    }
  }

  /** What the node serves at this moment. */
  of(node: string): Holdings {
    const { shards, partitions } = this.#view(node);
    return {
      shards: [...shards.keys()].filter((shard) => this.#claims.get(shard) === node),
      partitions: [...partitions],
    };
  }

  ownerOf(shard: ShardId): string | undefined {
    const node = this.#claims.get(shard);
    return node !== undefined && this.#view(node).shards.has(shard) ? node : undefined;
  }

  /** The time from which on all of it is served by one of `nodes`; undefined: not all of it is. */
  servedSince({ shards, partitions }: Holdings, nodes: readonly string[]): number | undefined {
    const times: number[] = [];
    for (const shard of shards) {
      const owner = this.ownerOf(shard);
      if (owner === undefined || !nodes.includes(owner)) return undefined;
      times.push(this.#view(owner).shards.get(shard) ?? 0);
    }
    for (const partition of partitions) {
      const reader = nodes.find((node) => this.#view(node).partitions.has(partition));
      if (reader === undefined) return undefined;
      times.push(this.#view(reader).partitionsSinceMs);
    }
    return Math.max(...times);
  }

  #view(node: string): NodeView {
    let view = this.#nodes.get(node);
    if (view === undefined) {
      view = { shards: new Map(), partitions: new Set(), partitionsSinceMs: 0 };
      this.#nodes.set(node, view);
    }
    return view;
  }
}
