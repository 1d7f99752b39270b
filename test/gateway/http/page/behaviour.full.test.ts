// The page in a real browser, over a double of the API (fake-api.ts): what people see, do with the keyboard, and are told
// when something goes wrong. The same page over real nodes: ../page.full.test.ts.
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { CURABLE } from '../../../../src/gateway/operations/redrive-rules.ts';
import { complaintsOf, openBrowser } from '../../../support/browser.ts';
import { eventually } from '../../../support/eventually.ts';
import { FakeApi, type FakeOptions } from './fake-api.ts';
import { HOSTILE } from './fake-world.ts';

const REASONS = Object.keys(CURABLE);

let browser: Browser;
let api: FakeApi;
let complaints: string[];
const after: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser?.close());
afterEach(async () => {
  await Promise.all(after.splice(0).map((end) => end()));
  expect({ complaints, faults: api.faults }).toEqual({ complaints: [], faults: [] });
});

async function open(
  options: FakeOptions = {},
  how: BrowserContextOptions & { readonly hash?: string } = {},
): Promise<Page> {
  const { hash = '', ...context } = how;
  api = await new FakeApi(options).start();
  const place = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...context });
  const page = await place.newPage();
  page.setDefaultTimeout(15_000);
  complaints = complaintsOf(page, api.url);
  after.push(async () => {
    await place.close();
    await api.stop();
  });
  await page.goto(api.url + hash);
  return page;
}

const WATCH_SKY = `{
  const { fillRect } = CanvasRenderingContext2D.prototype;
  CanvasRenderingContext2D.prototype.fillRect = function (...box) {
    if (this.canvas.className === 'sky') window.flown = true;
    return fillRect.apply(this, box);
  };
}`;
/** Of the browser's score, where 0.1 is what people begin to mind: a fraction of a pixel somewhere, as text is laid out anew. */
const UNSEEN_SHIFT = 0.0005;
const WATCH_SHIFTS = `{
  window.shifts = [];
  const seen = (list) => shifts.push(...list.getEntries().map(({ value }) => value).filter((value) => value > ${UNSEEN_SHIFT}));
  new PerformanceObserver(seen).observe({ type: 'layout-shift' });
}`;

const heading = (page: Page) => page.getByRole('heading', { level: 1 });
const seen = (page: Page, text: string | RegExp) => page.getByText(text).first().waitFor();

describe('the overview', () => {
  test('says how it stands, and follows a death and what comes after', async () => {
    const page = await open();
    await page.getByRole('heading', { name: 'All shards owned, all nodes ready' }).waitFor();
    await seen(page, '3 / 3');
    const card = page.getByRole('article', { name: 'Node n3, ready' });
    const before = Number(
      /: (\d+) owned/.exec((await card.getByRole('application').getAttribute('aria-label')) ?? '')?.[1],
    );
    expect(before).toBeGreaterThan(20);

    api.world.kill('n3');
    await page.getByRole('heading', { name: 'n3 is dead' }).waitFor();
    api.world.move(before);
    await seen(page, new RegExp(`${before} shards taken over from n3 by n[12] \\(\\d+\\) and n[12] \\(\\d+\\)`));
    await page.getByRole('application', { name: 'Shards of n3: none.' }).waitFor();
    api.world.settle();
    api.world.restart('n3');
    await page.getByRole('article', { name: 'Node n3, ready' }).waitFor();
  });

  test('a shard that moves is seen to fly, and not by who wants no motion', async () => {
    const flown = async (reducedMotion: 'reduce' | 'no-preference') => {
      const page = await open({}, { reducedMotion });
      await page.getByRole('article', { name: 'Node n3, ready' }).waitFor();
      await page.evaluate(WATCH_SKY);
      api.world.kill('n3');
      await page.getByRole('heading', { name: 'n3 is dead' }).waitFor();
      api.world.move(20);
      await seen(page, /20 shards taken over/);
      const asked = api.requests.length;
      await eventually('the page to ask once more', () => api.requests.length > asked + 3);
      return page.evaluate('window.flown ?? false');
    };
    expect(await flown('no-preference')).toBe(true);
    expect(await flown('reduce')).toBe(false);
  });

  test('nothing moves about while it is asked again and again, and nobody is asked too often', async () => {
    const page = await open();
    // Everything has come once: what is watched is that nothing moves from then on.
    await page.getByRole('heading', { name: 'All shards owned, all nodes ready' }).waitFor();
    await seen(page, '3 / 3');
    const first = api.requests.filter((request) => request.endsWith('/cluster')).length;
    await eventually('a round more', () => api.requests.filter((r) => r.endsWith('/cluster')).length > first);
    await page.evaluate(WATCH_SHIFTS);
    const asked = () => api.requests.filter((request) => request.endsWith('/cluster')).length;
    const [from, startedMs] = [asked(), performance.now()];
    api.world.setNode('n2', { state: 'notReady', waitingFor: ['Kafka'] });
    api.world.missing = ['n3'];
    await eventually('four more rounds', () => asked() >= from + 4, { deadlineMs: 30_000 });
    expect(performance.now() - startedMs).toBeGreaterThan(2_500);
    await seen(page, 'waits for Kafka');
    await seen(page, 'n3 did not answer: what it holds is not counted here.');
    expect(await page.evaluate('shifts')).toEqual([]);
  });

  test('nodes that did not answer are named', async () => {
    const page = await open();
    api.world.missing = ['n2', 'n3'];
    await page.getByText('n2 and n3 did not answer: what they hold is not counted here.').waitFor();
    await page.goto(`${api.url}#/jobs`);
    await page.getByText('jobs may be lacking in this list').waitFor();
  });

  test('a large cluster is there within seconds', async () => {
    const page = await open({ nodes: 12, shards: 4_096 });
    await page.getByRole('article', { name: 'Node n12, ready' }).waitFor();
    await page.getByText('4,096 shards on 12 nodes').waitFor();
  });
});

