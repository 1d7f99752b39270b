// Asks a schema registry over Confluent's API (docs.confluent.io, "Schema Registry API reference"), of which it needs three
// reads. Plain HTTP by fetch: every question has one deadline, whatever it takes, and its answer a largest size.
//
// Only an answer in the registry's own words (an error_code 404xx) means that something is unknown. Everything else that is
// not an answer, refused credentials and a wrong URL among it, means that nothing is known: to ask again is always safe.
import { textOf, whyNoAnswer } from '../fetch-answers.ts';
import type { RegisteredSchema } from './codec.ts';
import { RegistryUnavailable, SchemaUnknown, SchemaUnusable } from './errors.ts';

export interface RegistryClientOptions {
  /** Roots of the API of one registry, tried in turn, beginning with the one that answered last. */
  readonly urls: readonly string[];
  /** `user:password`, or '' for none; asked before each question. */
  readonly userInfo?: () => string;
  /** For one question with all of its references and servers; default 5 s. */
  readonly deadlineMs?: number;
}

/** More are a mistake, or a cycle across versions. */
const MAX_REFERENCES = 64;
/** Of one answer. Kafka itself takes no larger record by default, and registries keep schemas in Kafka. */
const MAX_ANSWER_BYTES = 1024 * 1024;

interface Reference {
  readonly name: string;
  readonly subject: string;
  readonly version: number;
}

export class RegistryClient {
  readonly #urls: readonly string[];
  readonly #userInfo: () => string;
  readonly #deadlineMs: number;
  #preferred = 0;

  constructor({ urls, userInfo = () => '', deadlineMs = 5_000 }: RegistryClientOptions) {
    this.#urls = urls.map((url) => url.replace(/\/+$/, ''));
    this.#userInfo = userInfo;
    this.#deadlineMs = deadlineMs;
  }

  /** The id of the latest schema of a subject. @throws SchemaUnknown, RegistryUnavailable */
  async latestId(subject: string): Promise<number> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions/latest`;
    const { id } = await this.#get(path, `subject ${subject}`, AbortSignal.timeout(this.#deadlineMs));
    return typeof id === 'number' ? id : this.#strange(path);
  }

  /** @throws SchemaUnknown, SchemaUnusable, RegistryUnavailable */
  async schema(id: number): Promise<RegisteredSchema> {
    const deadline = AbortSignal.timeout(this.#deadlineMs);
    const path = `/schemas/ids/${id}`;
    const answer = await this.#get(path, `schema with id ${id}`, deadline);
    const references = new Map<string, { name: string; text: string }>();
    const started = new Set<string>();
    const follow = async (above: Answer): Promise<void> => {
      for (const { name, subject, version } of referencesOf(above)) {
        const key = JSON.stringify([name, subject, version]);
        if (started.has(key)) continue;
        started.add(key);
        if (started.size > MAX_REFERENCES) {
          throw new SchemaUnusable(`schema ${id}`, `it refers to more than ${MAX_REFERENCES} others`);
        }
        const referencePath = `/subjects/${encodeURIComponent(subject)}/versions/${version}`;
        const what = `version ${version} of subject ${subject}, which schema ${id} refers to`;
        const referenced = await this.#get(referencePath, what, deadline);
        await follow(referenced);
        references.set(key, { name, text: this.#textOf(referenced, referencePath) });
      }
    };
    await follow(answer);
    const type = answer.schemaType ?? 'AVRO';
    return { type: String(type), text: this.#textOf(answer, path), references: [...references.values()] };
  }

  #textOf({ schema }: Answer, path: string): string {
    return typeof schema === 'string' ? schema : this.#strange(path);
  }

  #strange(path: string): never {
    throw new RegistryUnavailable(this.#url(0), `gave an answer to GET ${path} that is none of a schema registry`);
  }

  #url(turn: number): string {
    return this.#urls[(this.#preferred + turn) % this.#urls.length] ?? '';
  }

  /** @throws RegistryUnavailable when the credentials cannot be read */
  #headers(): Readonly<Record<string, string>> {
    const accept = 'application/vnd.schemaregistry.v1+json, application/json';
    try {
      const userInfo = this.#userInfo();
      return userInfo === ''
        ? { accept }
        : { accept, authorization: `Basic ${Buffer.from(userInfo).toString('base64')}` };
    } catch (error) {
      throw new RegistryUnavailable(this.#url(0), `was not asked: ${(error as Error).message}`, error);
    }
  }

  /** One server after the other, each with its share of the time, until one has an answer. */
  async #get(path: string, what: string, deadline: AbortSignal): Promise<Answer> {
    const headers = this.#headers();
    let last: unknown;
    for (let turn = 0; turn < this.#urls.length; turn++) {
      const url = this.#url(turn);
      const share = AbortSignal.timeout(Math.ceil(this.#deadlineMs / this.#urls.length));
      try {
        const answer = await ask(url, path, what, headers, AbortSignal.any([deadline, share]));
        this.#preferred = this.#urls.indexOf(url);
        return answer;
      } catch (error) {
        if (!(error instanceof RegistryUnavailable)) throw error;
        last = error;
      }
    }
    throw last;
  }
}

type Answer = Readonly<Record<string, unknown>>;

async function ask(
  url: string,
  path: string,
  what: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Answer> {
  let status: number;
  let text: string;
  try {
    const response = await fetch(url + path, { headers, signal });
    status = response.status;
    text = await textOf(response, MAX_ANSWER_BYTES);
  } catch (error) {
    throw new RegistryUnavailable(url, whyNoAnswer(error), error);
  }
  const answer = parse(text);
  if (status === 200 && answer !== undefined) return answer;
  if (status === 404 && /^404\d\d$/.test(String(answer?.error_code))) throw new SchemaUnknown(what);
  if (status === 401 || status === 403) {
    throw new RegistryUnavailable(
      url,
      `refused the credentials (${status}): check SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO and what that user may read`,
    );
  }
  const remedy = status === 404 || status === 200 ? ': is this the root of a schema registry’s API?' : '';
  throw new RegistryUnavailable(url, `answered GET ${path} with ${status}${remedy}`);
}

function parse(text: string): Answer | undefined {
  try {
    const answer: unknown = JSON.parse(text);
    return typeof answer === 'object' && answer !== null ? (answer as Answer) : undefined;
  } catch {
    return undefined;
  }
}

function referencesOf({ references }: Answer): readonly Reference[] {
  return Array.isArray(references) ? (references as Reference[]) : [];
}
