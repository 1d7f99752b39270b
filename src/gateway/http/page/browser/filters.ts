// The filters above a list. They stand in the address, so a filtered list can be kept and sent; what is typed goes there with
// Enter or when the field is left, what is chosen at once.
import type { VNode } from 'preact';
import { useId, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { h } from './element.ts';
import { hashOf, type Query, type View } from './route.ts';

export interface Filter {
  /** As in the query. */
  readonly name: string;
  readonly label: string;
  readonly kind: 'text' | 'choice';
  /** Of a choice, value and text; the first one of all stands for none. */
  readonly choices?: readonly (readonly [value: string, text: string])[];
  readonly wide?: boolean;
  readonly hint?: string;
  /** What is typed, made into what the query takes, and back. */
  readonly to?: (typed: string) => string;
  readonly from?: (value: string) => string;
}

type ListView = Extract<View, { readonly query: Query }>;

export function Filters({ at, filters }: { readonly at: ListView; readonly filters: readonly Filter[] }): VNode {
  const id = useId();
  const [open, setOpen] = useState(false);
  const go = (form: HTMLFormElement) => {
    const typed = new FormData(form);
    const query = filters.map(
      ({ name, to = (value) => value }) => [name, to(String(typed.get(name) ?? '').trim())] as const,
    );
    const hash = hashOf({ ...at, query: Object.fromEntries(query.filter(([, value]) => value !== '')) });
    if (hash !== location.hash) location.hash = hash;
  };
  const some = Object.keys(at.query).length > 0;
  return h(
    'form',
    {
      class: open ? 'filters open' : 'filters',
      role: 'search',
      'aria-label': 'Filters',
      onSubmit: (event) => {
        event.preventDefault();
        go(event.currentTarget);
      },
      onChange: (event) => go(event.currentTarget),
    },
    filters.map(({ name, label, kind, choices = [], wide = false, hint, from = (value) => value }) => {
      const value = from(at.query[name] ?? '');
      return h(
        'div',
        { class: `filter ${wide ? 'wide' : ''} ${value === '' ? '' : 'set'}`, key: name },
        h('label', { for: `${id}-${name}` }, label),
        kind === 'choice'
          ? h(
              'select',
              { id: `${id}-${name}`, name, value },
              withPresent(choices, value).map(([value, text]) => h('option', { key: value, value }, text)),
            )
          : h(TextField, { id: `${id}-${name}`, name, value, hint }),
      );
    }),
    filters.length > 1 &&
      h(
        'button',
        { type: 'button', class: 'more-filters', 'aria-expanded': open, onClick: () => setOpen(!open) },
        open ? 'Fewer filters' : 'More filters',
      ),
    h('button', { type: 'submit' }, 'Search'),
    h(
      'a',
      {
        class: some ? 'clear' : 'clear unseen',
        href: hashOf({ ...at, query: {} }),
        tabIndex: some ? 0 : -1,
        onClick: (event) => event.currentTarget.closest('form')?.reset(),
      },
      'Clear',
    ),
  );
}

interface TextFieldProps {
  readonly id: string;
  readonly name: string;
  /** What the address says. */
  readonly value: string;
  readonly hint: string | undefined;
}

/** It follows the address; what is being typed stays, whatever else is drawn anew meanwhile. */
function TextField({ id, name, value, hint }: TextFieldProps): VNode {
  const field = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => {
    if (field.current !== null) field.current.value = value;
  }, [value]);
  return h('input', { ref: field, id, name, placeholder: hint, autoComplete: 'off', spellcheck: false });
}

/** A link may name what is not among the choices (any more). */
function withPresent(
  choices: readonly (readonly [string, string])[],
  value: string,
): readonly (readonly [string, string])[] {
  return value === '' || choices.some(([known]) => known === value) ? choices : [...choices, [value, value]];
}
