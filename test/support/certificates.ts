// Certificates for tests: an authority of one's own, and what it signs for servers and clients of this machine. By openssl.
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc'];

export interface Certificate {
  /** Paths of PEM files. */
  readonly cert: string;
  readonly key: string;
}

export class Authority {
  readonly #dir: string;
  readonly #own: Certificate;

  private constructor(dir: string, own: Certificate) {
    this.#dir = dir;
    this.#own = own;
  }

  static async make(dir: string, name: string): Promise<Authority> {
    const own = filesOf(dir, name);
    await run('openssl', ['req', '-x509', ...NEW_KEY, '-days', '2', '-subj', `/CN=${name}`, ...outputs(own)]);
    return new Authority(dir, own);
  }

  get cert(): string {
    return this.#own.cert;
  }

  /** For servers of this machine, and as good for a client. */
  async issue(name: string): Promise<Certificate> {
    const files = filesOf(this.#dir, name);
    const names = 'subjectAltName=DNS:localhost,IP:127.0.0.1';
    const signed = ['-CA', this.#own.cert, '-CAkey', this.#own.key, '-addext', names];
    const leaf = ['-addext', 'basicConstraints=critical,CA:FALSE'];
    const subject = ['-subj', `/CN=${name}`, '-days', '2'];
    await run('openssl', ['req', '-x509', ...NEW_KEY, ...subject, ...signed, ...leaf, ...outputs(files)]);
    return files;
  }
}

/** The same key under a password. */
export async function encrypted({ key }: Certificate, password: string): Promise<string> {
  const file = `${key}.encrypted`;
  await run('openssl', ['pkcs8', '-topk8', '-in', key, '-out', file, '-passout', `pass:${password}`]);
  return file;
}

/** Key and certificate in one file, as Kafka wants them. */
export async function bundled({ key, cert }: Certificate): Promise<string> {
  const file = `${cert}.bundle`;
  await writeFile(file, `${await readFile(key, 'utf8')}${await readFile(cert, 'utf8')}`);
  return file;
}

function filesOf(dir: string, name: string): Certificate {
  return { cert: join(dir, `${name}.pem`), key: join(dir, `${name}.key`) };
}

function outputs({ cert, key }: Certificate): string[] {
  return ['-keyout', key, '-out', cert];
}
