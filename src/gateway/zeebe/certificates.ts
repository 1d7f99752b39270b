// The certificates of the connections to the gateway, as the SDK's settings name them. Those that stand in files are read again
// when these change. What cannot be used (a file is gone, a key that is not the certificate's because only one of the two is
// written yet) is not taken, the log says so once, and what was good last goes on; the next change is looked at again.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import type { CamundaPlatform8Configuration } from '@camunda8/sdk/dist/lib/Configuration.js';
import { assertKeyPair } from '../key-pair.ts';
import type { Log } from '../log.ts';
import { watchFiles } from '../system-files.ts';

/** PEM; what is absent is the system's, or none. */
export interface TlsSettings {
  readonly ca?: Buffer;
  readonly key?: Buffer;
  readonly cert?: Buffer;
}

const CA = 'CAMUNDA_CUSTOM_ROOT_CERT_PATH';
const CERT = 'CAMUNDA_CUSTOM_CERT_CHAIN_PATH';
const KEY = 'CAMUNDA_CUSTOM_PRIVATE_KEY_PATH';
type FileSetting = typeof CA | typeof CERT | typeof KEY;

export class GatewayCertificates {
  readonly #config: CamundaPlatform8Configuration;
  readonly #log: Log;
  readonly #lookEveryMs: number | undefined;
  /** As the files were, when they could last be used. */
  #candidate: TlsSettings;
  /** What the gateway has taken, or what the node began with. */
  #current: TlsSettings;

  private constructor(config: CamundaPlatform8Configuration, log: Log, current: TlsSettings, lookEveryMs?: number) {
    this.#config = config;
    this.#log = log;
    this.#current = current;
    this.#candidate = current;
    this.#lookEveryMs = lookEveryMs;
  }

  /** @throws Error with the setting when one of them cannot be used */
  static async read(
    config: CamundaPlatform8Configuration,
    log: Log,
    lookEveryMs?: number,
  ): Promise<GatewayCertificates> {
    return new GatewayCertificates(config, log, await read(config), lookEveryMs);
  }

  /** For connections. The gateway may not know the candidate yet, and a connection can break at any moment. */
  get current(): TlsSettings {
    return this.#current;
  }

  /** To be tried; `take` makes it the current one. Another object whenever the files have changed. */
  get candidate(): TlsSettings {
    return this.#candidate;
  }

  take(tried: TlsSettings): void {
    this.#current = tried;
  }

  /** Calls when there is another candidate. Answers what ends that. */
  onChange(changed: () => void): () => void {
    const files = ([CA, CERT, KEY] as const).flatMap((name) => this.#config[name] ?? []);
    if (files.length === 0) return () => undefined;
    const readAgain = async (tellsFaults: boolean): Promise<void> => {
      try {
        const now = await read(this.#config);
        if (isDeepStrictEqual(now, this.#candidate)) return;
        this.#candidate = now;
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        if (tellsFaults)
          this.#log.error('Zeebe: certificates were read again and not taken: those before go on', { files, reason });
        return;
      }
      this.#log.info('Zeebe: certificates were read again', { files });
      changed();
    };
    const stop = watchFiles(files, () => void readAgain(true), this.#lookEveryMs);
    // They may have changed before anybody looked. A fault is told when it is looked at next.
    void readAgain(false);
    return stop;
  }
}

async function read(config: CamundaPlatform8Configuration): Promise<TlsSettings> {
  // The SDK says nothing to whoever calls it when the file is not there, and adds those that the system trusts when it is.
  if (config[CA] !== undefined) {
    const blocks = contentOf(config, CA)
      .toString('latin1')
      .split(/(?=-----BEGIN CERTIFICATE-----)/);
    const certificates = blocks.filter((block) => block.startsWith('-----BEGIN CERTIFICATE-----'));
    // Node itself passes over what it cannot read.
    if (certificates.length === 0 || !certificates.every(isCertificate))
      throw new Error(`${CA}: ${config[CA]} holds no PEM certificate, or a damaged one`);
  }
  const { GetCustomCertificateBuffer } = await import('@camunda8/sdk/dist/lib/GetCustomCertificateBuffer.js');
  const ca = await GetCustomCertificateBuffer(config);
  const authorities = ca === undefined ? {} : { ca: Buffer.from(ca) };
  if (config[CERT] === undefined && config[KEY] === undefined) return authorities;
  const [cert, key] = [contentOf(config, CERT), contentOf(config, KEY)];
  try {
    assertKeyPair(cert.toString(), key.toString());
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${CERT} and ${KEY}: no certificate with its own unencrypted key (${reason})`);
  }
  return { ...authorities, cert, key };
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== undefined;
  } catch {
    return false;
  }
}

function contentOf(config: CamundaPlatform8Configuration, name: FileSetting): Buffer {
  const path = config[name];
  if (path === undefined) throw new Error(`${name} is not set; ${CERT} and ${KEY} are no use without each other`);
  try {
    return readFileSync(path);
  } catch (error) {
    const { code = 'unreadable' } = error as NodeJS.ErrnoException;
    throw new Error(`${name}: ${path} cannot be read (${code})`);
  }
}
