// Every view and every dialog of the page before axe-core, light and dark, at the width of a desk and of a phone: whatever it
// finds is a fault. The page stands over a double of the API (fake-api.ts) whose world has something of everything.
import { readFileSync } from 'node:fs';
import type { AxeResults } from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openBrowser } from '../../../support/browser.ts';
import { FakeApi } from './fake-api.ts';

const AXE = readFileSync(new URL(import.meta.resolve('axe-core/axe.min.js')), 'utf8');
/** What the colours have to do with; all other rules say the same in the dark. */
const COLOURS = "runOnly: ['color-contrast', 'link-in-text-block'],";
/** The canvas over the map, clear as it is, keeps axe from telling what colour is behind the words there. */
const check = (rules = '') => `{
  document.querySelector('.sky')?.style.setProperty('display', 'none');
  axe.run(document, { ${rules} resultTypes: ['violations'] });
}`;

const [DESK, PHONE] = [1280, 390];
const LOOKS = [
  { colorScheme: 'light', width: DESK, rules: check() },
  { colorScheme: 'dark', width: DESK, rules: check(COLOURS) },
  { colorScheme: 'dark', width: PHONE, rules: check(COLOURS) },
  { colorScheme: 'light', width: PHONE, rules: check() },
] as const;

let browser: Browser;
let api: FakeApi;
let guarded: FakeApi;
let page: Page;

beforeAll(async () => {
  browser = await openBrowser();
  // Few rows: they are all alike, and each costs its time.
  api = await new FakeApi({ jobs: 13, shards: 32 }).start();
  api.world.kill('n3');
  api.world.missing = ['n3'];
  guarded = await new FakeApi({ token: 'open sesame' }).start();
  page = await browser.newPage({ reducedMotion: 'reduce' });
  page.setDefaultTimeout(15_000);
  await page.addInitScript(AXE);
});
afterAll(async () => {
  await browser?.close();
  await Promise.all([api?.stop(), guarded?.stop()]);
});

/** What is wrong, in words: the rule, the place, the figures. */
async function violations(rules: string): Promise<string[]> {
  const { violations: found, passes } = await page.evaluate<AxeResults>(rules);
  expect(passes.length).toBeGreaterThan(0);
  return found.flatMap(({ id, impact, nodes }) =>
    nodes.map(({ target, any, all, none }) => {
      const why = [...any, ...all, ...none].map(({ message }) => message);
      return `${impact} ${id} at ${target}: ${why.join(' ')}`;
    }),
  );
}

type Step = () => Promise<unknown>;
const says = (text: string | RegExp) => () => page.getByText(text).first().waitFor();
const press = (name: string | RegExp) => () => page.getByRole('button', { name }).first().click();
const pressInside = (name: string | RegExp) => () =>
  page.getByRole('dialog').getByRole('button', { name }).first().click();
const giveReason = () => page.getByRole('dialog').getByLabel('Reason').fill('to see how it looks');
const unfold = () => page.locator('summary').first().click();
const jobIn = (state: string) => () => `#/jobs/${api.world.jobs.find((job) => job.state === state)!.jobKey}`;
const previewed = [press('Re-drive all…'), giveReason, pressInside('Preview'), says('matched')];

/** An address, and what is done there before it is looked at. */
const VIEWS: readonly (readonly [name: string, hash: string | (() => string), ...steps: Step[]])[] = [
  ['the overview, a node being dead', '#/', says('n3 did not answer')],
  ['a shard pointed at', '#/', () => page.getByRole('application').first().focus(), says('Shard 0')],
  ['jobs', '#/jobs', says('13 jobs shown')],
  ['jobs by a filter', '#/jobs?state=held', () => page.getByRole('link', { name: 'Clear' }).waitFor()],
  [
    'all filters on a phone',
    '#/jobs',
    () => page.setViewportSize({ width: PHONE, height: 844 }),
    press('More filters'),
  ],
  ['no such jobs', '#/jobs?text=nowhere', says('No pending job is like that')],
  ['a held job', jobIn('held'), says('held, attempt'), unfold],
  ['a failing job', jobIn('failing'), says('retries to set')],
  ['a job with its reply', jobIn('replied'), says('Stored reply')],
  ['a job that nobody knows', '#/jobs/999', says('Nothing is known of this job')],
  ['an act', jobIn('held'), press('Throw…'), says('A BPMN error with this code')],
  ['an act, and what is missing', jobIn('held'), press('Fail…'), pressInside('Fail'), says('Reason is missing')],
  ['an act that is done', jobIn('held'), press('Extend…'), giveReason, pressInside('Extend'), says('In the audit as')],
  [
    'an act that is refused',
    jobIn('held'),
    press('Resend…'),
    giveReason,
    async () => {
      api.nextResult = 'refused';
    },
    pressInside('Resend'),
    says('In the audit as'),
  ],
  ['outcomes', '#/outcomes', says('outcomes shown')],
  ['a re-drive, previewed', '#/dead-letters', ...previewed, unfold],
  ['a re-drive', '#/dead-letters', ...previewed, pressInside(/^Drive/), says('driven')],
  ['dead letters, one chosen', '#/dead-letters', () => page.getByRole('checkbox').first().check()],
  ['a dead letter', '#/dead-letters/0/900', says('Re-drive')],
  ['the audit', '#/audit', says('to see how it looks')],
  ['the keys', '#/', press('Keys'), says('Close a dialog')],
  ['who is asked for a token', () => guarded.url, says('This node wants a token')],
  ['what is old', '#/', says('n3 did not answer'), () => api.stop(), says(/What you see is \d+ s old/)],
];

test.each(VIEWS.map(([name, ...rest]) => [name, rest] as const))('%s', async (_name, [hash, ...steps]) => {
  await page.setViewportSize({ width: DESK, height: 900 });
  await page.goto(new URL(typeof hash === 'string' ? hash : hash(), api.url).href);
  for (const step of steps) await step();
  const found: Record<string, string[]> = {};
  for (const { colorScheme, width, rules } of LOOKS) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 900 });
    const wrong = await violations(rules);
    if (wrong.length > 0) found[`${colorScheme}, ${width} wide`] = wrong;
  }
  if ((await page.getByRole('dialog').count()) > 0) await page.keyboard.press('Escape');
  expect(found).toEqual({});
});
