// The system's own Chromium, headless, for tests of the page. A machine without one fails these tests and says what to do;
// continuous integration installs it before (.ci/run).
import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** @throws Error when there is none */
export async function openBrowser(): Promise<Browser> {
  const { HOLDFAST_CHROMIUM: named } = process.env;
  const executablePath = [...(named ? [named] : []), ...PLACES].find((path) => existsSync(path));
  if (executablePath === undefined) {
    throw new Error(
      `no Chromium at ${PLACES.join(', ')}: install it (Debian: "apt-get install -y chromium"), or name one in HOLDFAST_CHROMIUM`,
    );
  }
  return chromium.launch({ executablePath, args: FLAGS, timeout: 60_000 });
}

/** What a page has complained about: its console's errors, its exceptions, and addresses that are not its own. */
export function complaintsOf(page: Page, ownUrl: string): string[] {
  const complaints: string[] = [];
  page.on('console', (message) => {
    // A call that was refused or not answered is the page's own business, and it says so where people can see it.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error.stack)));
  page.on('request', (request) => {
    if (!request.url().startsWith(ownUrl) && !request.url().startsWith('data:'))
      complaints.push(`asks ${request.url()}`);
  });
  return complaints;
}
