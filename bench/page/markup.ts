// What keeps text from becoming markup. A scenario's name, a setting or a node's name is anybody's text, and the page has
// to show it, not obey it: text reaches the page through html`…`, which escapes every value that is not Markup already,
// or as JSON in a script element, in which no character is left that could end that element. Code and style sheets cannot
// be escaped in general; they are refused if they could end theirs.

/** HTML that may go into the page as it is. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Part = Markup | string | number | undefined | readonly Part[];

/** Values become text; Markup stays, lists are joined, undefined is nothing. */
export function html(pieces: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return new Markup(pieces.map((piece, i) => (i === 0 ? '' : markupOf(parts[i - 1])) + piece).join(''));
}

function markupOf(part: Part): string {
  if (part === undefined) return '';
  if (part instanceof Markup) return part.text;
  if (typeof part === 'object') return part.map(markupOf).join('');
  return escaped(`${part}`);
}

const ENTITIES: Readonly<Record<string, string>> = {
  ...{ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' },
};

/** For text between tags and in quoted attributes. What HTML has no way to write, control characters and halves of pairs, becomes �. */
export function escaped(text: string): string {
  return text
    .toWellFormed()
    .replace(/[&<>"']/g, (character) => ENTITIES[character]!)
    .replace(/[^\P{Cc}\t\r\n]/gu, '\ufffd');
}

/** A script element that holds data and never runs; `<` is what could end it, or begin a comment in it. */
export function dataScript(id: string, value: unknown): Markup {
  const json = JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, unicodeEscape);
  return html`<script type="application/json" id="${id}">${new Markup(json)}</script>`;
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** @throws Error for code that could end its own element */
export function inlineScript(code: string): Markup {
  return new Markup(`<script>\n${harmless(code, /<\/script|<script|<!--/i)}\n</script>`);
}

/** @throws Error for a sheet that could end its own element */
export function inlineStyle(css: string): Markup {
  return new Markup(`<style>\n${harmless(css, /<\/style|<!--/i)}\n</style>`);
}

function harmless(text: string, end: RegExp): string {
  const found = end.exec(text);
  if (found) throw new Error(`"${found[0]}" must not stand in what is put into the page: it could end its element`);
  return text;
}
