// What a reply means to its job, row by row: settings, reply, verdict.
import fc from 'fast-check';
import { FeelFunction } from 'feelin';
import { describe, expect, it } from 'vitest';
import type { ReplyContent, Verdict } from '../../../src/actors/messages.ts';
import { evaluateWithin } from '../../../src/gateway/feel/fault.ts';
import { withinLimit } from '../../../src/gateway/feel/time-limit.ts';
import { checkExpression, type InterpretSettings, interpret } from '../../../src/gateway/replies/interpret.ts';

type Reply = ReplyContent & { kind: 'reply' };

const NONE: InterpretSettings = { resultVariable: '', resultExpression: '', errorExpression: '' };

function reply(body: string, more: Partial<Reply> = {}): Reply {
  return {
    kind: 'reply',
    status: 'result',
    body,
    code: '',
    message: '',
    retries: undefined,
    backoffMs: undefined,
    headers: [],
    ...more,
  };
}

const of = (settings: Partial<InterpretSettings>, body: string, more: Partial<Reply> = {}): Verdict =>
  interpret({ ...NONE, ...settings }, reply(body, more));
const result = (variables: string): Verdict => ({ kind: 'result', variables });
const malformed = (message: RegExp, reason = 'malformed') => ({
  kind: 'malformed',
  reason,
  message: expect.stringMatching(message),
});

/** Nothing of it survives being parsed and written again. */
const EXACT = ' { "z":12345678901234567890, "a" : 1.10,"n":null,"s":"\\u00e9 ü","10":1,"2":{"z":1,"z":2}} ';

describe('a result without an expression', () => {
  it('is the variables, byte for byte', () => {
    expect(of({}, EXACT)).toEqual(result(EXACT));
    expect(of({}, '{}')).toEqual(result('{}'));
  });

  it('goes into the result variable whole, byte for byte', () => {
    expect(of({ resultVariable: 'answer' }, EXACT)).toEqual(result(`{"answer":${EXACT}}`));
    expect(of({ resultVariable: 'a"b' }, '1e100')).toEqual(result('{"a\\"b":1e100}'));
    expect(of({ resultVariable: 'answer' }, 'null')).toEqual(result('{"answer":null}'));
    expect(of({ resultVariable: 'answer' }, '')).toEqual(malformed(/no value/, 'not-json'));
  });

  it.each(['[1]', '"x"', '1', 'null', 'true'])('that is no object needs a result variable: %s', (body) => {
    expect(of({}, body)).toEqual(malformed(/not an object/, 'not-object'));
  });
});

