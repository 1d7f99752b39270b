// A key that signs correlation ids is changed under two real nodes that hold a job: nobody is restarted, the new key signs once both
// have it, and the reply to what was signed with the old one still counts, at whichever node it arrives.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { verifyCorrelationId } from '../../src/actors/correlation-id.ts';
import { eventually } from '../support/eventually.ts';
import { Trial } from '../support/trial.ts';

test('a key is changed while nodes live', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-keys-'));
  const keyFile = join(dir, 'key');
  const [first, second] = [randomBytes(32), randomBytes(32)];
  const write = (...keys: Buffer[]) => {
    writeFileSync(`${keyFile}.new`, `${keys.map((key) => key.toString('base64')).join('\n')}\n`);
    renameSync(`${keyFile}.new`, keyFile);
  };
  write(first);
  const servers = {
    ...{ natsUrl: inject('natsUrl'), kafkaBrokers: inject('kafkaBrokers'), zeebeAddress: inject('zeebeAddress') },
  };
  const trial = await Trial.start({ servers, nodes: 2, settings: { secrets: [{ id: 'f', keyFile }] } });
  try {
    const diagnose = () => trial.diagnose();
    const signedBy = (key: Buffer, correlationId: string) =>
      verifyCorrelationId(correlationId, [{ id: 'f', key }], trial.cluster).kind === 'ok';
    trial.service.hold();
    const old = await trial.driver.start(8);
    await eventually('the requests', () => trial.service.requests.length === 8, { diagnose });
    expect(trial.service.requests.every(({ correlationId }) => signedBy(first, correlationId))).toBe(true);

    write(first, second);
    const seen = async (node: string) =>
      (await trial.node(node).log()).some(({ message }) => /keys that sign .* were read again$/.test(message));
    await eventually('both to have read it', async () => (await seen('n1')) && (await seen('n2')), { diagnose });
    const rounds: string[] = [];
    await eventually(
      'the new key to sign',
      async () => {
        const before = trial.service.requests.length;
        rounds.push(...(await trial.driver.start(4)));
        await eventually('their requests', () => trial.service.requests.length === before + 4, { diagnose });
        return trial.service.requests.slice(before).every(({ correlationId }) => signedBy(second, correlationId));
      },
      { deadlineMs: 30_000, everyMs: 500, diagnose },
    );
    // The file forgets the old key before its replies come; nodes that live do not.
    write(second);
    trial.service.release();
    await trial.driver.allAnswered([...old, ...rounds], { diagnose });
    expect(await trial.nodes.metric('holdfast_replies_total', { answer: 'forged' })).toBe(0);
  } finally {
    await trial.stop();
    rmSync(dir, { recursive: true });
  }
});
