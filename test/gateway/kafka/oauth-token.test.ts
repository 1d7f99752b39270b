import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { SecretText } from '../../../src/gateway/config/secret.ts';
import { TokenSource } from '../../../src/gateway/kafka/oauth-token.ts';
import { eventually } from '../../support/eventually.ts';
import { TokenEndpoint } from '../../support/token-endpoint.ts';

const SECRET = 's3cr3t:&+ü';
const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

function sourceFor(tokenUrl: string, clientSecret = () => SECRET): TokenSource {
  const settings = { mechanism: 'OAUTHBEARER', tokenUrl, clientId: 'bridge one', scope: '' } as const;
  return new TokenSource({ ...settings, clientSecret: new SecretText(clientSecret) });
}

test('is asked for once at a time, kept, and asked for again when Kafka does not take it', async () => {
  await using endpoint = await TokenEndpoint.start(() => ({ subject: 'bridge' }));
  const source = sourceFor(endpoint.url);
  const tokens = await Promise.all([source.token(), source.token(), source.token()]);
  expect(new Set(tokens)).toEqual(new Set([await source.token()]));
  expect(endpoint.requests).toHaveLength(1);
  // Form-encoded, as RFC 6749 has it, so that no secret is taken apart at its own colon.
  expect(endpoint.requests[0]?.login).toBe('bridge+one:s3cr3t%3A%26%2B%C3%BC');
  expect([...(endpoint.requests[0]?.form.keys() ?? [])]).toEqual(['grant_type']);
  source.forget();
  await source.token();
  expect(endpoint.requests).toHaveLength(2);
});

test('after a failure the endpoint is left in peace for a while, and nothing but its error code is told', async () => {
  await using endpoint = await TokenEndpoint.start(() => ({ error: 'invalid_client' }));
  const source = sourceFor(endpoint.url);
  const failures = await Promise.all(
    Array.from({ length: 5 }, () => source.token().catch((error: unknown) => String(error))),
  );
  const again = await source.token().catch((error: unknown) => String(error));
  expect(new Set([...failures, again]).size).toBe(1);
  expect(endpoint.requests).toHaveLength(1);
  expect(again).toMatch(
    /answered 401 \(invalid_client\); check KAFKA_SASL_OAUTHBEARER_CLIENT_ID and .*_CLIENT_SECRET$/,
  );
  // The endpoint told the whole login in its description.
  expect(again).not.toContain('s3cr3t');
  endpoint.answer = () => ({ subject: 'bridge' });
  await eventually('a token', () => source.token());
  expect(endpoint.requests).toHaveLength(2);
});

test('a secret that changed is used at the next question', async () => {
  await using endpoint = await TokenEndpoint.start(() => ({ subject: 'bridge', expiresInS: 0.05 }));
  let secret = 'old';
  const source = sourceFor(endpoint.url, () => secret);
  await source.token();
  secret = 'new';
  await eventually('another question', async () => (await source.token()) && endpoint.requests.length > 1);
  expect(endpoint.requests.map(({ login }) => login.split(':')[1])).toEqual(['old', 'new']);
});

test.each([
  ['no JSON', 'tokens are out', /answered 200; check KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL/],
  ['no token', '{"access_token":7}', /answered 200; check/],
  ['too much', 'x'.repeat(70_000), /answered more than 65536 bytes/],
  ['nothing at all', undefined, /did not answer in time; check KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL/],
])('an endpoint that answers %s', async (_, answer, expected) => {
  const server = createServer((_request, response) => {
    if (answer !== undefined) response.end(answer);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const source = sourceFor(`http://127.0.0.1:${(server.address() as AddressInfo).port}/token`);
  await expect(source.token()).rejects.toThrow(expected);
});
