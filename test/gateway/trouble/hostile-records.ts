// Records that no service means to send: arbitrary bytes, JSON that is deep, huge or sly, header bombs, broken UTF-8, numbers
// that no double holds. Made by fast-check, so that they come from a seed and shrink.
import fc from 'fast-check';

export interface HostileHeader {
  readonly name: string;
  readonly value: Buffer;
}

export interface HostileRecord {
  /** What it says as its correlation id. `ours`: the id of a call that waits, whose exactly is for the test to say. */
  readonly id: 'none' | 'garbage' | 'forged' | 'ours';
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly HostileHeader[];
}

const FORGED = 'hf1-k1-m672jxbimb-1-aaaaaaaaaaaaaaaaaaaaaaaaaa';

const text = (value: string): Buffer => Buffer.from(value);
const bytes = (maxLength: number): fc.Arbitrary<Buffer> => fc.uint8Array({ maxLength }).map((all) => Buffer.from(all));

const deep = fc
  .record({ depth: fc.constantFrom(10, 999, 1_001, 5_000, 100_000), kind: fc.constantFrom('[]', '{"a":}', 'open') })
  .map(({ depth, kind }) => {
    if (kind === '[]') return `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`;
    if (kind === 'open') return '['.repeat(depth);
    return `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
  });

const sly = fc.constantFrom(
  ...[
    '{"a":1e400}',
    '{"a":-1e400}',
    '{"a":1e-400}',
    '{"a":1E9999999999}',
    `{"a":${'9'.repeat(50_000)}}`,
    '1e400',
    '-0',
  ],
  ...[
    '{"a":18446744073709551616}',
    '{"a":9007199254740993}',
    '{"a":0.1e1}',
    '{"a":NaN}',
    '{"a":Infinity}',
    '[1,]',
    '{,}',
  ],
  ...['{"__proto__":{"polluted":1}}', '{"constructor":{"prototype":{"polluted":1}}}', '{"toString":1}', '{"toJSON":1}'],
  ...[
    '{"a":"\\ud800"}',
    '{"\\udc00":1}',
    '{"a":"\\u0000"}',
    '{"a":1,"a":2}',
    '\uFEFF{}',
    '{}\u0000',
    '{"a":"\n"}',
    'null',
  ],
  ...[
    '{"correlationId":"x"}',
    '{"specversion":"1.0","data":1}',
    '{"specversion":"1.0","data_base64":"!"}',
    '',
    '""',
    '{}',
  ],
);

const huge = fc.constantFrom('string', 'list', 'names').map((kind) => {
  if (kind === 'string') return JSON.stringify({ a: 'x'.repeat(400_000) });
  if (kind === 'list') return `[${'[],'.repeat(100_000)}[]]`;
  return JSON.stringify(Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`name ${i}`, i])));
});

const value: fc.Arbitrary<Buffer | null> = fc.oneof(
  { arbitrary: bytes(200), weight: 5 },
  { arbitrary: fc.json().map(text), weight: 5 },
  { arbitrary: sly.map(text), weight: 8 },
  { arbitrary: deep.map(text), weight: 4 },
  { arbitrary: huge.map(text), weight: 1 },
  // A schema's mark, before what is none.
  { arbitrary: bytes(20).map((rest) => Buffer.concat([Buffer.from([0, 0, 0, 0, 7]), rest])), weight: 2 },
  { arbitrary: fc.constant(null), weight: 2 },
);

const NAMES = [
  ...[
    'reply-status',
    'error-code',
    'error-message',
    'error-retries',
    'error-backoff',
    'kafka_nest-err',
    'content-type',
  ],
  ...[
    'traceparent',
    '__proto__',
    'constructor',
    'hasOwnProperty',
    'toString',
    '',
    '\u0000',
    'holdfast-reason',
    'tenant',
  ],
  ...['kafka_dlt-exception-message', 'kafka_replyTopic', 'ce_specversion', 'ä'],
];
const WORDS = [
  ...['result', 'error', 'failure', 'heartbeat', 'RESULT', '1e9', '-1', '99999999999', 'PT1S', 'P9999999D', 'NaN'],
  ...['application/cloudevents+json', '{"message":{}}', '{', '\u0000'],
];
const plainHeader: fc.Arbitrary<HostileHeader> = fc.record({
  name: fc.oneof(
    fc.constantFrom(...NAMES),
    fc.string({ unit: 'binary', maxLength: 30 }).map((name) => name.toWellFormed()),
  ),
  value: fc.oneof(fc.constantFrom(...WORDS).map(text), bytes(60)),
});

const bomb: fc.Arbitrary<HostileHeader[]> = fc.constantFrom('many', 'same', 'large', 'message').map((kind) => {
  if (kind === 'many') return Array.from({ length: 3_000 }, (_, i) => ({ name: `h${i}`, value: text('x') }));
  if (kind === 'same') return Array.from({ length: 3_000 }, () => ({ name: 'reply-status', value: text('x') }));
  return [{ name: kind === 'large' ? 'large' : 'error-message', value: Buffer.alloc(300_000, 0xe4) }];
});

const headers = fc.oneof(
  { arbitrary: fc.array(plainHeader, { maxLength: 6 }), weight: 12 },
  { arbitrary: bomb, weight: 1 },
);

export const anyHostileRecord: fc.Arbitrary<HostileRecord> = fc.record({
  id: fc.constantFrom('none', 'garbage', 'forged', 'ours', 'ours'),
  key: fc.oneof(fc.constant(null), bytes(20)),
  value,
  headers,
});

/** What stands in the header of its correlation id; undefined: no such header. */
export function idOf({ id, headers }: HostileRecord, ours: string): string | undefined {
  if (id === 'none') return undefined;
  if (id === 'ours') return ours;
  return id === 'forged' ? FORGED : `nobody's ${headers.length} \u0000 ä`;
}

/** The reasons that docs/services.md explains, read from its table. */
export function documentedReasons(guide: string): string[] {
  const [, table = ''] = guide.split('| `holdfast-reason` | the reply |');
  return [...table.split('\n\n', 1)[0]!.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, reason]) => reason as string);
}
