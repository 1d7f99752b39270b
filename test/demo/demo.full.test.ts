// The demo as its users run it: through the kill to its result, left running then with its page where it says, and through Ctrl-C
// in the middle; whichever way it ends, nothing that it started is left.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';

const MAIN = fileURLToPath(new URL('../../deploy/demo/main.ts', import.meta.url));
const running = new Set<ChildProcess>();

afterEach(() => {
  for (const child of running) child.kill('SIGKILL'); // a test that failed: its servers go with it
});

// What is left over is looked for in /proc, which only Linux has.
describe.runIf(process.platform === 'linux')('the demo', () => {
  test('kills a node, keeps every promise, says with --keep where the page is, and leaves nothing', {
    timeout: 300_000,
  }, async () => {
    const dir = await mkdtemp(join(tmpdir(), 'holdfast-test-'));
    const demo = start('--keep', '--json', join(dir, 'out.json'));
    const result =
      /^demo: started=300 completed=300 lost=0 mismatched=0 completedTwice=0 requestsRepeated=\d+ takeoverMs=\d+$/m;
    await eventually('its result', () => result.test(demo.output()), { deadlineMs: 250_000, diagnose: demo.output });
    const [, url = ''] = /^ {2}(http:\S+\/) .*the page of bridge-1/m.exec(demo.output()) ?? [];
    const page = await fetch(url);
    expect(page.headers.get('content-type')).toMatch(/^text\/html/);
    const cluster = await fetch(new URL('api/v1/cluster', url));
    const nodes = expect.arrayContaining([expect.objectContaining({ node: 'bridge-1', state: 'ready' })]);
    expect(await cluster.json()).toMatchObject({ cluster: 'demo', nodes });
    demo.child.kill('SIGINT');
    expect(await demo.end, demo.output()).toBe(0);
    const figures = JSON.parse(await readFile(join(dir, 'out.json'), 'utf8'));
    expect(figures).toMatchObject({ ok: true, faults: [], completed: 300, requestsRepeatedWrongly: 0 });
    expect(figures.heldByVictim).toBeGreaterThanOrEqual(30);
    await nothingIsLeftOf(demo.mark);
    await rm(dir, { recursive: true });
  });

  test('ends at Ctrl-C, and leaves nothing', { timeout: 180_000 }, async () => {
    const demo = start();
    await eventually('instances to start', () => demo.output().includes('starting 300 instances'), {
      deadlineMs: 150_000,
      diagnose: demo.output,
    });
    expect(marked(demo.mark).length).toBeGreaterThan(5);
    demo.child.kill('SIGINT');
    expect(await demo.end).toBe(130);
    await nothingIsLeftOf(demo.mark);
  });
});

function start(...args: readonly string[]) {
  const mark = `DEMO_MARK=${randomUUID()}`;
  const [name = '', value] = mark.split('=');
  const child = spawn(process.execPath, [MAIN, ...args], { env: { ...process.env, [name]: value } });
  running.add(child);
  let text = '';
  child.stdout.on('data', (chunk) => {
    text += chunk;
  });
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  const end = once(child, 'close').then(([code]) => {
    running.delete(child);
    if (code === 1) text = `${errors}${text}`;
    return code as number | null;
  });
  return { child, mark, end, output: () => text };
}

async function nothingIsLeftOf(mark: string): Promise<void> {
  await eventually('its processes to be gone', () => marked(mark).length === 0, { diagnose: () => marked(mark) });
}

/** The command lines of processes that have inherited the mark. */
function marked(mark: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        if (!readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(mark)) return [];
        return [readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ')];
      } catch {
        return []; // gone, or not ours to read
      }
    });
}
