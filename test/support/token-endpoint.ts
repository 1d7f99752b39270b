// An identity provider for tests, as far as the client credentials grant and the keys that brokers check signatures with go: it
// gives out JWTs that it has signed, or that somebody else has.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { exportJWK, type GenerateKeyPairResult, generateKeyPair, SignJWT } from 'jose';

export interface TokenRequest {
  /** `id:secret`, as the client sent it. */
  readonly login: string;
  readonly form: URLSearchParams;
}

/** What the endpoint answers: a token for this subject, or an error of RFC 6749. */
export type TokenAnswer =
  | {
      readonly subject: string;
      readonly scope?: string;
      /** What it is said to be; the token itself is valid for a minute at least. */
      readonly expiresInS?: number;
      readonly audience?: string;
      readonly issuer?: string;
      /** By a key of somebody else, under the name of ours; or by nobody. */
      readonly signedBy?: 'stranger' | 'nobody';
      /** It was valid until an hour ago. */
      readonly expired?: boolean;
    }
  | { readonly error: string; readonly status?: number };

type Grant = Extract<TokenAnswer, { readonly subject: string }>;

const KEY_ID = 'key-1';
export const AUDIENCE = 'kafka';

export class TokenEndpoint implements AsyncDisposable {
  readonly requests: TokenRequest[] = [];
  answer: (request: TokenRequest) => TokenAnswer;
  readonly #own: GenerateKeyPairResult;
  readonly #stranger: GenerateKeyPairResult;
  readonly #server = createServer((request, response) => void this.#serve(request, response));

  private constructor(
    answer: (request: TokenRequest) => TokenAnswer,
    own: GenerateKeyPairResult,
    stranger: GenerateKeyPairResult,
  ) {
    this.answer = answer;
    this.#own = own;
    this.#stranger = stranger;
  }

  static async start(answer: (request: TokenRequest) => TokenAnswer): Promise<TokenEndpoint> {
    const keys = () => generateKeyPair('RS256', { extractable: true });
    const endpoint = new TokenEndpoint(answer, await keys(), await keys());
    await new Promise<void>((resolve) => endpoint.#server.listen(0, '127.0.0.1', resolve));
    return endpoint;
  }

  get issuer(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get url(): string {
    return `${this.issuer}/token`;
  }

  /** Where the keys are that signatures are checked with. */
  get jwksUrl(): string {
    return `${this.issuer}/jwks`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const send = (status: number, body: object) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    if (request.url === '/jwks') {
      const key = await exportJWK(this.#own.publicKey);
      return send(200, { keys: [{ ...key, kid: KEY_ID, alg: 'RS256', use: 'sig' }] });
    }
    const [, credentials = ''] = (request.headers.authorization ?? '').split(' ');
    const login = Buffer.from(credentials, 'base64').toString();
    const read = { login, form: new URLSearchParams(await text(request)) };
    this.requests.push(read);
    const answer = this.answer(read);
    if ('error' in answer) return send(answer.status ?? 401, { error: answer.error, error_description: login });
    const { expiresInS = 300 } = answer;
    send(200, { access_token: await this.#token(answer), token_type: 'bearer', expires_in: expiresInS });
  }

  async #token(grant: Grant): Promise<string> {
    const { subject, scope, expiresInS = 300, audience = AUDIENCE, issuer = this.issuer, signedBy, expired } = grant;
    const nowS = Math.floor(Date.now() / 1_000) - (expired === true ? 7_200 : 0);
    const life = { iat: nowS, exp: nowS + Math.max(60, expiresInS) };
    const claims = { iss: issuer, aud: audience, sub: subject, ...(scope !== undefined && { scope }), ...life };
    if (signedBy === 'nobody') {
      const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
      return `${part({ alg: 'none' })}.${part(claims)}.`;
    }
    const { privateKey } = signedBy === 'stranger' ? this.#stranger : this.#own;
    return new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: KEY_ID }).sign(privateKey);
  }
}