describe('a result expression', () => {
  it.each([
    ['{total: response.a + response.b}', '{"a":1,"b":2.5}', '{"total":3.5}'],
    ['{name: response.user.name}', '{"user":{"name":"Grüße"}}', '{"name":"Grüße"}'],
    ['{ids: response.items.id}', '{"items":[{"id":1},{"id":2}]}', '{"ids":[1,2]}'],
    ['{first: response[1]}', '[7,8]', '{"first":7}'],
    ['{x: response}', '"text"', '{"x":"text"}'],
    ['{x: response.`first name`}', '{"first name":"Bo"}', '{"x":"Bo"}'],
    ['{x: response.missing, y: response.none}', '{"none":null}', '{"x":null,"y":null}'],
    ['{x: get or else(response.missing, "d"), y: is defined(response.a)}', '{"a":1}', '{"x":"d","y":true}'],
    ['{b: 1, a: 2}', '{}', '{"b":1,"a":2}'],
    ['if response.ok then {done: true} else null', '{"ok":true}', '{"done":true}'],
    ['{d: @"PT10M", t: date("2026-01-02")}', '{}', '{"d":"PT10M","t":"2026-01-02"}'],
    ['response', '{"a":{"b":[1,{}]}}', '{"a":{"b":[1,{}]}}'],
  ])('%s of %s is %s', (resultExpression, body, variables) => {
    expect(of({ resultExpression }, body)).toEqual(result(variables));
  });

  it('that yields null adds nothing, as with connectors', () => {
    expect(of({ resultExpression: 'null' }, '{"a":1}')).toEqual(result('{}'));
    expect(of({ resultExpression: 'response.missing' }, '{"a":1}')).toEqual(result('{}'));
  });

  it('finds the business headers', () => {
    const headers = [
      ['tenant', 'a'],
      ['x-y', 'b'],
      ['__proto__', 'c'],
    ] as const;
    const resultExpression = '{t: headers.tenant, x: headers.`x-y`, none: headers.`no-such`}';
    expect(of({ resultExpression }, '{}', { headers })).toEqual(result('{"t":"a","x":"b","none":null}'));
  });

  it('is merged over the result variable, which has the whole reply', () => {
    const both = { resultVariable: 'answer', resultExpression: '{a: response.a}' };
    expect(of(both, ' {"a":1.10}')).toEqual(result('{"answer": {"a":1.10},"a":1.1}'));
    expect(of({ ...both, resultExpression: '{answer: 1}' }, '{}')).toEqual(result('{"answer":1}'));
    expect(of({ ...both, resultExpression: 'null' }, '{}')).toEqual(result('{"answer":{}}'));
  });

  it.each([
    ['[1]', /yields a list/],
    ['1', /yields a number/],
    ['"x"', /yields a string/],
    ['@"PT1S"', /yields no context/],
    ['bpmnError("E")', /yields no context/],
    ['{f: function(x) x}', /a range or a function/],
    ['{r: [1..3]}', /a range or a function/],
    ['{s: sum}', /yields a function/],
    ['{x: 10 ** 400}', /yields Infinity/],
    ['{a: 1', /not valid FEEL/],
    ['= 1', /without the "="/],
    ['{x: nope(1)}', /calls a function that does not exist, at character 5: nope\(1\)/],
    ['{x: bpmnError(kode: "E")}', /arguments that it does not take/],
  ])('that cannot be used is said to be so: %s', (resultExpression, message) => {
    expect(of({ resultExpression }, '{}')).toEqual(malformed(new RegExp(`^resultExpression: .*${message.source}`)));
  });
});

// Faults go into dead letters, incidents, logs and the API, where not everybody may see payloads.
describe('no fault quotes the reply', () => {
  const body = '{"a":"TOP-SECRET","n":42424242,"l":["TOP-SECRET"],"o":{"b":"TOP-SECRET"}}';
  const told = { status: 'error', code: 'TOP-SECRET', message: 'TOP-SECRET' } as const;

  it.each([
    ...['response.a(1)', '(function(x) x(1))(response.a)', '(function(x) x(1))(response.n)', 'response.l(1)'],
    ...['response.o(1)', 'bpmnError(response.n)', 'bpmnError("E", response.l)', 'bpmnError("E", "m", response.a)'],
    ...['bpmnError("E", "m", {}, response.a)', 'bpmnError(response.a, response.a, {}, 1)', 'jobError(response.n)'],
    ...['jobError("m", response.a)', 'jobError("m", {}, response.a)', 'jobError("m", {}, response.n + 0.5)'],
    ...[
      'jobError("m", {}, 1, response.a)',
      'jobError("m", {}, 1, response.n)',
      'jobError("m", {}, 1, @"P366D")',
      'ignoreError(response.a)',
    ],
    ...['error.code(1)', 'error.message(1)', 'response.a', 'response.n', 'response.l'],
  ])('%s', (expression) => {
    const verdict = interpret({ ...NONE, errorExpression: expression }, reply(body, told), { retries: 3 });
    expect(verdict.kind).toBe('malformed');
    expect(JSON.stringify(verdict)).not.toMatch(/TOP-SECRET|4242/);
  });

  it('what feelin throws is not passed on', () => {
    const secret = new FeelFunction(
      (value: unknown) => {
        throw new RangeError(`Invalid count value: ${value}`);
      },
      ['value'],
    );
    expect(() => evaluateWithin('f(response.a)', { f: secret, response: { a: 'TOP-SECRET' } }, 1_000)).toThrow(
      /^cannot be evaluated: it fails with these values \(RangeError\)$/,
    );
  });
});