describe('by keyboard alone', () => {
  test('a job is searched, opened and acted on', async () => {
    const page = await open();
    await heading(page).waitFor();
    await page.keyboard.press('Tab');
    expect(await focused(page)).toBe('Skip to the content');
    await page.keyboard.press('/');
    await page.keyboard.type('ReserveStock');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Pending jobs' }).waitFor();
    await page
      .getByRole('cell', { name: /ReserveStock/ })
      .first()
      .waitFor();

    const rows = page.locator('a.row-link');
    await rows.first().focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    const jobKey = (await rows.nth(2).textContent()) ?? '';
    expect(await focused(page)).toBe(jobKey);
    await page.keyboard.press('End');
    expect(await focused(page)).toBe(await rows.last().textContent());
    await rows.nth(2).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: `Job ${jobKey}` }).waitFor();
    await eventually('the title to have the focus', async () => (await focused(page)).startsWith('Job '));

    const button = page.getByRole('group', { name: 'Actions' }).getByRole('button').last();
    await button.focus();
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog');
    await dialog.waitFor();
    for (let i = 0; i < 8; i += 1) {
      await page.keyboard.press('Tab');
      // Past the last one the focus leaves for the browser's own bars, and comes back.
      expect(await page.evaluate('document.activeElement.closest("dialog, body").tagName')).toMatch(/^(DIALOG|BODY)$/);
      expect(
        await page.evaluate(
          'document.activeElement.closest("main") === null || document.activeElement.closest("dialog") !== null',
        ),
      ).toBe(true);
    }
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    expect(await focused(page)).toBe(await button.textContent());
  });

  test('the shards of a field are gone through, and said in words', async () => {
    const page = await open();
    await page.getByRole('application', { name: /^Shards of n1/ }).focus();
    await seen(page, 'Shard 0');
    await page.keyboard.press('ArrowRight');
    await seen(page, 'Shard 1');
    await page.keyboard.press('End');
    await seen(page, 'Shard 127');
  });

  test('the keys are told at ?, not while somebody types', async () => {
    const page = await open();
    await heading(page).waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('a?/b');
    expect(await page.locator('#search').inputValue()).toBe('a?/b');
    await page.locator('#search').blur();
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keys' }).waitFor();
  });
});

