// Which monitoring ports of NATS are asked.
import { expect, test } from 'vitest';
import { monitorUrls } from '../../../src/gateway/cli/look.ts';

test('those that are named and no others', () => {
  const natsMonitorUrls = ['http://a:1', 'https://b'];
  expect(monitorUrls({ natsMonitorUrls, natsUrls: ['nats://c:4222'] }, ['10.0.0.1:4222'])).toEqual(natsMonitorUrls);
});

test('else port 8222 of every server that advertises itself or is named, whatever is in its address, each once', () => {
  const natsUrls = ['nats://me:pa:1@nats-1:4222', 'tls://nats-2', '10.0.0.2:4333', '[::1]:4222'];
  expect(monitorUrls({ natsMonitorUrls: [], natsUrls }, ['10.0.0.1:4222', '10.0.0.2:4222', '[fe80::1]:4222'])).toEqual(
    ['10.0.0.1', '10.0.0.2', '[fe80::1]', 'nats-1', 'nats-2', '[::1]'].map((host) => `http://${host}:8222`),
  );
  // A zone is no part of a URL.
  expect(monitorUrls({ natsMonitorUrls: [], natsUrls: ['n'] }, ['[fe80::1%eth0]:4222'])).toEqual(['http://n:8222']);
});
