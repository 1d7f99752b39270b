// An identity provider for tests, as far as the client credentials grant goes: tokens that Kafka takes without a signature
// (OAuthBearerUnsecuredValidatorCallbackHandler, which is for such purposes only).
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface TokenRequest {
  /** `id:secret`, as the client sent it. */
  readonly login: string;
  readonly form: URLSearchParams;
}

/** What the endpoint answers: a token for this subject, or an error of RFC 6749. */
export type TokenAnswer =
  | { readonly subject: string; readonly scope?: string; readonly expiresInS?: number }
  | { readonly error: string; readonly status?: number };

export class TokenEndpoint implements AsyncDisposable {
  readonly requests: TokenRequest[] = [];
  answer: (request: TokenRequest) => TokenAnswer;
  readonly #server = createServer((request, response) => {
    void this.#read(request).then((read) => {
      this.requests.push(read);
      const answer = this.answer(read);
      const failed = 'error' in answer;
      response.writeHead(failed ? (answer.status ?? 401) : 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(failed ? { error: answer.error, error_description: read.login } : grant(answer)));
    });
  });

  private constructor(answer: (request: TokenRequest) => TokenAnswer) {
    this.answer = answer;
  }

  static async start(answer: (request: TokenRequest) => TokenAnswer): Promise<TokenEndpoint> {
    const endpoint = new TokenEndpoint(answer);
    await new Promise<void>((resolve) => endpoint.#server.listen(0, '127.0.0.1', resolve));
    return endpoint;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/token`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #read(request: IncomingMessage): Promise<TokenRequest> {
    const [, credentials = ''] = (request.headers.authorization ?? '').split(' ');
    const login = Buffer.from(credentials, 'base64').toString();
    return { login, form: new URLSearchParams(await text(request)) };
  }
}

function grant({ subject, scope, expiresInS = 300 }: Extract<TokenAnswer, { readonly subject: string }>) {
  const nowS = Math.floor(Date.now() / 1_000);
  const claims = {
    sub: subject,
    iat: nowS,
    exp: nowS + Math.max(60, expiresInS),
    ...(scope !== undefined && { scope }),
  };
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return { access_token: `${part({ alg: 'none' })}.${part(claims)}.`, token_type: 'bearer', expires_in: expiresInS };
}
