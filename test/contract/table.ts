// Writes what docs/services.md says of each framework: the table of what had to be written, and the listeners, both taken
// from the sources that the contract tests run. `node test/contract/table.ts` brings the document up to date;
// table.test.ts fails when it is not.
import { readFileSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { SERVICES, type Service, sourcesOf } from './services.ts';

export const DOCUMENT = join(import.meta.dirname, '..', '..', 'docs', 'services.md');

/** What a listener is asked with, for each answer that it writes. */
const ANSWERS = ['ok', 'declined', 'down'] as const;
const BEGIN = '<!-- made by test/contract/table.ts -->';
const END = '<!-- end -->';

/** The document with its region as the sources have it now. @throws when it has no region */
export function upToDate(document: string): string {
  const [before, rest] = halves(document, BEGIN);
  const [, after] = halves(rest, END);
  return `${before}${BEGIN}\n\n${table()}\n${SERVICES.map(listing).join('\n')}\n${END}${after}`;
}

/** The lines between `listener` and `end of listener`, blank ones left out, as far to the left as they go. */
export function listenerOf(source: string): string[] {
  const found = /^ *(?:\/\/|#) listener\n([\s\S]*?)\n *(?:\/\/|#) end of listener$/m.exec(source)?.[1];
  if (found === undefined) throw new Error('no lines between the comments "listener" and "end of listener"');
  const lines = found.split('\n').filter((line) => line.trim() !== '');
  const margin = Math.min(...lines.map(indentOf));
  return lines.map((line) => line.slice(margin));
}

/** What a listener does for one answer: the line that names it, without the test for it, and the deeper ones below. */
export function answerIn(listener: readonly string[], answer: (typeof ANSWERS)[number]): string[] {
  const at = listener.findIndex((line) => /^\s*(case|if)\b/.test(line) && new RegExp(`["']${answer}["']`).test(line));
  const first = listener[at];
  if (first === undefined) throw new Error(`the listener has no answer for "${answer}"`);
  const below = listener.slice(at + 1);
  const length = below.findIndex((line) => indentOf(line) <= indentOf(first));
  const statement = first.replace(/^\s*(case .*?(->|:)|if \(.*?\))\s*\{?/, '');
  return [statement, ...below.slice(0, length)].map((line) => line.trim()).filter((line) => line !== '');
}

function table(): string {
  const rows = SERVICES.map((service) => {
    const listener = listenerOf(sourceOf(service));
    const answers = ANSWERS.map((answer) => answerIn(listener, answer).map(code).join('<br>'));
    const { framework, profile } = service;
    return [`${framework} ${versionOf(service)}`, code(profile), `${listener.length} lines`, ...answers];
  });
  const head = ['framework', 'profile', 'listener', 'for a result', 'for a business error', 'for a technical error'];
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |\n`).join('');
}

function listing(service: Service): string {
  const language = { '.js': 'js', '.py': 'python', '.java': 'java', '.ts': 'ts' }[extname(service.source)] ?? '';
  const path = `test/contract/${service.name}/${service.source}`;
  const lines = listenerOf(sourceOf(service)).join('\n');
  return `### ${service.framework}\n\n[${path}](../${path})\n\n\`\`\`${language}\n${lines}\n\`\`\`\n`;
}

function sourceOf(service: Service): string {
  return readFileSync(join(sourcesOf(service), service.source), 'utf8');
}

function versionOf(service: Service): string {
  const [file, found] = service.version;
  const version = found.exec(readFileSync(join(sourcesOf(service), file), 'utf8'))?.[1];
  if (version === undefined) throw new Error(`${service.name}: ${file} has nothing like ${found}`);
  return version;
}

function indentOf(line: string): number {
  return line.search(/\S|$/);
}

function code(text: string): string {
  return `\`${text.replaceAll('|', '\\|')}\``;
}

function halves(text: string, marker: string): [before: string, after: string] {
  const at = text.indexOf(marker);
  if (at < 0) throw new Error(`${DOCUMENT} has no line ${marker}`);
  return [text.slice(0, at), text.slice(at + marker.length)];
}

if (import.meta.main) writeFileSync(DOCUMENT, upToDate(readFileSync(DOCUMENT, 'utf8')));
