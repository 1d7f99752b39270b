// Who asks? A bearer token is verified by whoever knows its kind: the file of tokens (tokens.ts), an identity provider
// (oidc.ts). None of them says to the caller, or to the log, more of a token than why it was not taken.
import type { ApiSettings } from '../../config/api.ts';
import type { Log } from '../../log.ts';
import { Oidc } from './oidc.ts';
import { TokenFile } from './tokens.ts';
import type { Authentication } from './verdict.ts';

/** As configured; undefined: nobody is asked. @throws ConfigError, or what reading the file of tokens throws */
export function authenticationFrom(
  { tokensFile, oidc }: Pick<ApiSettings, 'tokensFile' | 'oidc'>,
  log: Log,
): Authentication | undefined {
  const tokens = tokensFile === undefined ? undefined : new TokenFile(tokensFile, log);
  const provider = oidc === undefined ? undefined : new Oidc(oidc, log);
  if (tokens === undefined || provider === undefined) return tokens ?? provider;
  return {
    async verify(token) {
      const verdict = await tokens.verify(token);
      return verdict.kind === 'refused' && JWT.test(token) ? provider.verify(token) : verdict;
    },
    close() {
      tokens.close();
      provider.close();
    },
  };
}

/** Three parts, the first of which is the beginning of a JSON object. */
const JWT = /^eyJ[\w-]*\.[\w-]*\.[\w-]*$/;