describe('an act', () => {
  const jobOf = (state: string) => api.world.jobs.find((job) => job.state === state)!;

  async function ask(page: Page, job: { readonly jobKey: string }, act: string): Promise<void> {
    await page.goto(`${api.url}#/jobs/${job.jobKey}`);
    await page.getByRole('button', { name: `${act}…` }).click();
    await page.getByRole('dialog').waitFor();
  }

  test('asks for a reason, sends what was typed, and says what came of it', async () => {
    const page = await open();
    const job = jobOf('held');
    await ask(page, job, 'Complete');
    const dialog = page.getByRole('dialog');
    await dialog.getByText('The job is completed in the engine with this result').waitFor();
    await dialog.getByLabel('Result').fill('{"transaction":9007199254740993123}');
    await dialog.getByRole('button', { name: 'Complete' }).click();
    await dialog.getByText('Reason is missing.').waitFor();
    expect(api.bodies).toEqual([]);
    await dialog.getByLabel('Reason').fill('answered by telephone');
    await dialog.getByRole('button', { name: 'Complete' }).click();
    await dialog.getByText('Done').waitFor();
    expect(api.bodies).toEqual(['{"variables":{"transaction":9007199254740993123},"reason":"answered by telephone"}']);
    await dialog.getByRole('button', { name: 'Close' }).last().click();
    await page.getByRole('heading', { name: /completed/ }).waitFor();
    expect(await page.getByRole('group', { name: 'Actions' }).count()).toBe(0);

    await page.getByRole('link', { name: 'Audit' }).click();
    await page.getByRole('cell', { name: 'answered by telephone' }).waitFor();
    await page.getByRole('link', { name: job.jobKey }).waitFor();
  });

  test('that comes to nothing says so', async () => {
    const page = await open();
    const results = {
      wrongState: 'Not possible now',
      gone: 'The engine does not have this job any more',
      absent: 'No such job is pending',
      refused: 'Refused',
    } as const;
    for (const [result, text] of Object.entries(results) as [keyof typeof results, string][]) {
      await ask(page, jobOf('held'), 'Resend');
      api.nextResult = result;
      await page.getByLabel('Reason').fill('once more');
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('button', { name: 'Resend' }).click();
      await dialog.getByText(text, { exact: true }).waitFor();
      await dialog.getByText(`it is ${result}`).waitFor();
      await page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'detached' });
    }
  });

  test('that nobody answered may have happened: it says where to look', async () => {
    const page = await open();
    await ask(page, jobOf('held'), 'Drop');
    await page.getByLabel('Reason').fill('not wanted any more');
    await api.stop();
    await page.getByRole('dialog').getByRole('button', { name: 'Drop' }).click();
    await page.getByText('It may have been done all the same: look at the audit').waitFor();
    expect(await page.getByLabel('Reason').inputValue()).toBe('not wanted any more');
  });

  test('a node is drained and resumed by an admin', async () => {
    const page = await open();
    const card = page.getByRole('article', { name: /^Node n2/ });
    await card.getByRole('button', { name: 'Drain…' }).click();
    await page.getByLabel('Reason').fill('new kernel at noon');
    await page.getByRole('dialog').getByRole('button', { name: 'Drain' }).click();
    await page.getByText('Done', { exact: true }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('article', { name: 'Node n2, draining' }).getByRole('button', { name: 'Resume…' }).waitFor();
  });
});

describe('who may what', () => {
  test('a viewer is offered no act and shown no payload', async () => {
    const page = await open({ role: 'viewer', payloads: false });
    await page.getByRole('article', { name: /^Node n1/ }).waitFor();
    await seen(page, 'viewer');
    expect(await page.getByRole('button', { name: /…$/ }).count()).toBe(0);
    await page.goto(`${api.url}#/jobs/${api.world.jobs[0]!.jobKey}`);
    await page.getByText('Payloads are not shown to your role.').waitFor();
    expect(await page.getByRole('button', { name: /…$/ }).count()).toBe(0);
    await page.goto(`${api.url}#/dead-letters`);
    await page.getByRole('row').nth(3).waitFor();
    expect(await page.getByRole('checkbox').count()).toBe(0);
  });

  test('who comes without a token is asked for it, and for another one until it is taken', async () => {
    const page = await open({ token: 'open sesame' });
    const dialog = page.getByRole('dialog', { name: 'Sign in' });
    await dialog.waitFor();
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    await dialog.getByLabel('Token').fill('wrong');
    await page.keyboard.press('Enter');
    await dialog.getByText('does not take this token').waitFor();
    await dialog.getByLabel('Token').fill('open sesame');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'All shards owned, all nodes ready' }).waitFor();
    expect(await dialog.count()).toBe(0);
    const kept = await page.evaluate<string>('[JSON.stringify(localStorage), document.cookie, location.href].join()');
    expect(kept).not.toContain('sesame');
  });
});

