// What docs/services.md says of headers is what the code writes and reads: of a request, of a reply, of a dead letter.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Profile } from '../src/actors/messages.ts';
import { DEFAULT_HEADER_NAMES as names } from '../src/gateway/header-names.ts';
import { readReply } from '../src/gateway/replies/contract.ts';
import { LETTER } from '../src/gateway/replies/dead-letters.ts';
import { cancelRecord, requestRecord } from '../src/gateway/requests/profiles.ts';

const page = readFileSync(join(import.meta.dirname, '../docs/services.md'), 'utf8');
const CALL = {
  ...{
    key: '',
    body: '{}',
    correlationId: 'hf1-k1-3yz-2-abcdefghijklmnopqrstuvwxyz',
    replyTopic: 'replies',
    jobId: '7',
  },
  ...{ attempt: 1, cluster: 'c', processId: 'p', elementId: 'e', replyDeadlineMs: 0, headers: [] },
  trace: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
};
const request = (profile: Profile) => requestRecord({ ...CALL, profile }, names);

describe('docs/services.md', () => {
  test('lists the headers of a request, all of them and no other', () => {
    const told = rowsBelow('| header | what it is |').flatMap(([cell = '']) => quoted(cell));
    expect(told.toSorted()).toEqual(namesOf(request('spring')).toSorted());
    expect(namesOf(request('nest')).toSorted()).toEqual(told.toSorted());
  });

  test('says what the first two are called in other profiles', () => {
    const text = between('The first two have these names', '\n\n');
    const smallrye = namesOf(request('smallrye'));
    const events = namesOf(request('cloudevents'));
    for (const name of [names.smallryeCorrelationId, names.smallryeReplyTopic]) {
      expect(text).toContain(`\`${name}\``);
      expect(smallrye).toContain(name);
    }
    for (const name of [names.ceCorrelationId, names.ceReplyTopic]) {
      expect(text).toContain(`\`${name}\``);
      expect(events).toContain(`ce_${name}`);
    }
  });

  test('says what a cancel record has, and which reasons there are', () => {
    const text = between('**Cancel records.**', '\n\n');
    for (const reason of ['cancelled', 'timedOut', 'byHand'] as const) {
      expect(text).toContain(`\`${reason}\``);
      const { headers, value } = cancelRecord({ ...CALL, trace: '', profile: 'spring' }, reason, names);
      expect(value).toBeNull();
      expect(headers.find(({ name }) => name === names.cancel)?.value).toBe(reason);
      for (const { name } of headers.filter((header) => header.name !== names.correlationId))
        expect(text, name).toContain(`\`${name}\``);
    }
  });

  test('lists every status that a reply may have, with the headers that are read', () => {
    const rows = rowsBelow('| answer | `reply-status` |');
    const statuses = rows.flatMap(([, status = '']) => quoted(status));
    const odd = reply({ [names.replyStatus]: 'odd' });
    expect(odd).toMatchObject({
      kind: 'malformed',
      message: `reply-status is "odd"; allowed is ${statuses.join(', ')}`,
    });
    const told = rows.flatMap(([, , headers = '']) => quoted(headers));
    const read = [names.errorCode, names.errorMessage, names.errorRetries, names.errorBackoff];
    expect([...new Set(told)].toSorted()).toEqual(read.toSorted());
    const said = { [names.errorRetries]: '2', [names.errorBackoff]: 'PT5S', [names.errorMessage]: 'away' };
    expect(reply({ [names.replyStatus]: 'failure', ...said })).toMatchObject({
      retries: 2,
      backoffMs: 5_000,
      message: 'away',
    });
    expect(reply({ [names.replyStatus]: 'error', [names.errorCode]: 'NO' })).toMatchObject({
      status: 'error',
      code: 'NO',
    });
  });

  test('lists what a dead letter has beside the reply', () => {
    const told = rowsBelow('| header | content |').flatMap(([cell = '']) => quoted(cell));
    expect(told.toSorted()).toEqual(Object.values(LETTER).toSorted());
  });
});

function reply(headers: Readonly<Record<string, string>>) {
  const list = Object.entries(headers).map(([name, value]) => ({ name, value: Buffer.from(value) }));
  return readReply({ offset: '0', key: null, value: Buffer.from('{}'), headers: list, timestampMs: 0 }, names, 1_000);
}

function namesOf({ headers }: { readonly headers: readonly { readonly name: string }[] }): string[] {
  return headers.map(({ name }) => name);
}

/** The cells of each row of the table with this head. */
function rowsBelow(head: string): string[][] {
  const [, , ...rows] = between(head, '\n\n').split('\n');
  return rows.map((row) => row.split(/(?<!\\)\|/).slice(1, -1));
}

function between(from: string, to: string): string {
  const at = page.indexOf(from);
  expect(at, from).toBeGreaterThanOrEqual(0);
  return page.slice(at, page.indexOf(to, at));
}

function quoted(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
}