describe('numbers in an expression', () => {
  const BIG = '9007199254740993';

  it.each([
    ['{id: response.id}', `{"id":${BIG}}`, `{"id":${BIG}}`],
    ['{id: response.id}', '{"id":-9223372036854775808}', '{"id":-9223372036854775808}'],
    ['{id: response.id}', '{"id":18446744073709551615}', '{"id":18446744073709551615}'],
    [
      '{ids: response.l.id, all: response}',
      `{"l":[{"id":${BIG}},{"id":1}]}`,
      `{"ids":[${BIG},1],"all":{"l":[{"id":${BIG}},{"id":1}]}}`,
    ],
    ['{l: append(response.l, 1), n: count(response.l)}', `{"l":[${BIG}]}`, `{"l":[${BIG},1],"n":1}`],
    ['{x: response.small + 1}', `{"id":${BIG},"small":1}`, '{"x":2}'],
    ['{x: if response.id = null then 1 else response.id}', `{"id":${BIG}}`, `{"x":${BIG}}`],
    ['{x: response.id > 5}', `{"id":${BIG}}`, '{"x":true}'],
    ['{x: response.id in [1..100000000000000000000.0]}', `{"id":${BIG}}`, '{"x":true}'],
    ['{x: response.id, at: now() = now()}', `{"id":${BIG}}`, `{"x":${BIG},"at":true}`],
    ['{x: response.d, y: response.e}', '{"d":1.10,"e":1E2}', '{"x":1.1,"y":100}'],
    // An integer of 21 digits is more than the engine takes; as a double it is what the service sent.
    ['{x: response.d}', '{"d":1e20}', '{"x":1e+20}'],
    ['{x: response.d}', '{"d":9007199254740994.0}', '{"x":9.007199254740994e+15}'],
  ])('%s of %s is %s', (resultExpression, body, variables) => {
    expect(of({ resultExpression }, body)).toEqual(result(variables));
  });

  it.each([
    '{x: response.id + 1}',
    '{x: -response.id}',
    '{x: response.id * 1}',
    '{x: sum([response.id, 1])}',
    '{x: floor(response.id)}',
    '{x: abs(response.id)}',
    '{x: string(response.id)}',
    '{x: max(response.id, 1)}',
    '{x: response.id = 5}',
    '{x: if response.id = response.same then 1 else 2}',
    '{x: if response.id + 1 > 0 then 1 else 1}',
    'if floor(response.id) = null then {} else {a: 1}',
  ])('beyond 2^53 are passed on, and never computed with: %s', (resultExpression) => {
    const body = `{"id":${BIG},"same":9007199254740992}`;
    expect(of({ resultExpression }, body)).toEqual(
      malformed(/^resultExpression: computes with an integer beyond 2\^53/),
    );
  });

  it('come to the error expression in the same way', () => {
    const errorExpression = 'bpmnError("E", "m", {id: response.id})';
    expect(of({ errorExpression }, `{"id":${BIG}}`)).toMatchObject({ kind: 'error', variables: `{"id":${BIG}}` });
    const computed = 'if response.id + 1 > 0 then bpmnError("E") else null';
    expect(of({ errorExpression: computed }, `{"id":${BIG}}`)).toEqual(malformed(/^errorExpression: computes/));
  });

  it('that no double holds are not passed off as infinite', () => {
    expect(of({ resultExpression: '{x: response.a}' }, '{"a":1e400,"b":1}')).toEqual(malformed(/yields Infinity/));
    expect(of({ resultExpression: '{x: response.a}' }, `{"a":1${'0'.repeat(400)}}`)).toEqual(
      malformed(/yields Infinity/),
    );
    expect(of({ resultExpression: '{x: response.b}' }, '{"a":1e400,"b":1}')).toEqual(result('{"x":1}'));
  });

  it('of any JSON go through a path unchanged in value', () => {
    // JSON.parse of Node 24.21 takes some names with a backslash for others; and JSON.stringify writes doubles up to
    // 10^21 as whole numbers, of which the engine does not take all.
    const json = fc.json().filter((text) => !text.includes('\\') && !/\d{19}/.test(text));
    const big = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n });
    fc.assert(
      fc.property(json, big, (text, integer) => {
        const verdict = of({ resultExpression: '{x: response.x, id: response.id}' }, `{"x":${text},"id":${integer}}`);
        const zero = (value: string) => JSON.parse(value.replaceAll('-0', '0'));
        expect(verdict).toEqual({ kind: 'result', variables: expect.stringMatching(new RegExp(`"id":${integer}}$`)) });
        expect(zero((verdict as { variables: string }).variables).x).toEqual(zero(text));
      }),
    );
  });
});

