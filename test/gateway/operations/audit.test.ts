// The audit over a store in memory: what is written around an act, and how it is read back.
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { type AuditBeginning, AuditTrail, audited } from '../../../src/gateway/operations/audit.ts';
import type { AuditEntry, AuditQuery } from '../../../src/gateway/operations/model/audit.ts';
import { ManualClock, VIRTUAL_EPOCH_MS } from '../../support/manual-clock.ts';
import { type LoggedLine, logInto } from '../http/trial-server.ts';
import { MemoryStore } from './memory-audit.ts';

let store: MemoryStore;
let clock: ManualClock;
let audit: AuditTrail;
let logged: LoggedLine[];

beforeEach(() => {
  logged = [];
  store = new MemoryStore();
  clock = new ManualClock();
  let count = 0;
  const random = {
    float: () => 0.5,
    bytes: (length: number) => {
      const bytes = Buffer.alloc(length);
      bytes.writeUInt32BE(++count);
      return bytes;
    },
  };
  audit = new AuditTrail({ store, clock, random, log: logInto(logged), node: 'n1' });
});

const act = (target: string): AuditBeginning => ({
  by: { name: 'anna', role: 'operator' },
  reason: 'the service is back',
  act: 'job.resend',
  target,
  before: 'held',
});

async function allPages(query: AuditQuery): Promise<AuditEntry[]> {
  const entries: AuditEntry[] = [];
  for (let after: string | undefined, pages = 0; pages < 1_000; pages++) {
    const page = await audit.page({ ...query, ...(after !== undefined && { after }) });
    entries.push(...page.entries);
    if (page.next === null) return entries;
    after = page.next;
  }
  throw new Error('the pages do not end');
}

describe('an act', () => {
  test('is written before it is done, and with its result behind', async () => {
    let writtenBefore = 0;
    const result = await audited(audit, act('42'), async () => {
      writtenBefore = store.records.length;
      await clock.advance(1_500);
      return { result: 'done', detail: 'sent again', after: 'held, attempt 2' };
    });
    expect(writtenBefore).toBe(1);
    const { entries } = await audit.page({});
    expect(entries).toEqual([
      {
        id: result.auditId,
        atMs: VIRTUAL_EPOCH_MS,
        who: 'anna',
        role: 'operator',
        node: 'n1',
        act: 'job.resend',
        target: '42',
        reason: 'the service is back',
        before: 'held',
        after: 'held, attempt 2',
        result: 'done',
      },
    ]);
    expect(result).toEqual({ auditId: entries[0]?.id, result: 'done', detail: 'sent again' });
  });

  test('that cannot be written down is not done', async () => {
    store.beforeAppend = () => {
      throw new Error('silence');
    };
    let done = false;
    const trying = audited(audit, act('42'), async () => {
      done = true;
      return { result: 'done', detail: '' };
    });
    await expect(trying).rejects.toMatchObject({ code: 'ACT_NOT_DONE', message: /silence/ });
    expect(done).toBe(false);
  });

  test('whose beginning was stored and not acknowledged has an end that says so', async () => {
    let answers = 0;
    const append = store.append.bind(store);
    store.append = async (...record) => {
      await append(...record);
      if (++answers === 1) throw new Error('silence');
    };
    const trying = audited(audit, act('42'), () => Promise.reject(new Error('it must not be done')));
    await expect(trying).rejects.toMatchObject({ code: 'ACT_NOT_DONE' });
    await clock.advance(10_000);
    expect((await audit.page({})).entries).toMatchObject([
      { target: '42', result: 'notDone', after: expect.stringContaining('what cannot be audited is not done') },
    ]);
  });

  test('that throws is written down as such', async () => {
    const trying = audited(audit, act('42'), () => Promise.reject(new Error('no owner')));
    await expect(trying).rejects.toThrow('no owner');
    expect((await audit.page({})).entries).toMatchObject([{ result: 'error', after: 'no owner' }]);
  });

  test('whose result is not taken at once is written again', async () => {
    let failures = 2;
    store.beforeAppend = (kind) => {
      if (kind === 'end' && failures-- > 0) throw new Error('silence');
    };
    const doing = audited(audit, act('42'), async () => ({ result: 'later', detail: 'when the engine is back' }));
    await clock.advance(10_000);
    await doing;
    expect((await audit.page({})).entries).toMatchObject([{ result: 'later', after: 'when the engine is back' }]);
  });

  test('says of which job it is in all its lines in the log, and only there', async () => {
    store.beforeAppend = (kind) => {
      if (kind === 'end' && logged.length > 2) throw new Error('silence');
    };
    const about = { jobKey: '42', traceId: '4bf92f3577b34da6a3ce929d0e0e4736' };
    for (let i = 0; i < 2; i++) {
      const doing = audited(audit, { ...act('42'), logged: about }, async () => ({ result: 'done', detail: '' }));
      await clock.advance(60_000);
      await doing;
    }
    const lines = ['act', 'act ended', 'act', 'the result of an act could not be audited'];
    expect(logged).toMatchObject(lines.map((message) => ({ message, fields: about })));
    for (const { data } of store.records)
      expect(Object.keys(JSON.parse(Buffer.from(data).toString()))).not.toContain('logged');
  });

  test('whose result can never be written has been done all the same, and its result is not known', async () => {
    store.beforeAppend = (kind) => {
      if (kind === 'end') throw new Error('silence');
    };
    const doing = audited(audit, act('42'), async () => ({ result: 'done', detail: 'sent again' }));
    await clock.advance(60_000);
    expect(await doing).toMatchObject({ result: 'done' });
    expect((await audit.page({})).entries).toMatchObject([{ result: null, after: null }]);
  });
});

