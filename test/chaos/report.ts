// docs/chaos.md, made from docs/chaos-runs.jsonl and never by hand: what is done to the system, how it is judged, and every
// run there ever was.
//
//   node test/chaos/report.ts                                                 writes the page anew
//   node test/chaos/report.ts --explain SEED --cause TEXT [--fixed-by COMMIT] says why the last failed run of a seed failed
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { FaultName } from './history.ts';
import type { Offence } from './judge/evidence.ts';
import { type ChaosRun, explained, parseRuns, passed, printRuns } from './runs.ts';

const DOCS = join(import.meta.dirname, '..', '..', 'docs');
export const RUNS_FILE = join(DOCS, 'chaos-runs.jsonl');
export const PAGE_FILE = join(DOCS, 'chaos.md');

/** Adds a run, and writes the page. */
export function publish(run: ChaosRun): void {
  write([...readRuns(), run]);
}

export function readRuns(): ChaosRun[] {
  return parseRuns(readFileSync(RUNS_FILE, 'utf8'));
}

function write(runs: readonly ChaosRun[]): void {
  writeFileSync(RUNS_FILE, printRuns(runs));
  writeFileSync(PAGE_FILE, render(runs));
}

const FAULT_TEXTS: Readonly<Record<FaultName, string>> = {
  kill: 'SIGKILL of a node',
  term: 'SIGTERM of a node',
  stopHalf: 'SIGSTOP of a node for half a lease TTL, then SIGCONT',
  stopOneAndHalf: 'the same for one and a half lease TTLs',
  stopFour: 'the same for four',
  leaderKill: 'SIGKILL of the NATS server that leads the bucket',
  natsRestart: 'restart of a NATS server, counted for each of the three',
  kafkaRestart: 'restart of Kafka',
  zeebeRestart: 'restart of Zeebe',
  diskFull: 'the bucket takes no more writes, and says so, as on a full disk',
  cut: 'the link between a node and a server is cut: connections are reset, and new ones too',
  slow: 'the link between a node and a server is slow',
  halfOpen:
    'the link between a node and a server lets nothing through and tells nobody; in the end all of it arrives, late',
  roll: 'rolling restart of all nodes',
  scale: 'from three nodes to five, then to two, and back to three',
  upgrade: 'all nodes replaced one by one by nodes that write another version of snapshots',
};

const OFFENCE_TEXTS: Readonly<Record<Offence, string>> = {
  lost: 'an instance was started, was not cancelled, and never passed the task',
  unexpected: 'something was asked for an instance that nobody ever tried to start',
  mismatched: 'an instance passed with the answer to another, or with one that no service gave',
  amountChanged: 'a number beyond 2^53 changed on its way to the service or back',
  passedTwice: 'an instance passed the task twice',
  saidCancelled: 'a job that was completed was stored as cancelled',
  completedTwice:
    'a job was completed again although a node had been told that it is done, ran on for a second, and could write that down',
  actedAfterEnd: "a command for a job left more than a second after the job's end was stored",
  actedWhileCutOff: 'a command left from a node that must have known that it was cut off from NATS (I4)',
  actedWithoutClaim: "a command left although the claim on the job's shard was another's for more than a second",
  actedBeforeOwned: 'a command left from a node that had claimed the shard and not loaded it',
  ownedTogether: 'two nodes owned one shard for more than a second',
  ownedWithoutClaim: 'a node owned a shard by a claim that is not its own',
  claimWithoutCas: 'a claim replaced one that it had not seen',
  repeatedThoughNoted: 'a request was sent again although the bucket said that Kafka has it (I8)',
  repeatedUnexplained:
    'a request was sent again that was neither written in the last moments before a crash, nor in trouble (I8)',
  sentAfterEnd: 'a request was sent although its attempt, or the job for good, had ended (I6)',
  slowRecovery:
    'a job was open for longer than the lease TTL, the longest first lock that a node had asked for (20 s, or more under pressure), and 3 s after everything healed (I7)',
  neverSettled: 'the run was broken off',
  shardWithoutOwner: 'a shard had no owner at the end (I7)',
  alarm: 'a node raised the alarm of a lost bucket, though none was lost',
  died: 'a node ended by itself',
  noWitness: 'a participant wrote nothing down, or something happened that none saw',
};

export function render(runs: readonly ChaosRun[]): string {
  return `# Chaos on real processes

This page is written by \`node test/chaos/report.ts\` from [chaos-runs.jsonl](chaos-runs.jsonl); a test holds that it is.

\`npm run chaos -- --minutes M --seed S --json FILE\` starts Zeebe, Kafka, three NATS servers with a bucket of three replicas,
three to five nodes and a service, starts process instances all the time, and breaks one thing after the other. What will
be broken follows from the seed and is printed first; without \`--seed\` it is a fresh one. The exit code is 0 only if
everything held. A short run is part of \`npm test\`, a longer one of \`npm run test:full\`.

## What is done

| fault | what happens |
|---|---|
${Object.entries(FAULT_TEXTS)
  .map(([name, text]) => `| \`${name}\` | ${text} |`)
  .join('\n')}

Two tracks run beside each other, one that hurts nodes and one that hurts servers and links. When both are over a last blow is
dealt: one node of three is killed, another hears nothing of NATS, and a lease TTL later all of it is healed at once, under load.

## How it is judged

