// A load run as one HTML file that shows everything, opens from a disk or an attachment, and asks nobody for anything: its
// style sheet, its script, the plotting library and the data are all in it, and its policy forbids the browser to load
// more. The tables are markup; the plots are drawn from the data by the page's script. The data are the results as they
// were given, so a page can be turned back into its results.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { LoadResult } from '../load/result.ts';
import { figure } from './figures.ts';
import { dataScript, html, inlineScript, inlineStyle, type Markup } from './markup.ts';
import { browserScript } from './script.ts';
import {
  changeNote,
  differencesOf,
  eventsTable,
  factsTable,
  latencyTable,
  legsNote,
  readableTime,
  totalsTable,
} from './tables.ts';

const POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:";

/** The id of the element with the data: `{ "result": LoadResult, "earlier": LoadResult | null }`. */
export const DATA_ID = 'data';

/** @param earlier to compare with */
export async function pageOf(result: LoadResult, earlier?: LoadResult): Promise<string> {
  const [library, script, style] = await Promise.all([
    plotLibrary(),
    browserScript(),
    readFile(join(import.meta.dirname, 'page.css'), 'utf8'),
  ]);
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>Load run: ${result.scenario}</title>
${inlineStyle(`${library.style}\n${style}`)}
</head>
<body>
<main>
${heading(result, earlier)}
<div class="beside">
<section>${totalsTable(result, earlier)}</section>
<section>${factsTable(result, earlier)}</section>
</div>
<section>${latencyTable(result, earlier)}${legsNote()}${earlier && changeNote()}</section>
<section id="distribution" aria-labelledby="distribution-title">
<h2 id="distribution-title">Distribution of latencies</h2>
<noscript><p class="note">The plots need a browser that runs the page's script.</p></noscript>
</section>
<section id="course" aria-labelledby="course-title">
<h2 id="course-title">Course of the run</h2>
<p class="note">Minutes and seconds since the warm-up ended. Drag over a plot to enlarge a part of all of them, double-click to
see all again.</p>
</section>
<section>${eventsTable(result)}</section>
</main>
${dataScript(DATA_ID, { result, earlier: earlier ?? null })}
${inlineScript(library.script)}
${inlineScript(script)}
</body>
</html>
`;
  return page.text;
}

function heading(result: LoadResult, earlier: LoadResult | undefined): Markup {
  return html`<header>
<h1>Load run: ${result.scenario}</h1>
<p>Started at ${moment(result.startedAt)}${earlier && html`, compared with an earlier run that started at ${moment(earlier.startedAt)}`}</p>
${interruptedNote(result)}${earlier && differencesNote(differencesOf(result, earlier))}
</header>`;
}

function interruptedNote({ interruptedAtS }: LoadResult): Markup | undefined {
  if (interruptedAtS === undefined) return undefined;
  return html`<p class="note warning">This run was interrupted after ${figure(interruptedAtS)} s: what was open then was not waited for.</p>`;
}

function differencesNote(differences: readonly string[]): Markup {
  if (differences.length === 0)
    return html`<p class="note">Both runs had the same scenario, settings, machine and versions.</p>`;
  return html`<p class="note warning">The runs themselves differ, in ${differences.join('; ')}.</p>`;
}

function moment(iso: string): Markup {
  return html`<time datetime="${iso}">${readableTime(iso)}</time>`;
}

/** uPlot, with its licence, which asks to be wherever the code is. */
async function plotLibrary(): Promise<{ readonly script: string; readonly style: string }> {
  const root = dirname(createRequire(import.meta.url).resolve('uplot/package.json'));
  const [script, style, licence] = await Promise.all(
    ['dist/uPlot.iife.min.js', 'dist/uPlot.min.css', 'LICENSE'].map((name) => readFile(join(root, name), 'utf8')),
  );
  return { script: `/*\n${licence!.replaceAll('*/', '* /')}*/\n${script}`, style: style! };
}
