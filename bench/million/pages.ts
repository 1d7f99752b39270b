// What a page of the list costs at a million pending, without HTTP and whatever else a node does (node-pages.ts has it with that):
// `node bench/million/pages.ts [count]`. One process, no server: the jobs of a node, packed, and the product's own look at them
// (src/cluster/inventory.ts). Wall time of a page, and the longest time that nothing else had its turn; and the CPU that it took,
// which is what can be compared where the machine has other work too.
import type { JobKey, Lane } from '../../src/actors/ids.ts';
import type { JobFilter, Place } from '../../src/cluster/inventory.ts';
import { SystemClock } from '../../src/gateway/system-clock.ts';
import { HELD } from '../../test/actors/snapshot-samples.ts';
import { JobShelf } from '../../test/cluster/job-shelf.ts';

const COUNT = Number(process.argv[2] ?? 1_000_000);
const FIRST_KEY = 2251799813685248n;
const ROUNDS = 5;

const SHARDS = 128;
const shelf = new JobShelf(new SystemClock(), SHARDS);
const firstMs = Date.now() - COUNT;
for (let i = 0; i < COUNT; i++) {
  const jobKey = String(FIRST_KEY + BigInt(i)) as JobKey;
  const origin = { ...HELD.origin, instanceKey: jobKey, elementInstanceKey: jobKey };
  const snapshot = { ...HELD, sentAttempt: 1, request: undefined, lane: `lane-${i % 10}` as Lane, origin };
  shelf.add(jobKey, { ...snapshot, heldAtMs: firstMs + i });
}
console.log(`${COUNT} pending jobs, RSS ${(process.memoryUsage().rss / 2 ** 20).toFixed(0)} MiB`);

let longestMs = 0;
let turnedMs = performance.now();
let over = false;
function turn(): void {
  longestMs = Math.max(longestMs, performance.now() - turnedMs);
  turnedMs = performance.now();
  if (!over) setImmediate(turn);
}
turn();

async function measure(what: string, work: () => Promise<unknown>): Promise<void> {
  const took: number[] = [];
  const longest: number[] = [];
  const cpu: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const beginMs = performance.now();
    longestMs = 0;
    turnedMs = beginMs;
    const before = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(before);
    cpu.push((user + system) / 1_000);
    took.push(performance.now() - beginMs);
    longest.push(longestMs);
  }
  const shown = (values: readonly number[]) => values.map((ms) => ms.toFixed(0)).join(' ');
  const columns = [`ms: ${shown(took)}`, `CPU ms: ${shown(cpu)}`, `longest slice, ms: ${shown(longest)}`];
  console.log([what.padEnd(48), ...columns.map((column) => column.padEnd(32))].join(' '));
}

const page = (filter: JobFilter, after?: Place) => () => shelf.inventory.page(filter, 50, after, 60_000);
await measure('a page', page({}));
await measure('a page from the middle', page({}, { heldAtMs: firstMs + COUNT / 2, jobKey: '1' }));
await measure('of one lane', page({ lane: 'lane-3' }));
await measure('of one process', page({ process: 'another-process' }));
await measure('of one instance', page({ instance: String(FIRST_KEY + BigInt(COUNT - 1)) }));
await measure('a text that most have', page({ text: 'ORDER' }));
await measure('a text that none has', page({ text: 'nothing like it' }));
await measure('digits that none has', page({ text: '99999999' }));
await measure('a text that all have, but where none is looked', page({ text: 'charge-card' }));
await measure('the oldest of each lane', () => shelf.oldest.fresh());
over = true;
