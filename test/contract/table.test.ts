// What docs/services.md says of the frameworks is what their services' sources are, and each listener is a short one.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { SERVICES, sourcesOf } from './services.ts';
import { answerIn, DOCUMENT, listenerOf, upToDate } from './table.ts';

test('docs/services.md is up to date; if not: node test/contract/table.ts', () => {
  const document = readFileSync(DOCUMENT, 'utf8');
  expect(document).toBe(upToDate(document));
});

test.each(SERVICES)('$name: a listener of at most fifteen lines, none of them too long to read', (service) => {
  const listener = listenerOf(readFileSync(join(sourcesOf(service), service.source), 'utf8'));
  expect(listener.length).toBeLessThanOrEqual(15);
  expect(listener.filter((line) => line.length > 120)).toEqual([]);
});

describe('what is taken from a source', () => {
  const source = [
    'before',
    '  // listener',
    '  charge(card) {',
    '',
    "    if (card === 'ok') return 1;",
    "    if (card === 'declined') {",
    '      tell();',
    '      return 2;',
    '    }',
    '    other();',
    '  }',
    '  // end of listener',
    'after',
  ].join('\n');

  test('the lines between the comments, without blank ones', () => {
    expect(listenerOf(source)).toHaveLength(8);
    expect(listenerOf(source)[0]).toBe('charge(card) {');
    expect(() => listenerOf(source.replace('end of', 'END'))).toThrow(/end of listener/);
  });

  test('an answer is the rest of its line and what is deeper, in each language', () => {
    const listener = listenerOf(source);
    expect(answerIn(listener, 'ok')).toEqual(['return 1;']);
    expect(answerIn(listener, 'declined')).toEqual(['tell();', 'return 2;']);
    expect(() => answerIn(listener, 'down')).toThrow(/"down"/);
    expect(answerIn(['case "ok" -> one', '    .two();', 'default -> null;'], 'ok')).toEqual(['one', '.two();']);
    expect(answerIn(['case "ok":', '    value = 1', 'case _:'], 'ok')).toEqual(['value = 1']);
  });
});
