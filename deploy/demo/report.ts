// The summary for people and all figures for machines.
import { shardOf } from '../../src/actors/ids.ts';
import type { Stage } from './stage.ts';
import { type Facts, inDoubt, type Verdict } from './verdict.ts';

export function reportOf(facts: Facts, verdict: Verdict, stage: Stage, elapsedMs: number) {
  const { kill, instances, requests } = facts;
  const { figures } = verdict;
  const byToken = new Map(requests.map((request) => [request.token, request]));
  const rows = instances.map(({ order, startedMs, completedMs, failure }) => {
    const request = byToken.get(order.token);
    return {
      token: order.token,
      jobKey: request?.jobKey,
      shard: request && shardOf(request.jobKey, stage.shards),
      ofVictim: request && kill?.ofVictim(request),
      startedMs,
      requestedMs: request?.firstRecordMs,
      records: request?.records,
      answeredMs: request?.answeredMs,
      completedMs,
      failure,
    };
  });
  const afterAnswer = rows
    .flatMap(({ answeredMs, completedMs }) => (answeredMs && completedMs ? [completedMs - answeredMs] : []))
    .sort((a, b) => a - b);
  const answerToResultMs = {
    p50: quantile(afterAnswer, 0.5),
    p99: quantile(afterAnswer, 0.99),
    max: afterAnswer.at(-1),
  };
  return {
    ...figures,
    ok: verdict.exitCode === 0,
    faults: verdict.faults,
    elapsedMs,
    answerToResultMs,
    kill: kill && { victim: kill.victim, atMs: kill.atMs, takenOverMs: kill.takenOverMs },
    instances: rows,
    connections: stage.proxy.connections,
    completeCalls: facts.completeCalls,
    summary: [
      `${figures.completed} of ${figures.started} instances completed, each with the answer to its own request` +
        `${figures.mismatched > 0 ? ` except ${figures.mismatched}` : ''}; answer to result ${answerToResultMs.p50} ms (median), ${answerToResultMs.max} ms (longest)`,
      ...(kill === undefined
        ? ['no node was killed']
        : [
            `${kill.victim} was killed with ${figures.heldByVictim} jobs in its hands; ${figures.repliesBeforeTakeover} of their replies came before the takeover, which took ${figures.takeoverMs} ms`,
            `${figures.requestsRepeated} requests were sent twice, ${figures.completedTwice} jobs completed twice${inDoubt(figures)}`,
          ]),
    ],
  };
}

function quantile(sorted: readonly number[], share: number): number | undefined {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}
