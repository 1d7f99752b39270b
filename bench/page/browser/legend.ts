// The legend of one plot or of several with the same names: for each name a box to tick, its colour, and a value, which is
// that under the cursor while there is one. The boxes have one width and one height, so that nothing moves when values do.
import { lineVariable } from './theme.ts';

export interface Legend {
  readonly root: HTMLElement;
  /** @param values by name; undefined: the cursor is elsewhere */
  read(values: readonly string[] | undefined): void;
}

/**
 * @param rest what stands there for each name while the cursor is elsewhere
 * @param changed which names are shown now, and whether the earlier run is
 */
export function legendOf(
  names: readonly string[],
  rest: readonly string[],
  comparing: boolean,
  changed: (shown: readonly boolean[], earlier: boolean) => void,
): Legend {
  const root = element('div', 'legend');
  root.setAttribute('role', 'group');
  root.setAttribute('aria-label', 'Lines');
  const chips = names.map((name, i) => chipOf(name, `var(${lineVariable(i)})`, 'solid'));
  const earlier = comparing ? chipOf('earlier run', 'currentColor', 'dashed') : undefined;
  root.append(...chips.map(({ chip }) => chip), ...(earlier === undefined ? [] : [earlier.chip]));
  root.addEventListener('change', () => {
    changed(
      chips.map(({ box }) => box.checked),
      earlier?.box.checked ?? false,
    );
  });
  const legend: Legend = {
    root,
    read(values) {
      for (const [i, { value }] of chips.entries()) value.textContent = (values ?? rest)[i] ?? '';
    },
  };
  legend.read(undefined);
  return legend;
}

function chipOf(name: string, colour: string, style: string) {
  const chip = element('label', 'chip');
  const box = element('input');
  box.type = 'checkbox';
  box.checked = true;
  const swatch = element('span', 'swatch');
  swatch.style.borderTop = `3px ${style} ${colour}`;
  const text = element('span', 'name');
  text.textContent = text.title = name;
  const value = element('span', 'value');
  chip.append(box, swatch, text, value);
  return { chip, box, value };
}

export function element<Tag extends keyof HTMLElementTagNameMap>(tag: Tag, className = ''): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  if (className !== '') made.className = className;
  return made;
}
