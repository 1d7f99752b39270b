// What is written into a request by any profile, and under whatever names, is found again in a reply that carries it back; and
// no header of the business, whatever it holds, gets in its way.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Profile } from '../../src/actors/messages.ts';
import { DEFAULT_HEADER_NAMES, type HeaderNames, isTechnical } from '../../src/gateway/header-names.ts';
import type { IncomingRecord, KafkaHeader } from '../../src/gateway/ports.ts';
import { correlationOf, readReply } from '../../src/gateway/replies/contract.ts';
import { requestRecord } from '../../src/gateway/requests/profiles.ts';

const ID = 'hf1-k1-3yz-2-abcdefghijklmnopqrstuvwxyz';
const PROFILES: readonly Profile[] = ['spring', 'nest', 'smallrye', 'cloudevents', 'cloudevents-structured', 'body'];

/** As the configuration allows them: all different, CloudEvents attributes of small letters. */
const anyNames: fc.Arbitrary<HeaderNames> = fc
  .uniqueArray(fc.stringMatching(/^[a-z]{3,8}$/), { minLength: 17, maxLength: 17 })
  .map((words) => {
    const settings = Object.keys(DEFAULT_HEADER_NAMES) as (keyof HeaderNames)[];
    const own = (setting: keyof HeaderNames, word: string) => (setting.startsWith('ce') ? word : `x-${word}`);
    return Object.fromEntries(
      settings.map((setting, index) => [setting, own(setting, words[index % words.length]!)]),
    ) as unknown as HeaderNames;
  });

const bytesOf = ({ name, value }: KafkaHeader) => ({ name, value: Buffer.from(value) });

test('the correlation id of a request is that of a reply with its headers', () => {
  const names = fc.oneof(fc.constant(DEFAULT_HEADER_NAMES), anyNames);
  const further = fc.array(
    fc.record({ name: fc.string({ unit: 'binary', maxLength: 12 }), value: fc.uint8Array({ maxLength: 30 }) }),
    { maxLength: 6 },
  );
  const id = fc.oneof(fc.constant(ID), fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }));
  fc.assert(
    fc.property(
      fc.constantFrom(...PROFILES),
      names,
      id,
      further,
      fc.jsonValue(),
      (profile, own, written, more, data) => {
        // A key of the business that looks like one of ours, or is empty text in UTF-8, is none.
        fc.pre(written === ID || (!written.startsWith('hf1-') && written.isWellFormed()));
        const request = requestRecord(
          {
            ...{ profile, key: '', body: JSON.stringify({ data }), correlationId: written, replyTopic: 'replies' },
            ...{ jobId: '17', attempt: 2, cluster: 'c', processId: 'p', elementId: 'e', replyDeadlineMs: 0, trace: '' },
            headers: [],
          },
          own,
        );
        const business = more.filter(({ name }) => !isTechnical(name, own)).map(bytesOf);
        const value = profile === 'body' ? JSON.stringify({ [own.bodyField]: written }) : '{"ok":1}';
        const reply: IncomingRecord = {
          ...{ offset: '0', key: null, value: Buffer.from(value), timestampMs: 0 },
          headers: [...business, ...request.headers.map(bytesOf), ...business],
        };
        expect(correlationOf(reply, own).id).toBe(written);
        const content = readReply(reply, own, 1_000_000);
        expect(content).toMatchObject({ kind: 'reply', status: 'result' });
        // Nothing technical reaches an expression.
        const seen = content.kind === 'reply' ? content.headers.map(([name]) => name) : [];
        expect(seen.filter((name) => isTechnical(name, own))).toEqual([]);
      },
    ),
    { numRuns: 150 },
  );
});