Every participant writes down what it sees, as JSON lines (\`test/chaos/history.ts\`): the driver each instance by a token of
its own; a proxy in front of the engine every command that ends a job; the service every record that it reads and every
answer that it gives; a watch on the bucket who claims what, what is held, ended and noted as sent; the nodes' logs who
believes to own what; the runner what it did. When all is over, a pure function (\`test/chaos/judge.ts\`) looks for:

| breach | what it is |
|---|---|
${Object.entries(OFFENCE_TEXTS)
  .map(([name, text]) => `| \`${name}\` | ${text} |`)
  .join('\n')}

What was done to a node or a server excuses only what it explains:

* A node that is killed, stopped or cut off within a second of an answer has not made use of it.
* While its link to NATS or JetStream itself is disturbed, a node may not know whose claim stands until its lease ends; but one that
  must have noticed that it is cut off does nothing at all. A node that
  was stopped may not act at all on what another has by then. A command that its own log says had left before the
  stop was on its way out: a doubt, named and counted, but no breach. So is one that the log does not tell of, if it is seen
  within 100 ms of SIGCONT and had its reason before the stop.
* A request may be sent again if the service read its record within a second before its writer was killed, or later: 500 ms
  until it is noted as sent, and as much for Kafka's acknowledgement, which is not seen from outside. While JetStream or a link
  is disturbed, a process is stopped, a node has just forgotten everything, or Kafka owes an answer, nothing can be noted: those
  are counted apart, as *in trouble*.

What no witness sees it does not judge: between a node and the proxy, and in a node's memory, only the node's own log speaks.

## Every run since the first

${runs.length === 0 ? 'There has been none yet.' : tables(runs)}
`;
}

function tables(runs: readonly ChaosRun[]): string {
  const failed = runs.filter((run) => !passed(run));
  return `${table([HEADINGS, ...runs.map(rowOf)])}

*jobs*: instances started. *mismatched*: also an amount that changed. *takeover*: from SIGKILL until all shards of the victim
are owned by others. *sent again*: requests per kill, and in all while in trouble. *waited*: from the start of an instance until it had
passed, service and outages included. *recovery*: from healing until no job is open. *doubts*: see above.

### What was done in each

${table([['date', 'seed', ...faultNames(runs)], ...runs.map((run) => faultRow(run, runs))])}

### What failed, and why

${failed.length === 0 ? 'None has failed.' : failed.map(failureOf).join('\n')}`;
}

const HEADINGS = [
  ...['date', 'commit', 'seed', 'minutes', 'jobs/s', 'nodes', 'jobs', 'lost', 'unexpected', 'mismatched'],
  ...[
    'completed twice',
    'overlaps',
    'takeover p50 / p99',
    'sent again per kill / in trouble',
    'waited p99 / longest',
    'recovery',
    'doubts',
  ],
  'verdict',
];

function rowOf(run: ChaosRun): string[] {
  const { date, commit, seed, minutes, perSecond, nodes, jobs, lost, unexpected, mismatched } = run;
  const { takeoverP50Ms, takeoverP99Ms, repeatedByKill, repeatedInTrouble, recoveryMs, doubts } = run;
  const [fewest, most] = nodes;
  const perKill = repeatedByKill.reduce((sum, count) => sum + count, 0) / repeatedByKill.length;
  const cells = [
    ...[day(date), `\`${commit}\``, seed, minutes, perSecond, fewest === most ? fewest : `${fewest}–${most}`, jobs],
    ...[lost, unexpected, mismatched, run.completedTwice, run.overlaps],
    takeoverP50Ms === null ? '–' : `${takeoverP50Ms} / ${takeoverP99Ms} ms`,
    `${repeatedByKill.length === 0 ? '–' : perKill.toFixed(1)} / ${repeatedInTrouble}`,
    `${inSeconds(run.waitedP99Ms)} / ${inSeconds(run.waitedMaxMs)}`,
    inSeconds(recoveryMs),
    ...[doubts, passed(run) ? 'passed' : '**failed**'],
  ];
  return cells.map(String);
}

function faultNames(runs: readonly ChaosRun[]): string[] {
  return [...new Set(runs.flatMap(({ faults }) => Object.keys(faults)))].toSorted();
}

function faultRow(run: ChaosRun, runs: readonly ChaosRun[]): string[] {
  return [day(run.date), String(run.seed), ...faultNames(runs).map((name) => String(run.faults[name] ?? 0))];
}

function failureOf({ date, seed, commit, breaches, failures, cause, fixedBy }: ChaosRun): string {
  const found = [...Object.entries(breaches).map(([what, count]) => `${count} × \`${what}\``), ...failures];
  const why = cause === undefined ? 'The cause is not known yet.' : `Cause: ${ended(cause)}`;
  const fix = fixedBy === undefined ? 'Not fixed yet.' : `Fixed by \`${fixedBy}\`.`;
  return `* ${day(date)}, seed ${seed} on \`${commit}\`: ${ended(found.map(oneLine).join('; '))} ${oneLine(why)} ${fix}`;
}

const inSeconds = (ms: number | null): string => (ms === null ? '–' : `${(ms / 1_000).toFixed(1)} s`);
const day = (date: string): string => date.slice(0, 16).replace('T', ' ');
const ended = (text: string): string => (text.endsWith('.') ? text : `${text}.`);
const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ').trim();

function table([headings = [], ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(headings), `|${'---|'.repeat(headings.length)}`, ...rows.map(line)].join('\n');
}

function main(): void {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({ options: { explain: text, cause: text, 'fixed-by': text } });
  const runs = readRuns();
  if (values.explain === undefined) return write(runs);
  if (values.cause === undefined) throw new Error('--explain SEED needs --cause TEXT');
  write(explained(runs, Number(values.explain), values.cause, values['fixed-by']));
}

if (import.meta.main) main();
