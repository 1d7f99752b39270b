// The page over three real nodes on real servers, open in a real browser while one node is killed, and then the one that it
// comes from: what it shows is what the service and the engine know, what is done on it happens, and it needs no reload.
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import type { JobKey } from '../../../src/actors/ids.ts';
import type { JobView } from '../../../src/gateway/operations/model/jobs.ts';
import { deployProcesses } from '../../../src/gateway/zeebe/deploy.ts';
import { catchingProcess } from '../../support/bpmn.ts';
import { complaintsOf, openBrowser } from '../../support/browser.ts';
import { eventually } from '../../support/eventually.ts';
import { ANSWER, partsOf } from '../../support/service.ts';
import { Trial } from '../../support/trial.ts';

const JOBS = 30;
const ANSWERED = 18;
const LEFT = JOBS - ANSWERED;
const SOON = { timeout: 30_000 };

let trial: Trial;
let browser: Browser;
let page: Page;
let complaints: string[];

beforeAll(async () => {
  const servers = {
    natsUrl: inject('natsUrl'),
    kafkaBrokers: inject('kafkaBrokers'),
    zeebeAddress: inject('zeebeAddress'),
  };
  [trial, browser] = await Promise.all([Trial.start({ servers }), openBrowser()]);
  const { pageUrl } = trial.node('n1');
  page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  complaints = complaintsOf(page, pageUrl);
  await page.goto(pageUrl);
});

afterAll(async () => {
  await browser?.close();
  await trial?.stop();
});

const heading = (name: string | RegExp) => page.getByRole('heading', { level: 1, name });
/** A figure beside the verdict, as it is now. */
const figure = (name: string) => page.locator('.verdict dl > div', { hasText: name }).locator('dd').textContent();

async function untilFigure(name: string, wanted: string): Promise<void> {
  await eventually(`"${name}" to be ${wanted}`, async () => (await figure(name)) === wanted, {
    deadlineMs: 30_000,
    diagnose: async () => [await figure(name), await trial.diagnose()],
  });
}

async function actOn(node: string, verb: 'Drain' | 'Resume'): Promise<void> {
  await page
    .getByRole('article', { name: `Node ${node}` })
    .getByRole('button', { name: `${verb}…` })
    .click();
  await page.getByLabel('Reason').fill('new kernel at noon');
  await page.getByRole('dialog').getByRole('button', { name: verb }).click();
  await page.getByText('In the audit as').waitFor(SOON);
  await page.keyboard.press('Escape');
}

