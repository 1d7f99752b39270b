// The configuration that is shipped for NATS: the server takes it, and does what it is there for.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { startNats } from '../../deploy/local/index.ts';
import { natsProgram } from '../../deploy/local/nats.ts';
import { readMonitor } from '../../src/cluster/nats/monitoring.ts';

const CONFIG = fileURLToPath(new URL('../../deploy/nats/server.conf', import.meta.url));

async function validated(file: string): Promise<string> {
  const { stderr } = await promisify(execFile)(await natsProgram(), ['-t', '-c', file]);
  return stderr;
}

test('the server finds nothing wrong with deploy/nats/server.conf, and would', async () => {
  expect(await validated(CONFIG)).toContain('is valid');
  const dir = await mkdtemp(join(tmpdir(), 'nats-config-'));
  try {
    const wrong = join(dir, 'server.conf');
    await writeFile(wrong, (await readFile(CONFIG, 'utf8')).replace('sync_interval: always', 'sync_intervall: always'));
    await expect(validated(wrong)).rejects.toThrow(/sync_intervall/);
  } finally {
    await rm(dir, { recursive: true });
  }
});

test('three servers with it are a cluster, and flush what they acknowledge', async () => {
  const nats = await startNats({ servers: 3, config: CONFIG });
  try {
    for (const url of nats.monitorUrls)
      expect(await readMonitor(url)).toMatchObject({ flush: { always: true }, peers: 3 });
  } finally {
    await nats.stop();
  }
});
