// Colours live in the style sheet, where light and dark are told apart; a canvas cannot read variables, so they are looked
// up whenever it is drawn, and a change of the scheme only needs all to be drawn again.

/** How many the style sheet has: --line-0 … */
const COLOURS = 10;

/** The variable of the nth name of a plot; more names than colours take them in turn. */
export function lineVariable(name: number): string {
  return `--line-${name % COLOURS}`;
}

export function colourOf(variable: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(variable).trim();
}

export function onSchemeChange(redraw: () => void): void {
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
}
