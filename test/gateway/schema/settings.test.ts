// The settings of a schema registry: what is taken, and what is not.
import { expect, test } from 'vitest';
import { MESSAGE, REGISTRY_URLS, REGISTRY_USER_INFO, SUBJECT } from '../../../src/gateway/schema/settings.ts';

test.each([
  ['http://registry:8081', ['http://registry:8081']],
  ['https://a.example/apis/ccompat/v7, http://[::1]:8081', ['https://a.example/apis/ccompat/v7', 'http://[::1]:8081']],
])('URLs: %s', (raw, urls) => {
  expect(REGISTRY_URLS.parse(raw)).toEqual(urls);
});

test.each(['registry:8081', 'http://me:secret@registry', 'http://a,', 'ftp://a', 'http://a?b', 5, ''])(
  'no URLs: %s',
  (raw) => {
    expect(REGISTRY_URLS.parse(raw)).toBeUndefined();
  },
);

test('credentials are a user, a colon and a password, and secret', () => {
  expect(REGISTRY_USER_INFO.parse('me:pass:word')).toBe('me:pass:word');
  expect(REGISTRY_USER_INFO.parse('me')).toBeUndefined();
  expect(REGISTRY_USER_INFO.secret).toBe(true);
});

test('subjects and messages', () => {
  expect([SUBJECT.parse('orders-value'), SUBJECT.parse(''), SUBJECT.parse('a\nb')]).toEqual([
    'orders-value',
    undefined,
    undefined,
  ]);
  expect([MESSAGE.parse('shop.v1.Order'), MESSAGE.parse('.Order')]).toEqual(['shop.v1.Order', undefined]);
});
