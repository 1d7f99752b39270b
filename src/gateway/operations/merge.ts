// What several nodes said, as one answer. Pure.
import { byPlace } from '../../cluster/inventory.ts';
import type { Config } from '../config/config.ts';
import type { Counts } from './flow.ts';
import type { Movement } from './model/cluster.ts';
import { FLOW_STEPS, type RouteView } from './model/flow.ts';
import type { JobSummary } from './model/jobs.ts';
import type { JobsAnswer, LaneAnswer, NodeAnswer } from './node-questions.ts';

export interface Said<Answer> {
  readonly node: string;
  readonly answer: Answer;
}

const MOST_MOVEMENTS = 200;

/** Of all nodes, newest first. */
export function mergeMovements(said: readonly Said<Pick<NodeAnswer, 'movements'>>[]): Movement[] {
  const all = said.flatMap(({ node, answer }) => answer.movements.map((movement) => ({ ...movement, to: node })));
  return all.sort((a, b) => b.atMs - a.atMs || a.shard - b.shard).slice(0, MOST_MOVEMENTS);
}

/** All count the same seconds. */
export function mergeCounts(said: readonly Counts[], seconds: number): Record<keyof Counts, number[]> {
  const sum = (step: keyof Counts) =>
    Array.from({ length: seconds }, (_, second) =>
      said.reduce((total, counts) => total + (counts[step]?.[second] ?? 0), 0),
    );
  return Object.fromEntries(FLOW_STEPS.map((step) => [step, sum(step)])) as Record<keyof Counts, number[]>;
}

/**
 * The first `limit` of all; `more`: there are further ones behind the last. A node that says so of itself may have any number of
 * them right behind its last one, so nothing that comes after that is shown yet.
 */
export function mergeJobs(
  said: readonly JobsAnswer[],
  limit: number,
): { readonly jobs: JobSummary[]; readonly more: boolean } {
  const ends = said.filter(({ more }) => more).flatMap(({ jobs }) => jobs.at(-1) ?? []);
  const end = ends.sort(byPlace)[0];
  const all = said.flatMap(({ jobs }) => jobs).sort(byPlace);
  // While a shard moves, two nodes may have the same job.
  const once = [...new Map(all.toReversed().map((job) => [job.jobKey, job])).values()].reverse();
  const certain = end === undefined ? once : once.filter((job) => byPlace(job, end) <= 0);
  const jobs = certain.slice(0, limit);
  return { jobs, more: end !== undefined || once.length > jobs.length };
}

/** Every lane that is configured, and every other that has something to show; by name. */
export function mergeRoutes(
  said: readonly (readonly LaneAnswer[])[],
  calls: Pick<Config, 'routes' | 'template'>,
): RouteView[] {
  const lanes = Map.groupBy(said.flat(), ({ lane }) => lane);
  const names = new Set([...calls.routes.map(({ jobType }) => jobType), ...lanes.keys()]);
  return [...names]
    .map((lane) => routeView(lane, lanes.get(lane) ?? [], calls))
    .filter(({ kind, pending, unsent }) => kind !== 'removed' || pending > 0 || unsent > 0)
    .sort((a, b) => (a.lane < b.lane ? -1 : 1));
}

function routeView(lane: string, said: readonly LaneAnswer[], calls: Pick<Config, 'routes' | 'template'>): RouteView {
  const held = said.filter(({ oldestHeldAtMs }) => oldestHeldAtMs !== null);
  const oldest = held.sort((a, b) => (a.oldestHeldAtMs ?? 0) - (b.oldestHeldAtMs ?? 0))[0];
  const rooms = said.flatMap(({ room }) => room ?? []);
  const sum = (of: (answer: LaneAnswer) => number) => said.reduce((total, answer) => total + of(answer), 0);
  return {
    lane,
    ...kindOf(lane, said, calls),
    pending: sum(({ pending }) => pending),
    oldestHeldAtMs: oldest?.oldestHeldAtMs ?? null,
    oldestJobKey: oldest?.oldestJobKey ?? null,
    heldPerSecond: sum(({ heldPerSecond }) => heldPerSecond),
    endedPerSecond: sum(({ endedPerSecond }) => endedPerSecond),
    room: rooms.length === 0 ? null : Math.min(...rooms),
    unsent: sum(({ unsent }) => unsent),
  };
}

/** A lane that no route has is the template's, unless a job that waits in it says that it came by another job type. */
function kindOf(
  lane: string,
  said: readonly LaneAnswer[],
  { routes, template }: Pick<Config, 'routes' | 'template'>,
): Pick<RouteView, 'kind' | 'requestTopic' | 'replyTimeoutMs'> {
  const own = routes.filter(({ jobType }) => jobType === lane);
  if (own.length > 0) {
    // Routes for several tenants may share a job type.
    return {
      kind: 'route',
      requestTopic: sameOf(own.map(({ requestTopic }) => requestTopic)),
      replyTimeoutMs: sameOf(own.map(({ replyTimeoutMs }) => replyTimeoutMs)),
    };
  }
  const jobTypes = said.flatMap(({ jobType }) => jobType ?? []);
  if (template === undefined || jobTypes.some((jobType) => jobType !== template.jobType)) {
    return { kind: 'removed', requestTopic: null, replyTimeoutMs: null };
  }
  const requestTopic = lane === template.jobType ? null : lane;
  return { kind: 'template', requestTopic, replyTimeoutMs: template.replyTimeoutMs };
}

function sameOf<T>(values: readonly T[]): T | null {
  return values.every((value) => value === values[0]) ? (values[0] ?? null) : null;
}