describe('an act that was done first', () => {
  const end = { result: 'done', after: 'stopped' };

  test('is written down whole, as soon as the store takes it, once', async () => {
    let failures = 3;
    store.beforeAppend = () => {
      if (failures-- > 0) throw new Error('silence');
    };
    const doing = audit.done(act('n1.0a'), end);
    await clock.advance(8_000);
    const id = await doing;
    expect((await audit.page({})).entries).toMatchObject([{ id, target: 'n1.0a', atMs: VIRTUAL_EPOCH_MS, ...end }]);
    expect(store.records).toHaveLength(2);
    expect(logged.map(({ message }) => message)).toEqual(['act', 'act ended']);
  });

  test('is in the log, with who and why, when it cannot be written down while somebody waits', async () => {
    store.beforeAppend = () => {
      throw new Error('silence');
    };
    const doing = expect(audit.done(act('n1.0a'), end)).rejects.toMatchObject({ code: 'OPERATION_UNAVAILABLE' });
    await clock.advance(8_000);
    await doing;
    expect(logged).toMatchObject([
      {
        level: 'warn',
        message: 'an act was done and could not be audited',
        fields: {
          who: 'anna',
          role: 'operator',
          act: 'job.resend',
          target: 'n1.0a',
          reason: 'the service is back',
          ...end,
        },
      },
    ]);
  });

  test('whose result cannot be written has its beginning all the same, and is answered in the same time', async () => {
    store.beforeAppend = (kind) => {
      if (kind === 'end') throw new Error('silence');
    };
    const doing = audit.done(act('n1.0a'), end);
    await clock.advance(8_000);
    await doing;
    expect((await audit.page({})).entries).toMatchObject([{ target: 'n1.0a', result: null }]);
    expect(logged.at(-1)).toMatchObject({ level: 'error', fields: end });
  });
});