test('it shows what is there, through the death of a node and of its own', { timeout: 240_000 }, async () => {
  await heading('All shards owned, all nodes ready').waitFor(SOON);
  expect([await figure('nodes ready'), await figure('shards owned')]).toEqual(['3 / 3', '128 / 128']);
  for (const name of ['n1', 'n2', 'n3']) await page.getByRole('article', { name: `Node ${name}, ready` }).waitFor();

  // What waits, found and opened.
  trial.service.hold();
  await trial.driver.start(JOBS);
  await eventually('all requests', () => trial.service.requests.length === JOBS, { deadlineMs: 60_000 });
  await untilFigure('pending', String(JOBS));
  const ids = trial.service.requests.map(({ correlationId }) => correlationId);
  const answered = new Set(ids.slice(0, ANSWERED));
  trial.service.release((request, number) =>
    answered.has(request.correlationId) ? ANSWER(request, number) : undefined,
  );
  await eventually('the answers', () => trial.driver.results.size === ANSWERED, { deadlineMs: 60_000 });
  await untilFigure('pending', String(LEFT));
  await page.getByRole('img', { name: new RegExp(`^completed: ${ANSWERED} in `) }).waitFor(SOON);
  await page.getByRole('link', { name: trial.jobType }).click();
  await page.getByText(`${LEFT} jobs shown, that is all`).waitFor(SOON);
  await page.locator('a.row-link').first().click();
  await page.getByRole('listitem').filter({ hasText: 'held, attempt 1' }).waitFor(SOON);
  const correlationId = (await page.locator('dd .key').first().textContent()) ?? '';
  expect(ids).toContain(correlationId);
  await page.keyboard.press('/');
  await page.keyboard.type(correlationId);
  await page.keyboard.press('Enter');
  await page.getByText('1 job shown, that is all').waitFor(SOON);
  await page.getByRole('link', { name: 'Outcomes' }).click();
  await page.getByText(`${ANSWERED} outcomes shown`).waitFor(SOON);

  // One of them is completed by hand: the engine goes on with what was typed, and the audit says why.
  const { body } = trial.service.requests.find((request) => request.correlationId === correlationId)!;
  const { token } = JSON.parse(body) as { token: string };
  await page.goBack();
  await page.locator('a.row-link').click();
  await page.getByRole('button', { name: 'Complete…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Result').fill(JSON.stringify({ answer: { token, number: 4711 } }));
  await dialog.getByLabel('Reason').fill('answered by telephone');
  await dialog.getByRole('button', { name: 'Complete' }).click();
  await dialog.getByText('In the audit as').waitFor(SOON);
  await page.keyboard.press('Escape');
  await heading(/completed$/).waitFor(SOON);
  const result = await eventually('the process to go on', () => trial.driver.results.get(token), {
    deadlineMs: 30_000,
  });
  expect(result.variables.answer).toEqual({ token, number: 4711 });
  await page.getByRole('link', { name: 'Audit' }).click();
  await page.getByRole('row').filter({ hasText: 'job.complete' }).getByText('answered by telephone').waitFor(SOON);

  // A reply that nobody can use is found, and driven once more after a look at what it would be.
  trial.service.send({ topic: trial.service.requests[0]!.replyTopic, value: '{"lost":true}' });
  await trial.service.sent();
  await page.getByRole('link', { name: 'Dead letters' }).click();
  const letter = page.getByRole('row').filter({ hasText: 'no-id' });
  await eventually('the letter', async () => {
    await page.getByRole('button', { name: 'Refresh' }).click();
    return (await letter.count()) === 1;
  });
  await letter.locator('a.row-link').click();
  await page.locator('pre', { hasText: '"lost": true' }).waitFor(SOON);
  await page.getByRole('button', { name: 'Re-drive…' }).click();
  await dialog.getByLabel('Reason').fill('to see what it would be');
  await dialog.getByRole('button', { name: 'Preview' }).click();
  await dialog.getByRole('button', { name: /^Drive \d letters?$/ }).waitFor(SOON);
  expect(await dialog.locator('dl > div', { hasText: 'matched' }).locator('dd').textContent()).toBe('1');
  await page.keyboard.press('Escape');

  // A node is drained and resumed.
  await page.getByRole('link', { name: 'Overview' }).click();
  await actOn('n2', 'Drain');
  await page.getByRole('article', { name: 'Node n2, draining' }).waitFor(SOON);
  await page.getByRole('application', { name: 'Shards of n2: none.' }).waitFor(SOON);
  await actOn('n2', 'Resume');
  await page.getByRole('application', { name: /^Shards of n2: 4\d owned\./ }).waitFor(SOON);

  // Another node dies: it is told, its shards are seen elsewhere, and what waits is all there.
  await heading('All shards owned, all nodes ready').waitFor(SOON);
  await trial.node('n3').kill();
  await page
    .getByText(/shards? taken over from n3 by n\d/)
    .first()
    .waitFor(SOON);
  await page.getByRole('application', { name: 'Shards of n3: none.' }).waitFor(SOON);
  await untilFigure('shards owned', '128 / 128');
  await untilFigure('pending', String(LEFT - 1));
  expect(await page.getByRole('article', { name: 'Node n3, ready' }).count()).toBe(0);

  // The page's own node dies: what was known stays, with its age. The same address again, and all goes on.
  await trial.node('n1').kill();
  await page.getByText('n1 has not answered for').waitFor(SOON);
  await page.getByText(/What you see is \d+ s old/).waitFor(SOON);
  expect(await figure('pending')).toBe(String(LEFT - 1));
  await trial.node('n1').restart();
  await page.getByText('live from n1').waitFor({ timeout: 60_000 });
  await untilFigure('shards owned', '128 / 128');
  await untilFigure('pending', String(LEFT - 1));
  expect(complaints).toEqual([]);
});

/** A job's act, as people do it. `fields`: by their labels. */
async function actOnJob(verb: string, jobKey: string, fields: Readonly<Record<string, string>>): Promise<void> {
  await page.goto(`${trial.node('n1').pageUrl}#/jobs/${jobKey}`);
  await page.getByRole('button', { name: `${verb}…` }).click(SOON);
  const dialog = page.getByRole('dialog');
  for (const [label, text] of Object.entries(fields)) await dialog.getByLabel(label).fill(text);
  await dialog.getByRole('button', { name: verb }).click();
  await dialog.getByText('In the audit as').waitFor(SOON);
  await page.keyboard.press('Escape');
}

test('every act does at the engine what it says, and its reason is kept', { timeout: 120_000 }, async () => {
  const { driver, service, jobType } = trial;
  const errorCode = 'CARD_DECLINED';
  const bpmn = catchingProcess({
    processId: jobType,
    jobType,
    errorCode,
    outputs: ['answer'],
    thenJobType: `${jobType}-done`,
  });
  await deployProcesses([{ name: `${jobType}.bpmn`, bpmn }], {
    ZEEBE_GRPC_ADDRESS: `grpc://${inject('zeebeAddress')}`,
    CAMUNDA_AUTH_STRATEGY: 'NONE',
  });
  const tokens = await driver.start(5);
  const sent = async (what: string, token: string, times: number) => {
    await eventually(what, () => service.about(token).length >= times, {
      deadlineMs: 30_000,
      diagnose: () => trial.diagnose(),
    });
    expect(service.about(token).length).toBe(times);
    return service.about(token).map(({ correlationId }) => ({ correlationId, ...partsOf(correlationId) }));
  };
  const jobKeys = await Promise.all(
    tokens.map(async (token) => (await sent('the first request', token, 1))[0]!.jobKey),
  );
  const seenBy = async (jobKey: string) =>
    (await (await fetch(`${trial.node('n2').pageUrl}api/v1/jobs/${jobKey}`)).json()) as JobView;
  const [resent, extended, failed, thrown, dropped] = tokens as [string, string, string, string, string];
  const [resentKey, extendedKey, failedKey, thrownKey, droppedKey] = jobKeys as [
    JobKey,
    JobKey,
    JobKey,
    JobKey,
    JobKey,
  ];

  // The same request once more, as the same attempt.
  await actOnJob('Resend', resentKey, { Reason: 'the service lost it' });
  const [first, again] = await sent('the request once more', resent, 2);
  expect(again).toEqual(first);

  const threeHoursMs = 3 * 3_600_000;
  const fromMs = Date.now();
  await actOnJob('Extend', extendedKey, { 'Wait from now on for': '3 h', Reason: 'they count by hand today' });
  const { replyDeadlineMs, state } = await seenBy(extendedKey);
  expect(state).toBe('held');
  expect(replyDeadlineMs).toBeGreaterThanOrEqual(fromMs + threeHoursMs);

  // Of what was failed and what was given back the engine makes a new attempt: with the retries that were set, and with its own.
  const asked = {
    Message: 'the terminal is broken',
    'Retries to set': '7',
    Backoff: '1 s',
    Reason: 'a new terminal came',
  };
  await actOnJob('Fail', failedKey, asked);
  await actOnJob('Drop', droppedKey, { Reason: 'to begin it anew' });
  for (const [token, jobKey, retries] of [
    [failed, failedKey, 7],
    [dropped, droppedKey, 3],
  ] as const) {
    const [, next] = await sent('the next attempt', token, 2);
    expect(next).toMatchObject({ jobKey, attempt: 2 });
    expect(await seenBy(jobKey)).toMatchObject({ attempt: 2, retries, state: 'held' });
  }

  // An error that the model catches: the instance goes on behind its event, with the error's variables.
  const declined = { token: thrown, number: 51 };
  await actOnJob('Throw', thrownKey, {
    'Error code': errorCode,
    Variables: JSON.stringify({ answer: declined }),
    Reason: 'declined by telephone',
  });
  const result = await eventually('the error to be caught', () => driver.results.get(thrown), { deadlineMs: 30_000 });
  expect(result.variables.answer).toEqual(declined);

  // All others still take their answers.
  for (const token of [resent, extended, failed, dropped]) {
    const request = service.about(token).at(-1)!;
    service.reply(request, ANSWER(request, 1)!);
  }
  await driver.allAnswered(tokens, { diagnose: () => trial.diagnose() });
  await page.goto(`${trial.node('n1').pageUrl}#/audit`);
  for (const [act, jobKey, reason] of [
    ['job.resend', resentKey, 'the service lost it'],
    ['job.extend', extendedKey, 'they count by hand today'],
    ['job.fail', failedKey, 'a new terminal came'],
    ['job.drop', droppedKey, 'to begin it anew'],
    ['job.throw', thrownKey, 'declined by telephone'],
  ] as const)
    await page.getByRole('row').filter({ hasText: act }).filter({ hasText: jobKey }).getByText(reason).waitFor(SOON);
  expect(complaints).toEqual([]);
});