describe('trouble', () => {
  test('the node dies: what is known stays, with its age; it comes back by itself, whatever version it is then', async () => {
    const page = await open();
    await page.getByRole('article', { name: /^Node n1/ }).waitFor();
    await api.stop();
    await page.getByText('n1 has not answered for').waitFor();
    await page.getByText(/What you see is \d+ s old/).waitFor();
    await page.locator('html.is-old').waitFor();
    await page.getByRole('article', { name: /^Node n1/ }).waitFor();
    const oldest = page.locator('.figures dd').nth(1);
    const frozen = await oldest.textContent();
    await page.getByText(/What you see is (9|1\d) s old/).waitFor();
    expect(await oldest.textContent()).toBe(frozen);

    api.version = '1.0.0';
    await api.start();
    await page.locator('html:not(.is-old)').waitFor();
    await page.getByText('n1 now runs version 1.0.0').waitFor();
    await page.getByText('live from n1').waitFor();
    await eventually('the ages to go on', async () => (await oldest.textContent()) !== frozen);
  });

  test('text from outside is text, wherever it is shown', async () => {
    const page = await open({ hostile: true });
    const { jobKey } = api.world.jobs.find((job) => job.state === 'failing')!;
    for (const hash of ['#/jobs', `#/jobs/${jobKey}`, '#/dead-letters', '#/dead-letters/0/900']) {
      await page.goto(api.url + hash);
      await page.getByText(HOSTILE, { exact: false }).first().waitFor();
    }
    await page.goto(`${api.url}#/jobs?text=${encodeURIComponent(HOSTILE)}`);
    await page.getByRole('heading', { name: 'Pending jobs' }).waitFor();
    expect(await page.title()).toMatch(/holdfast$/);
    expect(await page.locator('img').count()).toBe(0);
  });

  test('a job of which nothing is known, and a search without a hit', async () => {
    const page = await open({}, { hash: '#/jobs/999' });
    await page.getByText('Nothing is known of this job').waitFor();
    await page.goto(`${api.url}#/jobs?text=nowhere`);
    await page.getByText('No pending job is like that').waitFor();
    await page.getByRole('link', { name: 'Look among the ended ones' }).click();
    await page.getByRole('heading', { name: 'Recent outcomes' }).waitFor();
    expect(page.url()).toContain('text=nowhere');
  });
});