describe('what the engine would not keep as it is', () => {
  const REFUSED = 'refused';

  it('is no result, whoever made it, and the verdict says where it stands', () => {
    expect(of({}, '{"a":{"sum":1e400}}')).toEqual(malformed(/^a\.sum is 1e400/, REFUSED));
    expect(of({ resultVariable: 'r' }, '[18446744073709551616]')).toEqual(malformed(/^r\[0\] is 1844/, REFUSED));
    const half = of({ resultExpression: '{x: response.half}' }, JSON.stringify({ half: '\ud800' }));
    expect(half).toEqual(malformed(/^x has half a character/, REFUSED));
    const ignored = of({ errorExpression: 'ignoreError({x: response})' }, '"\\ud800"', { status: 'failure' });
    expect(ignored).toEqual(malformed(/^x has half a character/, REFUSED));
  });

  it('does no harm where nobody takes it over', () => {
    expect(of({ resultExpression: '{b: response.b}' }, '{"a":1e400,"b":1,"c":"\\ud800"}')).toEqual(result('{"b":1}'));
    expect(of({}, '{"done":"\\ud800"}', { status: 'heartbeat' })).toMatchObject({ kind: 'heartbeat' });
  });

  it.each(['error', 'failure'] as const)('is left out of an %s, which is told all the same', (status) => {
    const told = of({}, '{"limit":1e400}', { status, code: 'E', message: 'over the limit', retries: 2 });
    expect(told).toMatchObject({
      kind: status,
      message: expect.stringMatching(/^over the limit \(Its variables were left out: limit is 1e400, /),
      variables: '{}',
    });
    const ruled = of({ errorExpression: 'bpmnError("E", "", {x: response})' }, '"\\ud800"', { status });
    expect(ruled).toMatchObject({ kind: 'error', message: expect.stringMatching(/^\(Its variables/), variables: '{}' });
  });
});

describe('an error by its headers', () => {
  it('is a BPMN error with the code, the message and the body', () => {
    const error = { status: 'error', code: 'NO_MONEY', message: 'not enough' } as const;
    const verdict = { kind: 'error', code: 'NO_MONEY', message: 'not enough' };
    expect(of({}, EXACT, error)).toEqual({ ...verdict, variables: EXACT });
    expect(of({ resultVariable: 'r', resultExpression: '{a: 1}' }, '', error)).toEqual({ ...verdict, variables: '{}' });
    expect(of({}, 'null', error)).toEqual({ ...verdict, variables: '{}' });
    expect(of({}, '{}', { ...error, code: '' })).toEqual(malformed(/needs an error code/));
    expect(of({}, '[1]', error)).toEqual(malformed(/status error .*not an object/, 'not-object'));
  });

  it('is a failure with retries and backoff', () => {
    const failure = { status: 'failure', code: 'E', message: 'down', retries: 2, backoffMs: 5000 } as const;
    const verdict = { kind: 'failure', message: 'down', retries: 2, backoffMs: 5000 };
    expect(of({}, EXACT, failure)).toEqual({ ...verdict, variables: EXACT });
    expect(of({}, '', { status: 'failure' })).toEqual({
      kind: 'failure',
      message: expect.stringMatching(/technical error/),
      retries: undefined,
      backoffMs: undefined,
      variables: '{}',
    });
    expect(of({}, '"x"', failure)).toEqual(malformed(/status failure .*not an object/, 'not-object'));
  });
});

describe('an error expression', () => {
  const ruled = (errorExpression: string, body = '{}', more: Partial<Reply> = {}) =>
    of({ errorExpression }, body, more);
  const failure = { kind: 'failure', message: 'm', retries: undefined, backoffMs: undefined, variables: '{}' };

  it.each<[string, object]>([
    ['bpmnError("E")', { kind: 'error', code: 'E', message: '', variables: '{}' }],
    ['bpmnError("E", "m")', { kind: 'error', code: 'E', message: 'm', variables: '{}' }],
    ['bpmnError("E", "m", {a: 1})', { kind: 'error', code: 'E', message: 'm', variables: '{"a":1}' }],
    ['bpmnError(message: "m", code: "E")', { kind: 'error', code: 'E', message: 'm', variables: '{}' }],
    ['jobError("m")', failure],
    ['jobError("m", {a: 1})', { ...failure, variables: '{"a":1}' }],
    ['jobError("m", {}, 0)', { ...failure, retries: 0 }],
    ['jobError("m", {}, 2, @"PT30S")', { ...failure, retries: 2, backoffMs: 30_000 }],
    ['jobError("m", {}, 2, duration("P1DT1S"))', { ...failure, retries: 2, backoffMs: 86_401_000 }],
    ['jobError("m", null, null, "PT0.5S")', { ...failure, backoffMs: 500 }],
    ['jobError(message: "m", retryBackoff: @"PT1M", retries: 1)', { ...failure, retries: 1, backoffMs: 60_000 }],
    ['jobError(null)', { ...failure, message: expect.stringMatching(/technical error/) }],
    ['ignoreError()', { kind: 'result', variables: '{}' }],
    ['ignoreError({a: 1})', { kind: 'result', variables: '{"a":1}' }],
  ])('may say %s', (expression, verdict) => {
    expect(ruled(expression)).toEqual(verdict);
    // It goes before what the headers say.
    expect(ruled(expression, '', { status: 'error', code: 'other' })).toEqual(verdict);
    expect(ruled(expression, '{"x":1}', { status: 'failure', retries: 9, backoffMs: 9 })).toEqual(verdict);
  });

  it.each(['null', '{}', 'if response.a > 1 then bpmnError("E") else null', 'if error != null then null else null'])(
    'that comes to nothing leaves the reply as it is: %s',
    (expression) => {
      expect(ruled(expression, '{"a":1}')).toEqual(result('{"a":1}'));
      expect(ruled(expression, '', { status: 'error', code: 'E' })).toMatchObject({ kind: 'error', code: 'E' });
      expect(ruled(expression, '', { status: 'failure', retries: 4 })).toMatchObject({ kind: 'failure', retries: 4 });
    },
  );

  it('sees the response, the headers, and the error when there is one', () => {
    const headers = [['ce_type', 'order.rejected']] as const;
    const byHeader = 'if headers.ce_type = "order.rejected" then bpmnError(response.code, response.why) else null';
    expect(ruled(byHeader, '{"code":"R","why":"w"}', { headers })).toMatchObject({
      kind: 'error',
      code: 'R',
      message: 'w',
    });
    expect(ruled(byHeader, '{"code":"R"}')).toMatchObject({ kind: 'result' });
    const byError = 'if is defined(error) then bpmnError(error.code, error.message) else null';
    expect(ruled(byError, '', { status: 'failure', code: 'F', message: 'm' })).toMatchObject({
      kind: 'error',
      code: 'F',
      message: 'm',
    });
    expect(ruled(byError, '{}')).toEqual(result('{}'));
    expect(ruled('if response = null then jobError("none") else null', '', { status: 'failure' })).toMatchObject({
      message: 'none',
    });
  });

  it('knows the retries of the job, or counts one down without them', () => {
    const settings = { ...NONE, errorExpression: 'jobError("m", {}, job.retries - 1)' };
    expect(interpret(settings, reply('{}'), { retries: 3 })).toMatchObject({ retries: 2 });
    expect(interpret(settings, reply('{}'))).toMatchObject({ kind: 'failure', retries: undefined });
  });

  it('is asked before the result expression, which is not asked then', () => {
    const resultExpression = '{x: nope()}';
    expect(of({ errorExpression: 'ignoreError({a: 1})', resultExpression }, '{}')).toEqual(result('{"a":1}'));
    expect(of({ errorExpression: 'null', resultExpression }, '{}')).toEqual(malformed(/^resultExpression/));
  });

  it.each([
    ['bpmnError()', /needs a code/],
    ['bpmnError("")', /needs a code/],
    ['bpmnError(null, "m")', /needs a code/],
    ['bpmnError(404)', /code of bpmnError is a number; allowed is a string/],
    ['bpmnError("E", 1)', /message of bpmnError is a number/],
    ['bpmnError("E", "m", [1])', /variables of bpmnError is a list; allowed is a context/],
    ['bpmnError("E", "m", {}, 1)', /arguments that it does not take/],
    ['jobError("m", {}, -1)', /retries of jobError is a number; allowed is a whole number from 0 to /],
    ['jobError("m", {}, 1.5)', /retries of jobError is a number/],
    ['jobError("m", {}, "2")', /retries of jobError is a text/],
    ['jobError("m", {}, 1, "soon")', /retryBackoff of jobError is a text; allowed is a duration/],
    ['jobError("m", {}, 1, @"P1M")', /retryBackoff of jobError is [^;]*; allowed is a duration/],
    ['jobError("m", {}, 1, @"-PT1S")', /retryBackoff of jobError is a duration/],
    ['ignoreError("x")', /variables of ignoreError is a text/],
    ['bpmnErorr("E")', /calls a function that does not exist/],
    ['{errorType: "bpmnError", code: "E"}', /must yield null, or call bpmnError/],
    ['"E"', /yields a string/],
    ['true', /yields a boolean/],
    ['bpmnError("', /not valid FEEL/],
  ])('that cannot be used is said to be so: %s', (expression, message) => {
    for (const status of ['result', 'error', 'failure'] as const) {
      const verdict = ruled(expression, '{}', { status, code: 'E' });
      expect(verdict).toEqual(malformed(new RegExp(`^errorExpression: .*${message.source}`)));
    }
  });

  it('cannot be played by what a service sends', () => {
    expect(ruled('response', '{"kind":"error","code":"E","is":{"kind":"ignore","variables":{}}}')).toMatchObject({
      kind: 'malformed',
    });
  });

  it('has a code and a message that fit', () => {
    const body = JSON.stringify({ long: 'x'.repeat(300_000), half: '\ud800' });
    expect(ruled('bpmnError(response.long)', body)).toEqual(malformed(/code of 300000 characters/));
    expect(ruled('jobError(response.half)', body)).toMatchObject({ message: '\ufffd' });
    expect((ruled('jobError(response.long)', body) as { message: string }).message.length).toBe(4000);
  });
});

describe('a heartbeat', () => {
  it('is progress, at most 4 KB of it, and asks no expression', () => {
    const settings = { errorExpression: 'bpmnError("E")', resultExpression: 'nope(' };
    const beat = (body: string) => of(settings, body, { status: 'heartbeat' });
    expect(beat('')).toEqual({ kind: 'heartbeat', progress: '' });
    expect(beat(' {"done": 0.50}')).toEqual({ kind: 'heartbeat', progress: ' {"done": 0.50}' });
    expect(beat(`"${'ü'.repeat(2047)}"`)).toMatchObject({ kind: 'heartbeat' });
    expect(beat(`"${'ü'.repeat(2048)}"`)).toEqual(malformed(/4098 bytes, at most 4096/, 'too-large'));
  });
});

describe('an expression', () => {
  it.each([
    ['{a: response.b, c: headers.`x-y`}', undefined],
    ['if error != null then jobError("m", {}, job.retries - 1, @"PT1M") else null', undefined],
    ['get or else(response.a, 1.50)', undefined],
    ['', /is empty/],
    [' \n', /is empty/],
    ['= response', /without the "="/],
    ['{a: 1', /ends too early|not valid FEEL/],
    ['if a then b', /ends too early/],
    ['a ] b', /not valid FEEL at character/],
    ['{id: 9007199254740993}', /9007199254740993, which is beyond 2\^53/],
    ['{id: 1e5}', /1e5; write it without an exponent/],
    [`"${'x'.repeat(8192)}"`, /8194 bytes; at most 8192/],
    ['('.repeat(4000), /FEEL/],
  ])('is checked before anybody relies on it: %s', (expression, fault) => {
    if (fault === undefined) expect(checkExpression(expression)).toBeUndefined();
    else expect(checkExpression(expression)).toMatch(fault);
  });

  it('means the same however often other expressions were asked between', () => {
    const ask = () => of({ resultExpression: '{a: response.a}' }, '{"a":1}');
    expect(ask()).toEqual(result('{"a":1}'));
    for (let i = 0; i < 600; i++)
      expect(checkExpression(i % 2 ? `{a: ${i}}` : `{a: ${i}`) === undefined).toBe(i % 2 === 1);
    expect(ask()).toEqual(result('{"a":1}'));
  });

  it('cannot keep a node busy for ever', () => {
    const body = JSON.stringify({ text: `${'a'.repeat(40)}b` });
    expect(of({ resultExpression: '{x: matches(response.text, "^(a+)+$")}' }, body)).toEqual(
      malformed(/longer than 1001 ms/),
    );
    expect(of({ resultExpression: '{x: matches(response.text, "^a+b$")}' }, body)).toEqual(result('{"x":true}'));
  });

  it('may be interrupted once, as by a machine that was suspended', () => {
    let tries = 0;
    const slowUntil = (fast: number) => () => {
      tries += 1;
      while (tries < fast);
      return 'done';
    };
    expect(withinLimit(slowUntil(2), 20)).toBe('done');
    tries = 0;
    expect(() => withinLimit(slowUntil(3), 20)).toThrow('it takes longer than 20 ms');
    expect(tries).toBe(2);
    expect(() =>
      withinLimit(() => {
        throw new TypeError('its own');
      }, 20),
    ).toThrow('its own');
  });

  it('over a reply that is nested too deeply has a verdict', () => {
    const depth = 100_000;
    const body = `{"x":${'['.repeat(depth)}${']'.repeat(depth)},"id":9007199254740993}`;
    expect(of({ resultExpression: '{id: response.id}' }, body)).toEqual(malformed(/nested too deeply/));
    expect(of({ resultVariable: 'r' }, body)).toEqual(malformed(/^r\.x.* more than 1000 levels/, 'refused'));
  });
});

it('a malformed reply stays what it is', () => {
  const content: ReplyContent = { kind: 'malformed', reason: 'too-large', message: 'm' };
  expect(interpret({ ...NONE, errorExpression: 'bpmnError("E")' }, content)).toBe(content);
});

it('whatever a service sends and a model says, there is a verdict', () => {
  const expression = fc.oneof(
    fc.constantFrom(
      '',
      'response',
      '{x: response.a, y: headers.b}',
      'response.a + response.b',
      'for i in response return i',
      '{x: string(response)}',
      'bpmnError(response.a, response.b, response)',
      'jobError(response.a, response, response.b, response.c)',
      'ignoreError(response)',
      'response[item > 1]',
      '{x: sort(response, function(a, b) a < b)}',
      'finishes(response)',
    ),
    fc.string(),
  );
  const body = fc.oneof(
    fc.json(),
    fc.jsonValue().map((a) => JSON.stringify({ a, b: '9007199254740993', c: 'PT1S' })),
    fc.constantFrom(
      '',
      '{"a":9007199254740993,"b":1}',
      '[9007199254740993]',
      '{"__proto__":{"a":1}}',
      '{"toJSON":1}',
      'no JSON',
    ),
  );
  const status = fc.constantFrom('result', 'error', 'failure', 'heartbeat');
  const headers = fc.array(fc.tuple(fc.string(), fc.string()));
  fc.assert(
    fc.property(expression, expression, fc.string(), body, status, headers, (r, e, resultVariable, text, s, h) => {
      const settings = { resultVariable, resultExpression: r, errorExpression: e };
      const verdict = interpret(settings, reply(text, { status: s as Reply['status'], code: 'E', headers: h }));
      if ('variables' in verdict && text !== 'no JSON') {
        const variables: unknown = JSON.parse(verdict.variables);
        expect(variables !== null && typeof variables === 'object' && !Array.isArray(variables)).toBe(true);
      }
      if (verdict.kind === 'malformed') expect(verdict.message).not.toBe('');
    }),
    { numRuns: 1_500 },
  );
});
