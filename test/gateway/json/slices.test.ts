// JSON objects as text, held against JSON.parse: what is cut out or put in is exactly what stood there.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isObject, members, withMember, withoutMember } from '../../../src/gateway/json/slices.ts';

/** Any JSON value as text, in any layout; numbers as JSON.stringify would never write them are among it. */
const json = fc.oneof(
  fc.tuple(fc.jsonValue(), fc.constantFrom(undefined, 1, '\t', '\n \r')).map(([value, space]) => {
    return JSON.stringify(value, null, space as string | number | undefined);
  }),
  fc.constantFrom('12345678901234567890', '-0', '1.10', '1E400', '"\\ud800"', '" } ] , \\" \\\\"', '[[],{},"]"]'),
);
const name = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('__proto__', '', '"', '\\', 'a', 'b'));
const spaces = fc.constantFrom('', ' ', '\n', '\t\r ');

interface Written {
  readonly text: string;
  readonly entries: readonly [name: string, value: string][];
}

const objectOf = (names: fc.Arbitrary<string>, values: fc.Arbitrary<string>): fc.Arbitrary<Written> =>
  fc.array(fc.tuple(names, values, spaces, spaces, fc.boolean())).map((parts) => ({
    entries: parts.map(([key, value]) => [key, value]),
    text: `\n{ ${parts.map(([key, value, a, b, escaped]) => `${a}${quote(key, escaped)}${b}:${a}${value}${b}`).join(',')} } `,
  }));
const object = objectOf(name, json);
const plain = (text: string) => !text.includes('\\');
/** JSON.parse of Node 24.21 takes a name that is an escape, such as "\n", for "\\" once it has seen that one. */
const withoutBackslash = objectOf(name.filter(plain), json.filter(plain));

function quote(key: string, escaped: boolean): string {
  if (!escaped) return JSON.stringify(key);
  return `"${[...Array(key.length).keys()].map((i) => `\\u${key.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')}"`;
}

describe('the members of a JSON object', () => {
  it('are cut out as they were written, the last one of a name', () => {
    fc.assert(
      fc.property(object, ({ text, entries }) => {
        expect([...members(text)]).toEqual([...new Map(entries.map(([key, value]) => [key, value.trim()]))]);
      }),
    );
  });

  it('are those that JSON.parse finds', () => {
    fc.assert(
      fc.property(withoutBackslash, ({ text }) => {
        const parsed = JSON.parse(text) as Record<string, unknown>;
        const cut = members(text);
        expect([...cut.keys()].toSorted()).toEqual(Object.keys(parsed).toSorted());
        for (const [key, slice] of cut)
          expect(JSON.parse(slice)).toEqual(Object.getOwnPropertyDescriptor(parsed, key)?.value);
      }),
    );
  });

  it('are none when it is another value', () => {
    for (const text of ['[{"a":1}]', '"{\\"a\\":1}"', '1', 'null', ' true ']) {
      expect(members(text).size).toBe(0);
      expect(isObject(text)).toBe(false);
    }
    expect(isObject(' \n{}')).toBe(true);
  });

  it('may be nested as deeply as the writer likes', () => {
    const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
    expect(members(`{"a":${deep},"b":1}`)).toEqual(
      new Map([
        ['a', deep],
        ['b', '1'],
      ]),
    );
  });
});

describe('a member', () => {
  it('is put behind the others, or in place of the one that stands there', () => {
    expect(withMember('{}', 'id', '"x"')).toBe('{"id":"x"}');
    expect(withMember(' { } ', 'id', '"x"')).toBe(' {"id":"x" } ');
    expect(withMember('{ "a" : 1.10 }', 'id', '"x"')).toBe('{ "a" : 1.10,"id":"x" }');
    expect(withMember('{"id": null, "a":1}', 'id', '"x"')).toBe('{"id": "x", "a":1}');
    expect(withMember('{"i\\u0064":1,"a":{"id":2},"id":3}', 'id', '4')).toBe('{"i\\u0064":1,"a":{"id":2},"id":4}');
  });

  it('changes nothing else', () => {
    fc.assert(
      fc.property(object, name, json, ({ text }, key, value) => {
        const after = withMember(text, key, value);
        expect(() => JSON.parse(after)).not.toThrow();
        expect(members(after)).toEqual(members(text).set(key, value.trim()));
      }),
    );
  });

  it('is taken out alone', () => {
    expect(withoutMember('{"a":1}', 'b')).toBe('{"a":1}');
    expect(withoutMember('{ "id":"x", "a" : 1.10, "id":"y" }', 'id')).toBe('{"a" : 1.10}');
    fc.assert(
      fc.property(object, name, ({ text }, key) => {
        const rest = members(text);
        rest.delete(key);
        const after = withoutMember(text, key);
        expect(() => JSON.parse(after)).not.toThrow();
        expect([...members(after)]).toEqual([...rest]);
      }),
    );
  });
});