describe('pages', () => {
  test('together are all acts, each once, newest first, with their results wherever those lie', async () => {
    const plan = fc.array(fc.record({ target: fc.constantFrom('1', '2', 'n1'), endsAfter: fc.option(fc.nat(5)) }), {
      maxLength: 40,
    });
    await fc.assert(
      fc.asyncProperty(
        plan,
        fc.integer({ min: 1, max: 7 }),
        fc.constantFrom(undefined, '1'),
        async (acts, limit, target) => {
          store.records.length = 0;
          const open: { id: string; at: number }[] = [];
          const wanted: string[] = [];
          for (const [i, { target: about, endsAfter }] of acts.entries()) {
            const id = await audit.begin(act(about));
            if (target === undefined || about === target)
              wanted.unshift(`${id} ${endsAfter === null ? null : `r${id}`}`);
            if (endsAfter !== null) open.push({ id, at: i + endsAfter });
            for (const due of open.filter(({ at }) => at === i))
              await audit.end(due.id, { after: '', result: `r${due.id}` });
          }
          for (const due of open.filter(({ at }) => at >= acts.length))
            await audit.end(due.id, { after: '', result: `r${due.id}` });
          const shown = await allPages({ limit, ...(target !== undefined && { target }) });
          expect(shown.map(({ id, result }) => `${id} ${result}`)).toEqual(wanted);
        },
      ),
      { numRuns: 200 },
    );
  });

  test('end where the stream has forgotten', async () => {
    for (let i = 0; i < 10; i++) await audit.begin(act(`${i}`));
    const first = await audit.page({ limit: 3 });
    store.first = 5;
    const second = await audit.page({ limit: 30, after: first.next ?? '' });
    expect([...first.entries, ...second.entries].map(({ target }) => target)).toEqual(['9', '8', '7', '6', '5', '4']);
    expect(second.next).toBeNull();
    store.first = 11;
    expect(await audit.page({ after: second.next ?? '5' })).toEqual({ entries: [], next: null });
  });

  test('look at a bounded number of records for each request', async () => {
    for (let i = 0; i < 5_000; i++) await audit.begin(act('other'));
    store.reads = 0;
    const page = await audit.page({ target: 'none' });
    expect(page).toEqual({ entries: [], next: '2953' });
    expect(store.reads).toBe(2_048);
  });

  test('are four at a time, and the next one as soon as one of those is done, or has failed', async () => {
    const waiting: PromiseWithResolvers<{ first: number; last: number }>[] = [];
    store.bounds = () => {
      waiting.push(Promise.withResolvers());
      return waiting.at(-1)!.promise;
    };
    const four = Array.from({ length: 4 }, () => audit.page({}));
    const tooMany = { code: 'TOO_MANY', message: '4 others look through the audit by this node now; ask again' };
    await expect(audit.page({})).rejects.toMatchObject(tooMany);
    waiting[0]!.reject(new Error('silence'));
    await expect(four[0]).rejects.toMatchObject({ code: 'OPERATION_UNAVAILABLE' });
    const next = audit.page({});
    await expect(audit.page({})).rejects.toMatchObject(tooMany);
    for (const { resolve } of waiting) resolve({ first: 1, last: 0 });
    await expect(Promise.all([...four.slice(1), next])).resolves.toHaveLength(4);
  });

  test('pass over what is no record of ours', async () => {
    for (const text of ['', 'null', '[]', '{', '{"kind":"begin"}', '7']) {
      store.records.push({ subject: 'x', data: Buffer.from(text) });
    }
    await audit.begin(act('42'));
    expect((await audit.page({})).entries).toHaveLength(1);
  });

  test('are found by a job, a node, the id of a run, or words of what a filter says', async () => {
    const run = 'n1.5c0f6a7be1d29384: all dead letters';
    const targets = ['42', '421', 'n1', run, 'dead letters: reason unknown, since 2026-01-01T00:00:00.000Z'];
    for (const target of targets) {
      await audit.begin(act(target));
    }
    const found = async (target: string) => (await audit.page({ target })).entries.map((entry) => entry.target);
    expect(await found('42')).toEqual(['42']);
    expect(await found('n')).toEqual([]);
    expect(await found('n1')).toEqual(['n1']);
    expect(await found('n1.5c0f6a7be1d29384')).toEqual([run]);
    expect(await found('n1.5c0f6a7be1d2938')).toEqual([]);
    expect(await found('unknown')).toEqual(['dead letters: reason unknown, since 2026-01-01T00:00:00.000Z']);
    expect(await found('dead letters')).toHaveLength(2);
  });

  test.each(['', '0', '-1', '1e3', 'x', '99999999999999999'])(
    'with a cursor of another form are refused: %j',
    async (after) => {
      await expect(audit.page({ after })).rejects.toMatchObject({ code: 'BAD_CURSOR' });
    },
  );
});
