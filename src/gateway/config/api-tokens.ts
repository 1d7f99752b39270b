// The file of tokens: who may use the API, a YAML list of name, role and the SHA-256 of a token. The tokens themselves are
// nowhere here; a digest of something random cannot be turned back. It is read at the start and whenever it changes.
import { ROLES, type Role } from '../operations/operations.ts';
import { ConfigError, type Fault } from './faults.ts';
import { oneOf, type Rule } from './rules.ts';
import { readYamlList } from './yaml.ts';

export interface TokenEntry {
  readonly name: string;
  readonly role: Role;
  /** SHA-256 of the token, 32 bytes. */
  readonly digest: Uint8Array;
}

const MAX_TOKENS = 256;
const EXAMPLE = 'each with name, role and sha256, such as "{name: ann, role: operator, sha256: 9f86d0…}"';
/** Who acts where nobody has to say who they are: on loopback, without authentication. */
export const LOCAL_NAME = 'local';
const NAME: Rule<string> = {
  allowed: `1 to 100 letters, digits, spaces, ".", "_", "@" and "-", but not "${LOCAL_NAME}", which is who acts without authentication, and no ":", for "oidc:" begins the names of the identity provider`,
  parse(raw) {
    if (typeof raw !== 'string' || !/^[\p{L}\p{N}._@ -]{1,100}$/u.test(raw)) return undefined;
    // In the audit nobody may look like somebody else by a capital or a space.
    return raw.normalize('NFKC').trim().toLowerCase() === LOCAL_NAME ? undefined : raw;
  },
};
const SHA256: Rule<Uint8Array> = {
  // It may be the token itself that somebody has put there.
  secret: true,
  allowed: 'the SHA-256 of the token as 64 hexadecimal digits, as "sha256sum" prints it',
  parse: (raw) =>
    typeof raw === 'string' && /^[0-9a-fA-F]{64}$/.test(raw) ? new Uint8Array(Buffer.from(raw, 'hex')) : undefined,
};

/**
 * An empty list is one: then nobody may.
 * @throws ConfigError naming every fault
 */
export function tokensIn(file: string, content: string): readonly TokenEntry[] {
  const faults: Fault[] = [];
  const seen = new Set<string>();
  const sections = readYamlList(file, content, MAX_TOKENS, EXAMPLE, faults) ?? [];
  const entries = sections.flatMap((section) => {
    const name = section.required('name', NAME);
    const role = section.required('role', oneOf(ROLES));
    const digest = section.required('sha256', SHA256);
    section.done();
    if (name === undefined || role === undefined || digest === undefined) return [];
    const hex = Buffer.from(digest).toString('hex');
    if (seen.has(hex)) section.fault('sha256', 'the digest of an entry before', 'a token of its own for each');
    seen.add(hex);
    return [{ name, role, digest }];
  });
  if (faults.length > 0) throw new ConfigError(file, faults);
  return entries;
}
