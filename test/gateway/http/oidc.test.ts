// Tokens of an identity provider, with a real one of the test's own: keys made by jose, discovery and JWKS over HTTP. Each
// way to forge or misuse a token is tried.
import { createSign, generateKeyPairSync } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { OidcSettings } from '../../../src/gateway/config/api.ts';
import { Oidc } from '../../../src/gateway/http/api/oidc.ts';
import { eventually } from '../../support/eventually.ts';
import { type LoggedLine, logInto, trial } from './trial-server.ts';

interface Key {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
}

/** Serves discovery and keys, and counts how often it is asked. */
class Provider {
  readonly #server: Server;
  keys: Key[] = [];
  asked = 0;
  status = 200;
  /** Instead of the keys. */
  body: string | undefined;
  /** Of the discovery document; undefined: its own. */
  claimedIssuer: string | undefined;

  private constructor() {
    this.#server = createServer((request, response) => {
      this.asked++;
      const isKeys = request.url === '/keys';
      const headers = { location: `${this.#base}/elsewhere` };
      this.#answer(isKeys).then((body) => {
        response.writeHead(this.status, headers).end((isKeys ? this.body : undefined) ?? JSON.stringify(body));
      });
    });
  }

  static async start(): Promise<Provider> {
    const provider = new Provider();
    await new Promise<void>((resolve) => provider.#server.listen(0, '127.0.0.1', resolve));
    return provider;
  }

  async #answer(isKeys: boolean): Promise<object> {
    if (!isKeys) return { issuer: this.claimedIssuer ?? this.issuer, jwks_uri: `${this.#base}/keys` };
    const keys = this.keys.map(async ({ kid, alg, publicKey }) => ({
      ...(await exportJWK(publicKey)),
      kid,
      alg,
      use: 'sig',
    }));
    return { keys: await Promise.all(keys) };
  }

  get #base(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get issuer(): string {
    return `${this.#base}/realms/ops`;
  }

  async addKey(kid: string, alg = 'ES256'): Promise<Key> {
    const key = { kid, alg, ...(await generateKeyPair(alg, { extractable: true })) };
    this.keys.push(key);
    return key;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

let provider: Provider;
let key: Key;
let settings: OidcSettings;
let logged: LoggedLine[];
beforeEach(async () => {
  provider = await Provider.start();
  key = await provider.addKey('k1');
  logged = [];
  settings = {
    issuer: provider.issuer,
    audience: 'holdfast',
    jwksUrl: undefined,
    rolesClaim: 'roles',
    rolePrefix: 'holdfast-',
  };
});
afterEach(() => provider.stop());

const oidc = (change: Partial<OidcSettings> = {}, timing = {}) =>
  new Oidc({ ...settings, ...change }, logInto(logged), { timeoutMs: 2_000, ...timing });

const NOW_SECONDS = Math.floor(Date.now() / 1000);
/** A claim that is undefined is not there. */
const claims = (change: Readonly<Record<string, unknown>> = {}): JWTPayload => ({
  ...{ iss: provider.issuer, aud: 'holdfast', sub: 'u1', iat: NOW_SECONDS, exp: NOW_SECONDS + 300 },
  ...{ preferred_username: 'ann', roles: ['holdfast-operator', 'other'] },
  ...change,
});
const sign = (payload: JWTPayload, by: Pick<Key, 'kid' | 'alg' | 'privateKey'> = key) =>
  new SignJWT(payload).setProtectedHeader({ alg: by.alg, kid: by.kid, typ: 'JWT' }).sign(by.privateKey);
const refused = (why: string | RegExp) => ({ kind: 'refused', why: expect.stringMatching(why) });

test('a good token says who it is, by key of any asymmetric kind', async () => {
  const verifier = oidc();
  expect(await verifier.verify(await sign(claims()))).toEqual({
    kind: 'known',
    operator: { name: 'oidc:ann', role: 'operator' },
  });
  const { preferred_username: _, ...nameless } = claims({ roles: 'openid holdfast-viewer' });
  expect(await verifier.verify(await sign(nameless))).toEqual({
    kind: 'known',
    operator: { name: 'oidc:u1', role: 'viewer' },
  });
  for (const alg of ['RS256', 'PS384', 'ES384', 'EdDSA']) {
    const other = await provider.addKey(alg, alg);
    expect(await oidc().verify(await sign(claims(), other))).toMatchObject({ kind: 'known' });
  }
});

describe('roles', () => {
  test.each([
    [{}, { roles: ['holdfast-viewer', 'holdfast-admin'] }, 'admin'],
    [{ rolePrefix: 'bridge:' }, { roles: ['bridge:operator', 'holdfast-admin'] }, 'operator'],
    [{ rolesClaim: 'realm_access.roles' }, { realm_access: { roles: ['holdfast-viewer'] } }, 'viewer'],
    [{ rolesClaim: 'https://example.org/roles' }, { 'https://example.org/roles': ['holdfast-admin'] }, 'admin'],
  ])('%j in %j', async (change, payload, role) => {
    const verdict = await oidc(change).verify(await sign(claims({ roles: undefined, ...payload })));
    expect(verdict).toEqual({ kind: 'known', operator: { name: 'oidc:ann', role } });
  });

  test.each([
    [{}, {}],
    [{}, { roles: ['admin', 'holdfast-Admin', 'holdfast-', 'xholdfast-admin'] }],
    [{}, { roles: { 'holdfast-admin': true } }],
    [{ rolesClaim: 'realm_access.roles' }, { realm_access: ['holdfast-admin'] }],
    [{ rolesClaim: 'constructor.name' }, { roles: ['holdfast-admin'] }],
  ])('%j has none in %j', async (change, payload) => {
    const verdict = await oidc(change).verify(await sign(claims({ roles: undefined, ...payload })));
    expect(verdict).toEqual({
      kind: 'noRole',
      name: 'ann',
      why: expect.stringContaining('holdfast-viewer, holdfast-operator, holdfast-admin'),
    });
  });
});

test.each([
  ['\u202enna', 'u1'],
  ['ann\u200b', 'u1'],
  ['ann\n', 'u1'],
  ['\u001b[31mann', 'u1'],
  [' ann', 'u1'],
  ['\ud800', 'u1'],
  ['a'.repeat(201), 'u1'],
  [['ann'], 'u1'],
  ['Ann-Sofie Ö. 😀', 'Ann-Sofie Ö. 😀'],
])(
  'a name that could pass for another is not cleaned or cut, it is none: %j is %s',
  async (preferred_username, name) => {
    const verdict = await oidc().verify(await sign(claims({ preferred_username })));
    expect(verdict).toMatchObject({ kind: 'known', operator: { name: `oidc:${name}` } });
  },
);

describe('is not taken', () => {
  test.each([
    ['of another issuer', { iss: 'https://evil.example' }, /claim iss/],
    ['for another audience', { aud: 'billing' }, /claim aud/],
    ['for nobody', { aud: undefined }, /claim aud/],
    ['that has expired', { exp: NOW_SECONDS - 60 }, /has expired/],
    ['that never expires', { exp: undefined }, /claim exp/],
    ['that is not valid yet', { nbf: NOW_SECONDS + 120 }, /claim nbf/],
    ['that names nobody', { sub: undefined, preferred_username: '' }, /names nobody/],
    ['whose name is no text', { sub: 42, preferred_username: ['ann'] }, /names nobody/],
  ])('a token %s', async (_, change, why) => {
    expect(await oidc().verify(await sign(claims(change)))).toEqual(refused(why));
  });

  test('one that has just expired is, for clocks differ', async () => {
    expect(await oidc().verify(await sign(claims({ exp: NOW_SECONDS - 5 })))).toMatchObject({ kind: 'known' });
  });

  test('one that is signed by a key of the issuer that is too weak: the log has why', async () => {
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
    provider.body = JSON.stringify({
      keys: [{ ...weak.publicKey.export({ format: 'jwk' }), kid: 'weak', alg: 'RS256' }],
    });
    const head = Buffer.from(JSON.stringify({ alg: 'RS256', kid: 'weak' })).toString('base64url');
    const [, body] = (await sign(claims())).split('.');
    const signature = createSign('sha256').update(`${head}.${body}`).sign(weak.privateKey, 'base64url');
    expect(await oidc().verify(`${head}.${body}.${signature}`)).toEqual(refused(/cannot be verified/));
    expect(logged.map(({ message }) => message)).toEqual(['a token could not be verified']);
  });

  test('an unsigned one (alg none)', async () => {
    expect((await oidc().verify(new UnsecuredJWT(claims()).encode())).kind).toBe('refused');
    const [head, body] = (await sign(claims())).split('.');
    expect((await oidc().verify(`${head}.${body}.`)).kind).toBe('refused');
  });

  test('one that is signed by the public key as if it were a secret (HS256)', async () => {
    const rsa = await provider.addKey('k2', 'RS256');
    const secret = new TextEncoder().encode(await exportSPKI(rsa.publicKey));
    const forged = await new SignJWT(claims()).setProtectedHeader({ alg: 'HS256', kid: 'k2' }).sign(secret);
    expect(await oidc().verify(forged)).toEqual(refused(/algorithm that is not taken/));
  });

  test("one of a key that is not the issuer's, under a name that is, or with the key in itself", async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
    const forged = await sign(claims(), { kid: 'k1', alg: 'ES256', privateKey });
    expect(await oidc().verify(forged)).toEqual(refused(/signature is wrong/));
    const header = { alg: 'ES256', kid: 'k1', jwk: await exportJWK(publicKey), jku: 'https://evil.example/keys' };
    const withKey = await new SignJWT(claims()).setProtectedHeader(header).sign(privateKey);
    expect(await oidc().verify(withKey)).toEqual(refused(/signature is wrong/));
  });

  test('one whose content was changed', async () => {
    const [head, , signature] = (await sign(claims())).split('.');
    const body = Buffer.from(JSON.stringify(claims({ roles: ['holdfast-admin'] }))).toString('base64url');
    expect(await oidc().verify(`${head}.${body}.${signature}`)).toEqual(refused(/signature is wrong/));
  });

  test.each(['', 'a.b.c', 'eyJhbGciOiJFUzI1NiJ9..', '...', 'x'.repeat(10_000)])('garbage %#', async (token) => {
    expect((await oidc().verify(token)).kind).toBe('refused');
  });
});

