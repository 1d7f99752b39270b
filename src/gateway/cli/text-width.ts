// Text for a terminal. What comes from elsewhere (a process id, an error message, a record's header) may hold anything:
// control characters would move the cursor or recolour the screen, direction marks would show one thing and mean another, so
// both are shown as escapes. Widths are counted in terminal cells, by grapheme: East Asian wide characters and emoji take two.

const GRAPHEMES = new Intl.Segmenter('en', { granularity: 'grapheme' });
const PLAIN = /^[\x20-\x7e]*$/;
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
/** Joiners inside words and emoji. */
const HARMLESS = new Set(['\u200c', '\u200d']);
const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };
const WIDE =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Yi}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}|\ufe0f/u;
const HALF_WIDTH = /[\uff61-\uffdc]/;
const MARKS_ONLY = /^[\p{M}\u200c\u200d]*$/u;

/** Never more than one line, and nothing that a terminal obeys. */
export function printable(text: string): string {
  if (PLAIN.test(text)) return text;
  return text.replace(UNSAFE, (found) => {
    if (HARMLESS.has(found)) return found;
    const code = found.codePointAt(0) ?? 0;
    return NAMED[found] ?? (code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`);
  });
}

/** Cells of a terminal. */
export function widthOf(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let width = 0;
  for (const { segment } of GRAPHEMES.segment(text)) width += cellsOf(segment);
  return width;
}

/** The beginning that fits, with an ellipsis where something is left out. */
export function cutTo(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let cut = '';
  let used = 0;
  for (const { segment } of GRAPHEMES.segment(text)) {
    used += cellsOf(segment);
    if (used > width - 1) break;
    cut += segment;
  }
  return `${cut}…`;
}

function cellsOf(grapheme: string): number {
  if (MARKS_ONLY.test(grapheme)) return 0;
  return WIDE.test(grapheme) && !HALF_WIDTH.test(grapheme) ? 2 : 1;
}
