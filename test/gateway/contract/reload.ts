// SIGHUP: the configuration file is read again, and counts as a whole or not at all. Calls that wait keep what they were
// made with, whatever becomes of their route.
import { writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import type { LogLine } from '../../support/nodes.ts';
import type { Plan, Stage } from './stage.ts';

export const RELOAD: Plan = {
  routes: {
    removed: {},
    changed: { resultVariable: 'before' },
    added: { absent: true },
  },
};

const NOT_TAKEN = 'the routes were read again and not taken';
const TAKEN = 'the routes were read again';

export function reload(stage: Stage): void {
  test('SIGHUP takes other routes as a whole, or refuses all of them; what waits goes on as it was', async () => {
    const { settings } = stage.trial.nodes;
    const routes = settings.routes;
    const without = (...names: string[]) => routes.filter(({ jobType }) => !names.map(name).includes(String(jobType)));
    const [[removed, inRemoved], [changed, inChanged]] = await Promise.all([
      stage.call('removed'),
      stage.call('changed'),
    ]);
    const orphan = await stage.start('added');

    // Every fault is named with its place, and the good route beside them is not taken either.
    const faulty = [...routes, stage.route('added'), stage.route('other', { onLate: 'forget', replyTimeout: 'soon' })];
    const refused = await readAgain({ ...settings, routes: faulty }, NOT_TAKEN);
    const at = `routes\\[${faulty.length - 1}\\]`;
    expect(refused).toMatch(/the configuration has 2 faults/);
    expect(refused).toMatch(new RegExp(`${at}\\.onLate: found "forget"; allowed: dlq, drop, or publishMessage`));
    expect(refused).toMatch(new RegExp(`${at}\\.replyTimeout: found "soon"; allowed: an ISO 8601 duration`));

    // What only a restart can change is named too.
    const other = { ...settings, routes: [...routes, stage.route('added')], acknowledgements: false };
    expect(await readAgain(other, NOT_TAKEN)).toMatch(/these need a restart: acknowledgements$/m);
    expect(stage.requests(orphan)).toEqual([]);

    const next = [...without('removed', 'changed'), stage.route('changed', { resultVariable: 'after' })];
    await readAgain({ ...settings, routes: [...next, stage.route('added')] }, TAKEN);
    const toAdded = await stage.request(orphan);
    const [changedAfter, inChangedAfter] = await stage.call('changed');
    const late = await stage.start('removed');
    for (const request of [toAdded, inRemoved, inChanged, inChangedAfter]) stage.answer(request, '{"answer":1}');
    expect((await stage.passed(orphan)).get('answer')).toBe('1');
    expect((await stage.passed(removed)).get('answer')).toBe('1');
    expect((await stage.passed(changed)).get('before')).toBe('{"answer":1}');
    expect((await stage.passed(changedAfter)).get('after')).toBe('{"answer":1}');

    // Nobody takes the jobs of a route that is gone; back in the file, it takes them.
    const [, inAdded] = await stage.call('added');
    expect(stage.requests(late)).toEqual([]);
    stage.answer(inAdded, '{}');
    await readAgain(settings, TAKEN);
    await stage.request(late);
  });

  function name(route: string): string {
    return stage.named(route);
  }

  /** What the node says of it. */
  async function readAgain(settings: object, message: string): Promise<string> {
    const { nodes } = stage.trial;
    const node = stage.trial.node('n1');
    const lines = async () => (await node.log()).filter((line) => line.message.startsWith(TAKEN));
    const before = (await lines()).length;
    await writeFile(nodes.config, JSON.stringify(settings));
    process.kill(node.pid, 'SIGHUP');
    const line = await stage.until('the node to read its file again', async () => (await lines())[before]);
    expect(line.message).toBe(message);
    return errorIn(line);
  }
}

function errorIn({ err }: LogLine): string {
  return typeof err === 'object' && err !== null && 'message' in err ? String(err.message) : '';
}
