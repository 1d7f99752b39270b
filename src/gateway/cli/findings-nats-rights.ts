// What `holdfast doctor` makes of its closer look at NATS: rights that are missing, clocks that differ, copies that lag,
// room that runs out, an audit that cannot be relied on. Pure.
import { AUDIT_BYTES } from '../../cluster/nats/audit-stream.ts';
import type { Audit, Copies, NatsExamination, Store } from './examine-nats.ts';
import { bytes, critical, type Finding, note, problem } from './finding.ts';
import { MAX_SKEW_MS } from './findings-nodes.ts';
import { span } from './words.ts';

/** Log entries behind the leader: what a follower makes good within a moment is not worth a word. */
const MUCH_LAG = 1_000;
const NEARLY_FULL = 0.8;
const FULL = 0.95;

export function natsExaminationFindings({
  denied,
  cannotMakeBucket,
  skewMs,
  copies,
  stores,
  audit,
}: NatsExamination): Finding[] {
  const found: Finding[] = denied.map(({ right, subject, need }) => {
    const what = `this user may not ${right} ${right === 'publish' ? `to ${subject}` : `to the subject ${subject}`}`;
    return critical('NATS', `${what}, which a node needs ${need}`, `Grant it: ${right} on ${pattern(subject)}.`);
  });
  if (cannotMakeBucket) {
    const remedy = 'Have "holdfast init" run by a user who may; nodes need not.';
    found.push(problem('NATS', 'the bucket is not made yet, and this user may not make it', remedy));
  }
  if (skewMs === undefined) {
    found.push(note('NATS', 'the clocks were not compared: the server did not tell its time', ''));
  } else if (Math.abs(skewMs) > MAX_SKEW_MS) {
    const what = `the server's clock is ${span(Math.abs(skewMs))} ${skewMs > 0 ? 'ahead of' : 'behind'} the clock here`;
    found.push(
      critical('NATS', what, 'Set both by NTP or chrony: beyond a second a node that runs here is not ready.'),
    );
  }
  if (copies !== undefined) found.push(...copyFindings(copies));
  return [...found, ...stores.flatMap(storeFindings), ...auditFindings(audit, stores)];
}

/** A full store refuses every write: no job is held any more, and no reply is stored. */
function storeFindings(store: Store): readonly Finding[] {
  const { usedBytes, mostBytes } = store;
  if (usedBytes <= mostBytes * NEARLY_FULL) return [];
  const { whose, remedy } = wordsOf(store);
  const what = `${bytes(usedBytes)} of the ${bytes(mostBytes)} of storage that ${whose} are used`;
  const say = usedBytes > mostBytes * FULL ? critical : problem;
  return [say('NATS', what, `${remedy}: in a full store no job can be held any more.`)];
}

function wordsOf({ of, name }: Store): { readonly whose: string; readonly remedy: string } {
  const less = 'or delete streams that nobody needs';
  switch (of) {
    case 'account':
      return {
        whose: 'the account may use',
        remedy: `Raise the account's max_file (in its jetstream block, or in its JWT), ${less}`,
      };
    case 'tier':
      return {
        whose: `the account may use for streams of the tier ${name}`,
        remedy: `Raise that limit in the account's JWT, ${less}`,
      };
    case 'server':
      return {
        whose: `JetStream may use on the server ${name}`,
        remedy: `Give its disk more room and raise max_file_store in its jetstream block, ${less}`,
      };
  }
}

function auditFindings(audit: Audit, stores: readonly Store[]): readonly Finding[] {
  switch (audit.kind) {
    case 'unseen':
      return [note('NATS', `the stream of the audit was not looked at: ${audit.reason}`, '')];
    case 'absent': {
      const what = 'the stream of the audit is not made yet, and without it nobody can act';
      // An account that has one limit for all its streams pays for each copy.
      const reserves = (store: Store) => AUDIT_BYTES * (store.of === 'account' ? audit.copies : 1);
      const isNarrow = (store: Store) => store.mostBytes - store.reservedBytes < reserves(store);
      // The copies go where there is room.
      const roomy = stores.filter((store) => store.of === 'server' && !isNarrow(store)).length;
      const concerned = stores.filter(
        ({ of, name }) =>
          of === 'account' ||
          (of === 'tier' && name === `R${audit.copies}`) ||
          (of === 'server' && roomy < audit.copies),
      );
      const narrow = concerned.find(isNarrow);
      if (narrow !== undefined) {
        const { whose, remedy } = wordsOf(narrow);
        const left = bytes(Math.max(0, narrow.mostBytes - narrow.reservedBytes));
        const lacking = `it reserves ${bytes(reserves(narrow))}, and ${left} of what ${whose} are not reserved`;
        return [problem('NATS', `${what}: ${lacking}`, `${remedy}.`)];
      }
      if (audit.mayMake) return [note('NATS', what, 'Run "holdfast init", or let the first node make it.')];
      const remedy = 'Have "holdfast init" run by a user who may; nodes need not.';
      return [problem('NATS', `${what}; this user may not make it`, remedy)];
    }
    case 'seen': {
      const { stream, faults, fullness, oldestMs } = audit.report;
      const found = faults.map(({ what, editable, grave }) =>
        (grave ? problem : note)(
          'NATS',
          `stream ${stream}: ${what}`,
          editable
            ? `Run "nats stream edit ${stream}" as a user who may.`
            : `It cannot be edited: keep a copy ("nats stream backup"), delete the stream, and run "holdfast init".`,
        ),
      );
      if (fullness <= FULL || oldestMs === undefined) return found;
      const what = `the audit is full: each act drives out the oldest, which is of ${new Date(oldestMs).toISOString().slice(0, 10)}`;
      return [...found, note('NATS', what, `To keep more, raise max_bytes: "nats stream edit ${stream}".`)];
    }
  }
}

function copyFindings({ leader, followers }: Copies): readonly Finding[] {
  const remedy = 'Look at that NATS server: without it, the loss of another one stops the bucket.';
  return [
    ...(leader === undefined || leader === ''
      ? [critical('NATS', 'the bucket has no leader, and takes no writes', 'Bring a majority of its servers back.')]
      : []),
    ...followers
      .filter(({ offline }) => offline === true)
      .map(({ name }) => problem('NATS', `the copy of the bucket on ${name} is offline`, remedy)),
    ...followers
      .filter(({ offline, current, lag = 0 }) => offline !== true && (!current || lag > MUCH_LAG))
      .map(({ name, lag = 0 }) =>
        problem('NATS', `the copy of the bucket on ${name} is ${lag} entries behind`, remedy),
      ),
  ];
}

/** With the part that was invented for the try as a wildcard. */
function pattern(subject: string): string {
  return subject.replace(
    /\bdoctor_\w+\.\d+$|\bdoctor_\w+\.>$|\bdoctor_\w+\.commands$|\bdoctor_\w+$|(?<=\.)_?doctor$/,
    '>',
  );
}
