// `holdfast check`: looks at every server and says in plain lines what is wrong and what to do.
import type { Config } from '../config/config.ts';
import { EXIT } from './exit.ts';
import type { Finding } from './finding.ts';
import { findings, type Seeing } from './findings.ts';
import { look } from './look.ts';

/** Answers the exit code: problems count, notes do not. */
export async function check(config: Config): Promise<number> {
  const seeing = await look(config);
  const found = findings(config, seeing);
  process.stdout.write(`${report(config, seeing, found)}\n`);
  return problemCount(found) > 0 ? EXIT.failed : EXIT.fine;
}

export function problemCount(found: readonly Finding[]): number {
  return found.filter((finding) => finding.level === 'problem').length;
}

/** What was looked at, a line each. */
export function headLines(config: Config, { nats, kafka, zeebe }: Seeing, kafkaRelease = ''): readonly string[] {
  const counted = config.routes.length === 1 ? '1 route' : `${config.routes.length} routes`;
  const routes = config.template === undefined ? counted : `${counted} and the element template`;
  return [
    `cluster ${config.cluster}, node ${config.node}, ${routes}: the configuration is valid`,
    `NATS   ${nats.kind === 'seen' ? `${nats.facts.version}, max_payload ${nats.facts.maxPayloadBytes} bytes` : 'not reached'}`,
    `Kafka  ${kafka.kind === 'seen' ? `${kafka.facts.brokers} broker(s)${kafkaRelease}` : 'not reached'}`,
    `Zeebe  ${zeebe.kind === 'seen' ? `${zeebe.facts.gatewayVersion}, ${zeebe.facts.partitions} partition(s)` : 'not reached'}`,
  ];
}

function report(config: Config, seeing: Seeing, found: readonly Finding[]): string {
  const problems = problemCount(found);
  return [
    ...headLines(config, seeing),
    ...found.flatMap(({ level, about, what, remedy }) => [
      `${level}: ${about}: ${what}`,
      ...(remedy === '' ? [] : [`  ${remedy}`]),
    ]),
    problems === 0 ? 'no problems' : problems === 1 ? '1 problem' : `${problems} problems`,
  ].join('\n');
}
