// The value of a reply: JSON, nothing, or what is wrong with it, in words that quote nothing of it: they stand in the dead letter's
// headers, in logs and in the API, which more people see than may see payloads.
import { expect, test } from 'vitest';
import { dataOf, jsonOf } from '../../../src/gateway/replies/value.ts';

const SECRET = 'top-secret-4711';

test.each([
  ['cut off', `{"card":"${SECRET}`],
  ['a bare word', SECRET],
  ['a word where a value should be', `{"card":${SECRET}}`],
  ['text behind it', `{} ${SECRET}`],
  ['a control character in a text', `{"card":"${SECRET}\n"}`],
  ['a single quote', `{'${SECRET}':1}`],
  ['short enough to be quoted whole', 'x4711'],
])('no JSON is said to be none, and where, without a word of it: %s', (_, text) => {
  const value = jsonOf(Buffer.from(text));
  expect(value).toMatchObject({ kind: 'unusable', reason: 'not-json' });
  expect(value.kind === 'unusable' && value.message).toMatch(
    /^the reply is not JSON in UTF-8(, from position \d+ on)?$/,
  );
});

test('nor of bytes that are no text, of what is too large, and of an event whose data is none', () => {
  const bytes = Buffer.concat([Buffer.from(`{"card":"${SECRET}`), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]);
  const event = (data: string) => ({ kind: 'json', text: data, parsed: JSON.parse(data) }) as const;
  const all = [
    jsonOf(bytes),
    jsonOf(Buffer.from(`"${SECRET}"`), 5),
    dataOf(event(`{"data_base64":["${SECRET}"]}`)),
    dataOf(event(JSON.stringify({ data_base64: Buffer.from(SECRET).toString('base64') }))),
  ];
  expect(all.map(({ kind }) => kind)).toEqual(['unusable', 'unusable', 'unusable', 'unusable']);
  expect(JSON.stringify(all)).not.toMatch(/secret|4711/);
});
