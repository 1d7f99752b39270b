// A page as a browser would understand it: parsed by the standard's own rules, so that what a test finds in it is what a
// reader would get, and markup that was meant as text shows up as elements.
import { parse, type DefaultTreeAdapterTypes as Tree } from 'parse5';

export type Element = Tree.Element;

export interface Page {
  readonly elements: readonly Element[];
  /** Codes of what the standard calls errors. */
  readonly errors: readonly string[];
}

export function parsed(html: string): Page {
  const errors: string[] = [];
  const document = parse(html, { onParseError: ({ code }) => errors.push(code) });
  return { elements: elementsOf(document), errors };
}

function elementsOf(node: Tree.Node): Element[] {
  const inner = 'childNodes' in node ? node.childNodes.flatMap(elementsOf) : [];
  return 'tagName' in node ? [node, ...inner] : inner;
}

export function named({ elements }: Page, tag: string): Element[] {
  return elements.filter(({ tagName }) => tagName === tag);
}

export function attribute({ attrs }: Element, name: string): string | undefined {
  return attrs.find((one) => one.name === name)?.value;
}

/** As a reader sees it: without what only a screen reader says. */
export function textOf(node: Tree.Node, unseen = false): string {
  if ('value' in node) return node.value;
  if (!unseen && 'attrs' in node && attribute(node, 'class') === 'unseen') return '';
  return 'childNodes' in node ? node.childNodes.map((child) => textOf(child, unseen)).join('') : '';
}

/** The rows of the table with this caption, cell by cell. */
export function tableOf(page: Page, caption: string): string[][] {
  const table = named(page, 'table').find((one) =>
    elementsOf(one).some((inner) => inner.tagName === 'caption' && textOf(inner) === caption),
  );
  if (table === undefined) throw new Error(`no table is called "${caption}"`);
  const rows = elementsOf(table).filter(({ tagName }) => tagName === 'tr');
  return rows.map((row) => row.childNodes.filter((cell) => 'tagName' in cell).map((cell) => textOf(cell)));
}
