// Rows in columns for people. On a terminal the flexible columns give way until a line fits, and then those that tell least are
// left out; elsewhere nothing is cut, so that what is piped away is whole. An empty cell is `-`: every line has as many fields as the header, as long as no cell has blanks.
import type { styleText } from 'node:util';
import { cutTo, printable, widthOf } from './text-width.ts';

export type Style = Parameters<typeof styleText>[0];
export type Paint = (style: Style, text: string) => string;

export interface Column<R> {
  readonly title: string;
  of(row: R): string | number | null;
  readonly align?: 'right';
  /** It may be cut down to so many cells, and its title's. */
  readonly least?: number;
  /** Left out where the terminal is too narrow for all. */
  readonly extra?: true;
  style?(row: R): Style | undefined;
}

export interface Sheet {
  /** Cells of the terminal; undefined: as wide as it takes. */
  readonly width: number | undefined;
  readonly paint: Paint;
}

const GAP = '  ';

/** Made once for rows that come page by page: columns grow and never shrink. */
export class Table<R> {
  #columns: readonly Column<R>[];
  readonly #sheet: Sheet;
  #natural: number[];
  #begun = false;

  constructor(columns: readonly Column<R>[], sheet: Sheet) {
    this.#columns = columns;
    this.#sheet = sheet;
    this.#natural = columns.map(({ title }) => title.length);
  }

  /** Lines for these rows; the header comes before the first of them. */
  lines(rows: readonly R[]): string[] {
    if (!this.#begun) this.#leaveOut(rows);
    const cells = rows.map((row) => this.#columns.map((column) => cellOf(column, row)));
    for (const [at] of this.#columns.entries()) {
      this.#natural[at] = cells.reduce((most, row) => Math.max(most, widthOf(row[at] ?? '')), this.#natural[at] ?? 0);
    }
    const widths = this.#fitted();
    const body = rows.map((row, index) => this.#line(cells[index] ?? [], widths, (column) => column.style?.(row)));
    if (this.#begun) return body;
    this.#begun = true;
    const titles = this.#columns.map(({ title }) => title);
    return [this.#line(titles, widths, () => 'bold'), ...body];
  }

  #line(
    cells: readonly string[],
    widths: readonly number[],
    styleOf: (column: Column<R>) => Style | undefined,
  ): string {
    const parts = this.#columns.map((column, at) => {
      const cut = cutTo(cells[at] ?? '', widths[at] ?? 0);
      const space = ' '.repeat(Math.max(0, (widths[at] ?? 0) - widthOf(cut)));
      const style = styleOf(column);
      const text = style === undefined ? cut : this.#sheet.paint(style, cut);
      if (column.align === 'right') return space + text;
      return at === this.#columns.length - 1 ? text : text + space;
    });
    return parts.join(GAP);
  }

  /** Decided by the first rows: a table that changes its columns on the way is none. */
  #leaveOut(rows: readonly R[]): void {
    const { width } = this.#sheet;
    if (width === undefined) return;
    const needs = (column: Column<R>): number => {
      const title = column.title.length;
      const widest = rows.reduce((most, row) => Math.max(most, widthOf(cellOf(column, row))), title);
      return Math.min(widest, column.least === undefined ? widest : Math.max(column.least, title));
    };
    const needed = new Map(this.#columns.map((column) => [column, needs(column) + GAP.length]));
    let over = [...needed.values()].reduce((sum, cells) => sum + cells, 0) - GAP.length - width;
    const gone = new Set<Column<R>>();
    for (const column of this.#columns.toReversed()) {
      if (over <= 0) break;
      if (column.extra !== true) continue;
      gone.add(column);
      over -= needed.get(column) ?? 0;
    }
    this.#columns = this.#columns.filter((column) => !gone.has(column));
    this.#natural = this.#columns.map(({ title }) => title.length);
  }

  /** The widest of those that may be cut gives way first. */
  #fitted(): readonly number[] {
    const widths = [...this.#natural];
    const { width } = this.#sheet;
    if (width === undefined) return widths;
    let over = widths.reduce((sum, each) => sum + each, 0) + GAP.length * (widths.length - 1) - width;
    for (; over > 0; over--) {
      let widest = -1;
      for (const [at, { least, title }] of this.#columns.entries()) {
        const now = widths[at] ?? 0;
        if (least === undefined || now <= Math.max(least, title.length)) continue;
        if (widest < 0 || now > (widths[widest] ?? 0)) widest = at;
      }
      if (widest < 0) break;
      widths[widest] = (widths[widest] ?? 0) - 1;
    }
    return widths;
  }
}

function cellOf<R>(column: Column<R>, row: R): string {
  const value = column.of(row);
  return value === null || value === '' ? '-' : printable(String(value));
}

export function table<R>(columns: readonly Column<R>[], rows: readonly R[], sheet: Sheet): string[] {
  return new Table(columns, sheet).lines(rows);
}

/** Names and values below each other; those without a value are left out. */
export function fields(
  pairs: readonly (readonly [name: string, value: string | number | null])[],
  sheet: Sheet,
): string[] {
  const shown = pairs.filter(([, value]) => value !== null && value !== '');
  const width = Math.max(0, ...shown.map(([name]) => widthOf(printable(name))));
  return shown.map(([name, value]) => {
    const label = printable(name);
    const space = ' '.repeat(width - widthOf(label));
    return `${sheet.paint('dim', label)}${space}${GAP}${printable(String(value))}`;
  });
}
