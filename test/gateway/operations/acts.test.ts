// Acts by hand before they come to a job: what would make the engine fall over is refused, and that is audited too.
import { expect, test } from 'vitest';
import type { OperatorAct } from '../../../src/actors/messages.ts';
import { SILENT } from '../../../src/gateway/log.ts';
import { actOperations } from '../../../src/gateway/operations/acts.ts';
import { AuditTrail } from '../../../src/gateway/operations/audit.ts';
import type { JobAct, Operator } from '../../../src/gateway/operations/operations.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { MemoryStore } from './memory-audit.ts';

const ANNA: Operator = { name: 'anna', role: 'operator' };
const deep = (levels: number) => `{"a":${'['.repeat(levels)}${']'.repeat(levels)}}`;

function subject() {
  const random = { float: () => 0.5, bytes: (length: number) => new Uint8Array(length) };
  const audit = new AuditTrail({ store: new MemoryStore(), clock: new ManualClock(), random, log: SILENT, node: 'n1' });
  const told: OperatorAct[] = [];
  const acts = actOperations({
    audit,
    cluster: {
      operated: async (_jobKey, act) => {
        told.push(act);
        return { result: 'done', detail: 'the job ended here: completed' };
      },
    },
    seen: { job: async () => undefined, setDrained: async () => true },
  });
  return { acts, audit, told };
}

const CASES: readonly ((variables: string) => JobAct)[] = [
  (variables) => ({ act: 'complete', variables }),
  (variables) => ({ act: 'throw', errorCode: 'DECLINED', message: '', variables }),
];

test.each(CASES)(
  'variables that the engine never hands out again, or falls over, do not come to the job (%#)',
  async (act) => {
    const { acts, audit, told } = subject();
    for (const levels of [1_000, 6_000, 100_000]) {
      const answer = await acts.act('7', act(deep(levels)), ANNA, 'too deep');
      expect(answer).toMatchObject({
        result: 'refused',
        detail: expect.stringContaining('more than 1000 levels deep'),
      });
    }
    const big = await acts.act('7', act('{"n":123456789012345678901234567890}'), ANNA, 'too big');
    expect(big).toMatchObject({ result: 'refused', detail: expect.stringMatching(/^the variables: n /) });
    expect(told).toEqual([]);
    const { entries } = await audit.page({});
    expect(entries.map(({ result }) => result)).toEqual(['refused', 'refused', 'refused', 'refused']);

    expect(await acts.act('7', act(deep(900)), ANNA, 'deep enough')).toMatchObject({ result: 'done' });
    expect(told).toHaveLength(1);
  },
);
