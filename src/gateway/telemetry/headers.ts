// Headers for the receiver of traces, which are mostly a secret that lets us in: of OTEL_EXPORTER_OTLP_HEADERS and …_TRACES_HEADERS, or of
// files that are read again for each batch. The SDK knows the variables, and no files.
import type { Rule } from '../config/rules.ts';
import { type EnvReader, type SecretText, SecretUnreadable } from '../config/secret.ts';

type Headers = Readonly<Record<string, string>>;

type Parsed =
  | { readonly kind: 'headers'; readonly headers: Headers }
  /** `found` says what is wrong without a word of a value; undefined: not even a name is there. */
  | { readonly kind: 'none'; readonly found: string | undefined };

const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Once it is decoded: what Node sends in a header. With a line break, say, every export would fail. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** As the SDK has it (W3C baggage): values are percent-encoded where they hold a comma. */
function parsed(text: string): Parsed {
  const headers: Record<string, string> = {};
  for (const pair of text.split(',').filter((part) => part.trim() !== '')) {
    // Cut by hand: a pattern for both sides would try each run of spaces in every way, and this text may be long.
    const at = pair.indexOf('=');
    const name = pair.slice(0, Math.max(at, 0)).trim();
    if (!NAME.test(name)) return { kind: 'none', found: undefined };
    const written = pair.slice(at + 1).split(';', 1)[0]!;
    const value = decoded(written.trim());
    if (value === undefined) return { kind: 'none', found: `the header ${name} with a % that begins no character` };
    if (!VALUE.test(value))
      return { kind: 'none', found: `the header ${name} with a character that no header may have` };
    headers[name] = value;
  }
  return Object.keys(headers).length === 0 ? { kind: 'none', found: undefined } : { kind: 'headers', headers };
}

function decoded(value: string): string | undefined {
  try {
    return decodeURIComponent(value);
  } catch {
    return undefined;
  }
}

function parsedText(raw: unknown): Parsed {
  return typeof raw === 'string' ? parsed(raw) : { kind: 'none', found: undefined };
}

const HEADERS: Rule<string> = {
  allowed:
    'headers separated by commas, such as api-key=KEY,x-tenant=orders, percent-encoded where a value has a comma',
  secret: true,
  parse: (raw) => (parsedText(raw).kind === 'headers' ? (raw as string) : undefined),
  found: (raw) => {
    const read = parsedText(raw);
    return read.kind === 'none' ? read.found : undefined;
  },
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
        const read = parsed(secret.read());
        last[index] = read.kind === 'headers' ? read.headers : {};
      } catch (error) {
        if (!(error instanceof SecretUnreadable)) throw error;
        told(error.message);
      }
    });
    return Object.assign({}, ...last);
  };
}