describe('lists', () => {
  test('are turned page by page to their end, and filtered by the address', async () => {
    const page = await open({}, { hash: '#/jobs' });
    await page.getByText('50 jobs shown').waitFor();
    await page.getByRole('button', { name: 'Show more' }).click();
    await page.getByText('100 jobs shown').waitFor();
    await page.getByRole('button', { name: 'Show more' }).click();
    await page.getByText('137 jobs shown, that is all').waitFor();
    const keys = await page.locator('a.row-link').allTextContents();
    expect(new Set(keys).size).toBe(137);

    await page.getByLabel('State').selectOption('failing');
    await eventually('the address to have the state', () => /state=failing/.test(page.url()));
    await page.getByLabel('Older than').fill('8 min');
    await page.keyboard.press('Enter');
    await eventually('the address to have both', () => /state=failing&olderThanMs=480000/.test(page.url()));
    await eventually('only such jobs', async () => {
      const states = await page.locator('td:nth-child(2)').allTextContents();
      return states.length > 0 && states.every((state) => state === 'failing');
    });
    await page.goBack();
    await page.goBack();
    await page.getByText('50 jobs shown').waitFor();
  });

  test('what is typed into a filter stays while all is drawn anew, and goes to the address at Enter', async () => {
    const page = await open({}, { hash: '#/jobs' });
    await seen(page, '50 jobs shown');
    const field = page.getByLabel('Process', { exact: true });
    await field.focus();
    await page.keyboard.type('order-ful');
    api.world.missing = ['n2'];
    const rounds = () => api.requests.filter((request) => request.endsWith('/cluster')).length;
    const before = rounds();
    await eventually('the page to be drawn anew, twice', () => rounds() > before + 2);
    expect(await field.inputValue()).toBe('order-ful');
    await page.keyboard.type('filment');
    await page.keyboard.press('Enter');
    await eventually('the address to have it', () => page.url().endsWith('process=order-fulfilment'));
    await page.getByRole('link', { name: 'Clear' }).click();
    await eventually('the field to be empty', async () => (await field.inputValue()) === '');
  });

  test('dead letters are chosen, previewed, driven and watched to the end', async () => {
    const page = await open({}, { hash: '#/dead-letters?reason=late' });
    await page.getByRole('checkbox').first().check();
    await page.getByRole('checkbox').nth(1).check();
    await page.getByRole('button', { name: 'Re-drive 2 chosen ones…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Reason').fill('the service is mended');
    await dialog.getByLabel('Letters per second').fill('25');
    await dialog.getByRole('button', { name: 'Preview' }).click();
    await dialog.getByText('preview').waitFor();
    const drive = dialog.getByRole('button', { name: /^Drive \d letters?$/ });
    await drive.click();
    await dialog.getByText('done').waitFor();
    const [preview, driven] = api.bodies.map((body) => JSON.parse(body));
    expect(preview).toMatchObject({ dryRun: true, perSecond: 25, reason: 'the service is mended' });
    expect(preview.filter.positions).toHaveLength(2);
    expect(driven).toEqual({ ...preview, dryRun: false });
  });

  test('a running re-drive is stopped', async () => {
    const page = await open({ jobs: 300 }, { hash: '#/dead-letters' });
    await page.getByRole('button', { name: 'Re-drive all…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Reason').fill('all of them');
    await dialog.getByRole('button', { name: 'Preview' }).click();
    await dialog.getByRole('button', { name: /^Drive/ }).click();
    await dialog.getByRole('button', { name: 'Stop' }).click();
    await dialog.getByText('A reason has at least 3 characters.').waitFor();
    await dialog.getByLabel('Reason to stop it').fill('not all of them');
    await dialog.getByRole('button', { name: 'Stop' }).click();
    await dialog.getByText('stopped').waitFor();
    expect(JSON.parse(api.bodies.at(-1)!)).toEqual({ reason: 'not all of them' });
  });

  test('a stop that fails is said and stays said; when nobody knows the run any more it is not asked for again', async () => {
    const page = await open({ jobs: 300 }, { hash: '#/dead-letters' });
    await page.getByRole('button', { name: 'Re-drive all…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Reason').fill('all of them');
    await dialog.getByRole('button', { name: 'Preview' }).click();
    api.refuses = (request) => (request.endsWith('/stop') ? [503, 'OPERATION_UNAVAILABLE'] : undefined);
    await dialog.getByRole('button', { name: /^Drive/ }).click();
    await dialog.getByLabel('Reason to stop it').fill('not all of them');
    for (const run of api.world.redrives.values()) run.matched = 100_000; // it does not end by itself
    await dialog.getByRole('button', { name: 'Stop' }).click();
    const asked = () =>
      api.requests.filter((request) => request.startsWith('GET /api/v1/dead-letters/redrives/')).length;
    await dialog.getByText('the double was told to say OPERATION_UNAVAILABLE').waitFor();
    const before = asked();
    await eventually('the run to be asked for twice', () => asked() >= before + 2);
    await dialog.getByText('the double was told to say OPERATION_UNAVAILABLE').waitFor();

    api.refuses = (request) => (/GET .*\/redrives\//.test(request) ? [404, 'NO_SUCH_NODE'] : undefined);
    await dialog.getByText('(NO_SUCH_NODE). What stands above is the last that was heard of it').waitFor();
    const last = asked();
    const rounds = api.requests.filter((request) => request.endsWith('/cluster')).length;
    await eventually(
      'two rounds of the page',
      () => api.requests.filter((r) => r.endsWith('/cluster')).length > rounds + 2,
    );
    expect(asked()).toBe(last);
  });
});

test('a re-drive that nobody answered may have begun: that is said, also while the whole page has no answer', async () => {
  const page = await open({ jobs: 300 }, { hash: '#/dead-letters' });
  await page.getByRole('button', { name: 'Re-drive all…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Reason').fill('all of them');
  await dialog.getByRole('button', { name: 'Preview' }).click();
  const drive = dialog.getByRole('button', { name: /^Drive/ });
  await drive.waitFor();
  await api.stop();
  await drive.click();
  await dialog.getByText('It may have been done all the same: look at the audit').waitFor();
});

describe('looks', () => {
  test('fit on a phone, every one', async () => {
    const page = await open({}, { viewport: { width: 360, height: 780 } });
    const views = [
      ...['#/', '#/jobs', '#/outcomes', '#/dead-letters', '#/dead-letters/0/900', '#/audit'],
      `#/jobs/${api.world.jobs[6]!.jobKey}`,
    ];
    for (const hash of views) {
      await page.goto(api.url + hash);
      await page.locator('.panel, .nothing, tbody tr').first().waitFor();
      const width = await page.evaluate('document.documentElement.scrollWidth');
      expect({ hash, width }).toEqual({ hash, width: 360 });
      expect(await page.getByRole('link', { name: 'Audit' }).isVisible()).toBe(true);
    }
  });

  test('break no reason of a dead letter, and no key into more than halves, from a phone to a wide screen', async () => {
    const page = await open({ jobs: 8 });
    const message = 'the reply is no object: found an array of 3, and allowed is a JSON object or an empty body';
    const [job] = api.world.jobs;
    for (const [i, letter] of api.world.letters.entries()) {
      const reason = [...REASONS, 'a-reason-that-nobody-knows-'.repeat(20)][i % (REASONS.length + 1)]!;
      const original = { ...letter.original, topic: 'holdfast.production-eu-west.replies', offset: '123456789' };
      Object.assign(letter, { reason, message, original, jobKey: job!.jobKey, redriven: i % 2 === 0 });
    }
    for (const [i, reason] of REASONS.entries())
      api.world.letters.push({ ...api.world.letters[0]!, reason, offset: String(5_000 + i) });
    const found: unknown[] = [];
    for (const width of [390, 480, 600, 721, 859, 861, 900, 1000, 1079, 1100, 1280, 1400]) {
      await page.setViewportSize({ width, height: 900 });
      await page.goto(`${api.url}#/dead-letters`);
      await page.locator('td[data-label=Reason]').first().waitFor();
      const wide = await page.evaluate<number>('document.documentElement.scrollWidth');
      const lines = await page.evaluate<readonly (readonly [string, number])[]>(`
        [...document.querySelectorAll('td[data-label=Reason] b, td[data-label=From] .whole, td[data-label=Job] .key')].map((b) => {
          const range = document.createRange();
          range.selectNodeContents(b);
          return [b.textContent.slice(0, 40), new Set([...range.getClientRects()].map(({ top }) => Math.round(top))).size];
        })`);
      // A key may be in two halves.
      const broken = lines.filter(([text, count]) => count > (text === job!.jobKey ? 2 : 1));
      expect(lines.length).toBeGreaterThan(REASONS.length);
      // The word at the top is beside the search, not below it.
      const search = await page.locator('.search').boundingBox();
      const contact = await page.locator('.contact').boundingBox();
      const isCovered =
        contact!.y < search!.y + search!.height &&
        contact!.y + contact!.height > search!.y &&
        contact!.x < search!.x + search!.width;
      if (wide > width || broken.length > 0 || isCovered) found.push({ width, wide, broken, isCovered });
    }
    expect(found).toEqual([]);
  });

  test('are light or dark as the system says, unless somebody has chosen', async () => {
    const page = await open({}, { colorScheme: 'light' });
    const ground = () => page.evaluate<string>('getComputedStyle(document.documentElement).backgroundColor');
    await heading(page).waitFor();
    const light = await ground();
    await page.emulateMedia({ colorScheme: 'dark' });
    const dark = await ground();
    expect(dark).not.toBe(light);
    await page.getByRole('button', { name: /^Colours/ }).click();
    expect(await ground()).toBe(light);
    await page.reload();
    await heading(page).waitFor();
    expect(await ground()).toBe(light);
  });

  test('every view has a title, landmarks and tables with names', async () => {
    const page = await open();
    for (const name of ['Overview', 'Jobs', 'Outcomes', 'Dead letters', 'Audit']) {
      await page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name }).click();
      await heading(page).waitFor();
      await eventually(`the title ${name}`, async () => (await page.title()).startsWith(name));
      expect(await page.getByRole('main').count()).toBe(1);
      expect(await page.getByRole('banner').count()).toBe(1);
      expect(await page.locator('[aria-current=page]').textContent()).toBe(name);
      const unnamed = await page
        .locator('table:not([aria-label]), section:not([aria-labelledby]), button:empty')
        .count();
      expect(unnamed).toBe(0);
    }
  });
});

/** The text of what has the focus. */
function focused(page: Page): Promise<string> {
  return page.evaluate<string>('document.activeElement?.textContent ?? ""');
}
