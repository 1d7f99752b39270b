// A history is believed as it stands, so what is not an event must not pass for one, and nothing that was written may be lost.
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { HistoryUnreadable, HistoryWriter, parseHistory, readHistory } from './history.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'history-'));
});

afterEach(() => rmSync(directory, { recursive: true }));

test('what the participants write is read, from all files', () => {
  using driver = new HistoryWriter(directory, 'driver');
  using bucket = new HistoryWriter(directory, 'bucket');
  driver.write({ kind: 'started', token: 'a', instanceKey: '1' }, 5);
  bucket.write({ kind: 'sent', incarnation: 'i1', upTo: 7, except: [['12', 1]], revision: 8, storedMs: 4 }, 6);
  expect(readHistory(directory).toSorted((a, b) => a.atMs - b.atMs)).toEqual([
    { atMs: 5, kind: 'started', token: 'a', instanceKey: '1' },
    { atMs: 6, kind: 'sent', incarnation: 'i1', upTo: 7, except: [['12', 1]], revision: 8, storedMs: 4 },
  ]);
});

test('a participant that starts again writes another file', () => {
  using _first = new HistoryWriter(directory, 'service');
  expect(() => new HistoryWriter(directory, 'service')).toThrow(/EEXIST/);
});

test('the line that a killed participant was writing is left out, and nothing else', () => {
  using driver = new HistoryWriter(directory, 'driver');
  driver.write({ kind: 'creating', token: 'a' }, 1);
  appendFileSync(join(directory, 'driver.jsonl'), '{"atMs":2,"kind":"star');
  expect(readHistory(directory)).toEqual([{ atMs: 1, kind: 'creating', token: 'a' }]);
});

test.each([
  ['{"atMs":2,"kind":"star', /JSON/],
  ['7', /not an object/],
  ['{"atMs":2,"kind":"guessed"}', /unknown kind guessed/],
  ['{"kind":"healing"}', /atMs/],
  ['{"atMs":2,"kind":"started","token":"a"}', /instanceKey/],
  ['{"atMs":2,"kind":"creating","token":"a","amount":9007199254740993}', /amount/],
  ['{"atMs":2,"kind":"fault","what":"flood","target":"n1","phase":"begin"}', /what/],
  ['{"atMs":2,"kind":"fault","what":"cut","target":"n1","server":"disk","phase":"begin"}', /server/],
  ['{"atMs":2,"kind":"sent","incarnation":"i","upTo":1,"except":[[1,1]],"revision":2,"storedMs":1}', /except/],
])('a line that is no event is named: %s', (line, reason) => {
  const parse = () => parseHistory('driver.jsonl', `{"atMs":1,"kind":"healing"}\n${line}\n`);
  expect(parse).toThrow(HistoryUnreadable);
  expect(parse).toThrow(/^driver\.jsonl:2 /);
  expect(parse).toThrow(reason);
});
