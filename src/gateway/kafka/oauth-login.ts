// Logging in to Kafka with a token: SASL OAUTHBEARER (RFC 7628). kafkajs's own takes whatever the broker answers for a yes, and
// the no, which comes as a message of the mechanism and not as an error, shows only at the next request as a broken protocol.
import kafkajs, { type KafkaConfig } from 'kafkajs';
import type { TokenSource } from './oauth-token.ts';

export function bearerLogin(tokens: TokenSource): NonNullable<KafkaConfig['sasl']> {
  return {
    mechanism: 'oauthbearer',
    authenticationProvider: ({ saslAuthenticate }) => ({
      authenticate: async () => {
        const token = await tokens.token();
        try {
          const refusal = await saslAuthenticate({
            request: { encode: () => sized(`n,,\u0001auth=Bearer ${token}\u0001\u0001`) },
            response: { decode: (answer) => answer.subarray(4), parse: (answer) => answer.toString('utf8') },
          });
          if (refusal) throw new Error(statusIn(refusal));
        } catch (error) {
          tokens.forget();
          const { message } = error as Error;
          const refused = new kafkajs.KafkaJSNonRetriableError(`SASL OAUTHBEARER authentication failed: ${message}`);
          throw Object.assign(refused, { name: 'KafkaJSSASLAuthenticationError' });
        }
      },
    }),
  };
}

/** kafkajs wants bytes with their length before them, and gives them so. */
function sized(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  const length = Buffer.alloc(4);
  length.writeInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** `{"status":"invalid_token", …}` */
function statusIn(refusal: string): string {
  const status = /"status"\s*:\s*"([\w-]{1,64})"/.exec(refusal)?.[1];
  return status ?? 'the broker did not take the token';
}