describe('keys', () => {
  test('are fetched once, and again for one that is new, but not for each that is unknown', async () => {
    const verifier = oidc({}, { cooldownMs: 0 });
    for (let time = 0; time < 5; time++) await verifier.verify(await sign(claims()));
    expect(provider.asked).toBe(2); // discovery, keys
    const next = await provider.addKey('k2');
    expect(await verifier.verify(await sign(claims(), next))).toMatchObject({ kind: 'known' });
    expect(provider.asked).toBe(3);

    const patient = oidc({}, { cooldownMs: 60_000 });
    await patient.verify(await sign(claims()));
    const before = provider.asked;
    const { privateKey } = await generateKeyPair('ES256');
    for (let time = 0; time < 5; time++) {
      const stranger = await sign(claims(), { kid: `u${time}`, alg: 'ES256', privateKey });
      expect(await patient.verify(stranger)).toEqual(refused(/none of the issuer/));
    }
    expect(provider.asked).toBe(before);
  });

  test('come from the URL that is configured, without discovery', async () => {
    const jwksUrl = provider.issuer.replace('/realms/ops', '/keys');
    expect(await oidc({ jwksUrl }).verify(await sign(claims()))).toMatchObject({ kind: 'known' });
    expect(provider.asked).toBe(1);
  });

  test("of a discovery document that is another issuer's are not taken", async () => {
    provider.claimedIssuer = 'https://evil.example';
    expect(await oidc().verify(await sign(claims()))).toMatchObject({ kind: 'unavailable' });
    expect(String(logged[0]?.fields.err)).toContain('is of the issuer "https://evil.example"');
  });

  test('that cannot be had: it is said, the provider is left alone for a while, and then it works', async () => {
    provider.status = 503;
    const verifier = oidc({}, { askAgainMs: 100 });
    const token = await sign(claims());
    await using api = trial({ authentication: verifier });
    const ask = () => api.call({ url: '/api/v1/whoami', headers: { authorization: `Bearer ${token}` } });
    for (let time = 0; time < 3; time++) {
      expect(await ask()).toMatchObject({ status: 503, body: { code: 'AUTHENTICATION_UNAVAILABLE' } });
    }
    expect(provider.asked).toBeLessThanOrEqual(2);
    expect(JSON.stringify(logged)).not.toContain(token);
    provider.status = 200;
    await eventually('the provider to be asked again', async () => (await ask()).status === 200);
  });

  test.each([
    ['answers an error', { status: 500 }, /answers 500$/],
    ['sends one elsewhere', { status: 302 }, /fetch failed/],
    ['answers no JSON', { body: '<html>hunter2' }, /not JSON$/],
    ['answers something else', { body: '{"keys": [[]]}' }, /no JSON Web Key Set$/],
    ['answers without end', { body: `{"keys": [${' '.repeat(1024 * 1024)}]}` }, /more than 524288 bytes$/],
  ])('whoever asks with keys that nobody has does not ask a provider that %s each time', async (_, trouble, why) => {
    const verifier = oidc({}, { cooldownMs: 0, askAgainMs: 60_000 });
    const good = await sign(claims());
    await verifier.verify(good);
    Object.assign(provider, trouble);
    const before = provider.asked;
    const { privateKey } = await generateKeyPair('ES256');
    for (let time = 0; time < 5; time++) {
      const stranger = await sign(claims(), { kid: `u${time}`, alg: 'ES256', privateKey });
      expect(await verifier.verify(stranger)).toMatchObject({ kind: 'unavailable' });
    }
    expect(provider.asked).toBe(before + 1);
    expect(logged).toHaveLength(1);
    expect(String(logged[0]?.fields.err)).toMatch(why);
    expect(JSON.stringify(logged)).not.toContain('hunter2');
    expect(await verifier.verify(good)).toMatchObject({ kind: 'known' });
  });

  test('of a provider that is known already are enough while it is away', async () => {
    const verifier = oidc();
    const token = await sign(claims());
    await verifier.verify(token);
    await provider.stop();
    expect(await verifier.verify(token)).toMatchObject({ kind: 'known' });
    provider = await Provider.start();
  });

  test('that cannot be had are a line in the log now and then, however many tokens come', async () => {
    provider.status = 503;
    const verifier = oidc();
    const token = await sign(claims());
    for (let i = 0; i < 20; i++) expect(await verifier.verify(token)).toMatchObject({ kind: 'unavailable' });
    expect(logged.map(({ message }) => message)).toEqual(['the identity provider of the API gave no keys']);
  });

  test('of a provider that does not answer are not waited for without end', async () => {
    const hanging = createServer(() => undefined);
    await new Promise<void>((resolve) => hanging.listen(0, '127.0.0.1', resolve));
    const issuer = `http://127.0.0.1:${(hanging.address() as AddressInfo).port}`;
    const verdict = await oidc({ issuer }, { timeoutMs: 50 }).verify(await sign(claims()));
    expect(verdict.kind).toBe('unavailable');
    hanging.closeAllConnections();
    await new Promise((resolve) => hanging.close(resolve));
  });
});
