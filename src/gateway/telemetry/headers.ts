// Headers for the receiver of traces, which are mostly a secret that lets us in: of OTEL_EXPORTER_OTLP_HEADERS and …_TRACES_HEADERS, or of
// files that are read again for each batch. The SDK knows the variables, and no files.
import type { Rule } from '../config/rules.ts';
import { type EnvReader, type SecretText, SecretUnreadable } from '../config/secret.ts';

type Headers = Readonly<Record<string, string>>;

const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const VALUE = /^[\x20-\x7e]*$/;

/** As the SDK has it (W3C baggage): values are percent-encoded where they hold a comma. */
function parsed(text: string): Headers | undefined {
  const headers: Record<string, string> = {};
  for (const pair of text.split(',').filter((part) => part.trim() !== '')) {
    // Cut by hand: a pattern for both sides would try each run of spaces in every way, and this text may be long.
    const at = pair.indexOf('=');
    const name = pair.slice(0, Math.max(at, 0)).trim();
    const value = pair
      .slice(at + 1)
      .split(';', 1)[0]!
      .trim();
    if (!NAME.test(name) || !VALUE.test(value)) return undefined;
    try {
      headers[name] = decodeURIComponent(value);
    } catch {
      return undefined;
    }
  }
  return Object.keys(headers).length === 0 ? undefined : headers;
}

const HEADERS: Rule<string> = {
  allowed:
    'headers separated by commas, such as api-key=KEY,x-tenant=orders, percent-encoded where a value has a comma',
  secret: true,
  parse: (raw) => (typeof raw === 'string' && parsed(raw) !== undefined ? raw : undefined),
};

/** The later of two that name one header wins. */
export function headersGiven(env: EnvReader): readonly SecretText[] {
  const given = [
    env.secret('OTEL_EXPORTER_OTLP_HEADERS', HEADERS),
    env.secret('OTEL_EXPORTER_OTLP_TRACES_HEADERS', HEADERS),
  ];
  return given.filter((one) => one !== undefined);
}

/**
 * As they are now. What cannot be read any more is `told`, and stands as it was read last: an exporter must not throw here, and a file
 * may be away for the moment in which it is replaced.
 */
export function headersSource(
  given: readonly SecretText[],
  told: (reason: string) => void,
): () => Promise<Record<string, string>> {
  const last = given.map((): Headers => ({}));
  return async () => {
    given.forEach((secret, index) => {
      try {
        last[index] = parsed(secret.read()) ?? {};
      } catch (error) {
        if (!(error instanceof SecretUnreadable)) throw error;
        told(error.message);
      }
    });
    return Object.assign({}, ...last);
  };
}
