// `holdfast doctor`: what `check` finds, and what takes a closer look or the nodes' own word: rights, clocks, copies, versions,
// readiness. The worst comes first, each with what to change. It changes nothing on any server.
import type { Config } from '../config/config.ts';
import type { Env } from '../config/secret.ts';
import { ClusterView } from '../operations/model/cluster.ts';
import { headLines, problemCount } from './check.ts';
import type { Arguments } from './command-line.ts';
import { examineKafka, type KafkaExamination } from './examine-kafka.ts';
import { examineNats, type NatsExamination } from './examine-nats.ts';
import { EXIT } from './exit.ts';
import { critical, type Finding, note, problem } from './finding.ts';
import { findings, type Seeing, type Seen } from './findings.ts';
import { kafkaExaminationFindings, kafkaRelease } from './findings-kafka-rights.ts';
import { natsExaminationFindings } from './findings-nats-rights.ts';
import { type NodesFacts, nodesFindings } from './findings-nodes.ts';
import type { Io } from './io.ts';
import { look, seen } from './look.ts';
import { ApiClient, read } from './operator/api-client.ts';
import { ApiUnreachable } from './operator/api-errors.ts';
import { type ApiSettings, readApiSettings } from './operator/api-settings.ts';
import { Output } from './operator/output.ts';
import { printable } from './text-width.ts';

export interface Examination {
  readonly nats: Seen<NatsExamination>;
  readonly kafka: Seen<KafkaExamination>;
  /** `unable`: a node was there and could not say. */
  readonly nodes: Seen<NodesFacts> | { readonly kind: 'unable'; readonly reason: string };
  /** Somebody said where the API is; else it was only tried. */
  readonly apiIsNamed: boolean;
}

/** Answers the exit code: problems count, notes do not. @throws UsageFault */
export async function doctor(config: Config, args: Arguments, env: Env, io: Io, ownVersion: string): Promise<number> {
  const settings = readApiSettings(args, env);
  const apiIsNamed = args.has('url') || (env.HOLDFAST_API_URL?.trim() ?? '') !== '';
  const [seeing, nats, kafka, nodes] = await Promise.all([
    look(config),
    seen(examineNats(config)),
    seen(examineKafka(config)),
    lookAtNodes(settings, ownVersion),
  ]);
  const found = diagnosis(config, seeing, { nats, kafka, nodes, apiIsNamed });
  const heads = [
    ...headLines(config, seeing, kafka.kind === 'seen' ? kafkaRelease(kafka.facts) : ''),
    nodesLine(nodes),
  ];
  const out = new Output(io.stdout);
  await out.lines(args.has('json') ? [json(config, heads, found)] : report(heads, found, out));
  return problemCount(found) > 0 ? EXIT.failed : EXIT.fine;
}

/** Everything that is to be said, the worst first. Pure. */
export function diagnosis(config: Config, seeing: Seeing, examination: Examination): readonly Finding[] {
  const { nats, kafka, nodes, apiIsNamed } = examination;
  const found = [
    ...findings(config, seeing),
    // A server that is away is named by `findings` already.
    ...(nats.kind === 'seen' ? natsExaminationFindings(nats.facts) : notExamined('NATS', seeing.nats, nats.reason)),
    ...(kafka.kind === 'seen'
      ? kafkaExaminationFindings(config, kafka.facts, deniedTopics(seeing))
      : notExamined('Kafka', seeing.kafka, kafka.reason)),
    ...(nodes.kind === 'seen' ? nodesFindings(config, nodes.facts) : [unheard(nodes, apiIsNamed)]),
  ];
  return found.toSorted((a, b) => weight(a) - weight(b));
}

function deniedTopics({ kafka }: Seeing): ReadonlySet<string> {
  return (kafka.kind === 'seen' ? kafka.facts.denied : undefined) ?? new Set();
}

function weight({ level, critical }: Finding): number {
  return critical ? 0 : level === 'problem' ? 1 : 2;
}

function notExamined(about: Finding['about'], seenBefore: Seen<unknown>, reason: string): readonly Finding[] {
  if (seenBefore.kind === 'unseen') return [];
  return [problem(about, `it was reached, and the closer look failed: ${reason}`, 'Run it again; mostly it was slow.')];
}

function unheard(
  { kind, reason }: Exclude<Examination['nodes'], { readonly kind: 'seen' }>,
  apiIsNamed: boolean,
): Finding {
  const lines = reason.split('\n', 2).map((text) => text.trim());
  if (kind === 'unable') {
    return critical(
      'nodes',
      `none has an answer: ${lines.at(-1)}`,
      'It goes on by itself once it has what it waits for.',
    );
  }
  const what = `no node was asked, so neither readiness nor versions nor clocks of nodes were looked at: ${lines.join(': ')}`;
  const remedy =
    'Set HOLDFAST_API_URL (or --url) to the API of a node, and HOLDFAST_API_TOKEN_FILE where it asks for a token.';
  return apiIsNamed ? problem('nodes', what, remedy) : note('nodes', what, remedy);
}

async function lookAtNodes(settings: ApiSettings, ownVersion: string): Promise<Examination['nodes']> {
  const api = new ApiClient(settings, new AbortController().signal);
  try {
    return { kind: 'seen', facts: { view: await read(ClusterView, await api.get('cluster')), ownVersion } };
  } catch (error) {
    const isThere = error instanceof ApiUnreachable && error.someoneAnswered;
    return { kind: isThere ? 'unable' : 'unseen', reason: error instanceof Error ? error.message : String(error) };
  }
}

function nodesLine(nodes: Examination['nodes']): string {
  if (nodes.kind === 'unseen') return 'nodes  not asked';
  if (nodes.kind === 'unable') return 'nodes  no answer';
  const { view } = nodes.facts;
  const versions = new Set(view.nodes.flatMap(({ version }) => (version === null ? [] : [version])));
  return `nodes  ${view.nodes.length}, of holdfast ${[...versions].join(', ') || 'unknown'}, answered by ${view.answeredBy}`;
}

function report(heads: readonly string[], found: readonly Finding[], { sheet }: Output): readonly string[] {
  const problems = problemCount(found);
  const notes = found.length - problems;
  const labels = {
    critical: sheet.paint(['red', 'bold'], 'critical'),
    problem: sheet.paint('red', 'problem'),
    note: 'note',
  };
  return [
    ...heads.map(printable),
    '',
    ...found.flatMap((finding) => [
      `${labels[severityOf(finding)]}: ${finding.about}: ${printable(finding.what)}`,
      ...(finding.remedy === '' ? [] : [`  ${printable(finding.remedy)}`]),
    ]),
    `${problems === 1 ? '1 problem' : `${problems || 'no'} problems`}, ${notes === 1 ? '1 note' : `${notes || 'no'} notes`}`,
  ];
}

function json(config: Config, heads: readonly string[], found: readonly Finding[]): string {
  return JSON.stringify({
    cluster: config.cluster,
    node: config.node,
    seen: heads,
    findings: found.map((finding) => ({
      severity: severityOf(finding),
      about: finding.about,
      what: finding.what,
      remedy: finding.remedy,
    })),
    problems: problemCount(found),
  });
}

function severityOf({ level, critical }: Finding): 'critical' | 'problem' | 'note' {
  return critical ? 'critical' : level;
}
