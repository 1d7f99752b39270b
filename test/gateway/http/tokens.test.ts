// The file of tokens: who is let in by it, while it changes, and what a broken one does. With the real file and listener.
import { createHash } from 'node:crypto';
import { mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { tokensIn } from '../../../src/gateway/config/api-tokens.ts';
import { TokenFile } from '../../../src/gateway/http/api/tokens.ts';
import { eventually } from '../../support/eventually.ts';
import { bearer, type LoggedLine, logInto, trial } from './trial-server.ts';

const LOOK_EVERY_MS = 5;
const digest = (token: string) => createHash('sha256').update(token).digest('hex');
const entry = (name: string, role: string, token: string) =>
  `- {name: ${name}, role: ${role}, sha256: ${digest(token)}}\n`;

let dir: string;
let file: string;
let logged: LoggedLine[];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-tokens-'));
  file = join(dir, 'tokens.yaml');
  logged = [];
});
afterEach(() => rm(dir, { recursive: true }));

const errors = () => logged.filter(({ level }) => level === 'error');

/** All at once, as whoever mounts secrets does it: a look in between finds no half of it. */
async function replaceFile(path: string, content: string): Promise<void> {
  await writeFile(`${path}.new`, content);
  await rename(`${path}.new`, path);
}

test('each is somebody with a role; two tokens may be of one name', async () => {
  await writeFile(
    file,
    entry('ann', 'operator', 'old') + entry('ann', 'operator', 'new') + entry('bob of localhost', 'viewer', 'b'),
  );
  const tokens = new TokenFile(file, logInto(logged), LOOK_EVERY_MS);
  expect(await tokens.verify('old')).toEqual({ kind: 'known', operator: { name: 'ann', role: 'operator' } });
  expect(await tokens.verify('new')).toEqual({ kind: 'known', operator: { name: 'ann', role: 'operator' } });
  expect(await tokens.verify('b')).toEqual({ kind: 'known', operator: { name: 'bob of localhost', role: 'viewer' } });
  for (const wrong of ['', 'ol', 'olde', 'OLD', digest('old')]) {
    expect(await tokens.verify(wrong)).toEqual({ kind: 'refused', why: 'it is not known here' });
  }
  tokens.close();
});

test('a token that is taken out opens nothing any more, a new one does; no restart', async () => {
  await replaceFile(file, entry('ann', 'admin', 'first'));
  const authentication = new TokenFile(file, logInto(logged), LOOK_EVERY_MS);
  await using api = trial({ authentication, address: { host: '127.0.0.1', port: 0 } });
  const url = await api.server.listen();
  const status = async (token: string) => (await fetch(`${url}/api/v1/whoami`, { headers: bearer(token) })).status;
  expect([await status('first'), await status('second')]).toEqual([200, 401]);

  await replaceFile(file, entry('bob', 'viewer', 'second'));
  await eventually('the new token to be taken', async () => (await status('second')) === 200);
  expect(await status('first')).toBe(401);

  // As Kubernetes does it: a link is changed to another file.
  const other = join(dir, 'other.yaml');
  await replaceFile(other, entry('ann', 'admin', 'third'));
  await symlink(other, join(dir, 'link'));
  await rename(join(dir, 'link'), file);
  await eventually('the third token to be taken', async () => (await status('third')) === 200);
  expect(await status('second')).toBe(401);

  await replaceFile(other, '[]\n');
  await eventually('nobody to be let in', async () => (await status('third')) === 401);
  expect(errors()).toEqual([]);
});

test('a broken file changes nothing, and the log says what is wrong with it, once', async () => {
  await replaceFile(file, entry('ann', 'admin', 'good'));
  const tokens = new TokenFile(file, logInto(logged), LOOK_EVERY_MS);
  await replaceFile(file, '- {name: ann, role: root, sha256: hunter2}\n');
  await eventually('the fault to be logged', () => errors().length === 1);
  const [line] = errors();
  expect(line?.fields.reason).toContain('[0].role: found "root"; allowed: viewer, operator, admin');
  expect(JSON.stringify(logged)).not.toContain('hunter2');
  expect(await tokens.verify('good')).toMatchObject({ kind: 'known' });

  await rm(file);
  await eventually('the absence to be logged', () => errors().length === 2);
  expect(await tokens.verify('good')).toMatchObject({ kind: 'known' });

  await replaceFile(file, entry('ann', 'admin', 'better'));
  await eventually('the new one', async () => (await tokens.verify('better')).kind === 'known');
  expect(errors()).toHaveLength(2);
  tokens.close();
});

describe('a file with a fault says which', () => {
  test.each([
    ['', /tokens\.yaml: found an empty file; allowed: a list/],
    ['ann: admin', /found no list; allowed: a list of at most 256, each with name, role and sha256/],
    ['- ann', /\[0\]: found no mapping/],
    [
      '- {name: ann, role: admin}',
      /:1 \[0\]\.sha256: found nothing; allowed: the SHA-256 of the token as 64 hexadecimal digits/,
    ],
    ['- {name: ann, role: admin, token: hunter2}', /\[0\]\.token: found a setting that is not known/],
    [`- {name: ann, role: admin, sha256: ${'g'.repeat(64)}}`, /\[0\]\.sha256: found a text of 64 characters/],
    [`- {role: admin, sha256: ${digest('a')}}`, /\[0\]\.name: found nothing/],
    [`- {name: "a\\nb", role: admin, sha256: ${digest('a')}}`, /\[0\]\.name: found "a\\nb"/],
    // What comes from the identity provider is called so in the audit.
    [
      entry('"oidc:ann"', 'admin', 'a'),
      /\[0\]\.name: found "oidc:ann"; allowed: 1 to 100 .* no ":", for "oidc:" begins/,
    ],
    // And whoever came without authentication so.
    ...['local', 'Local', '" local "', 'ｌocal'].map((name): [string, RegExp] => [
      entry(name, 'admin', 'a'),
      /\[0\]\.name: found "[^"]+"; allowed: .* but not "local", which is who acts without authentication/,
    ]),
    [entry('ann', 'admin', 'a') + entry('bob', 'viewer', 'a'), /:2 \[1\]\.sha256: found the digest of an entry before/],
    ['- {name: ann', /syntax/],
    [
      Array.from({ length: 257 }, (_, n) => entry('a', 'viewer', `${n}`)).join(''),
      /found 257 entries; allowed: a list of at most 256/,
    ],
  ])('%#', (content, fault) => {
    const read = () => tokensIn('tokens.yaml', content);
    expect(read).toThrow(fault);
    expect(read).not.toThrow(/hunter2/);
  });
});
