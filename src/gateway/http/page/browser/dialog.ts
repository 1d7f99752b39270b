// A native <dialog>: the browser keeps the focus inside, closes it at Esc and gives the focus back where it was.
import type { ComponentChildren, VNode } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { h } from './element.ts';

export interface DialogProps {
  readonly title: string;
  readonly wide?: boolean;
  /** Passed to h behind the props. */
  readonly children?: ComponentChildren;
  /** Not given: there is nothing to go back to, and it stays until it is answered. */
  readonly onClose?: () => void;
}

export function Dialog({ title, wide = false, children, onClose }: DialogProps): VNode {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const dialog = ref.current;
    const before = document.activeElement;
    if (dialog && !dialog.open) dialog.showModal();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return h(
    'dialog',
    { ref, class: wide ? 'wide' : '', 'aria-labelledby': id, onClose: onClose ?? (() => ref.current?.showModal()) },
    h(
      'header',
      {},
      h('h2', { id }, title),
      onClose &&
        h(
          'button',
          { type: 'button', class: 'plain', 'aria-label': 'Close', title: 'Close (Esc)', onClick: onClose },
          '×',
        ),
    ),
    children,
  );
}

export interface FieldProps {
  readonly label: string;
  readonly hint?: string;
  readonly fault?: string | undefined;
  readonly value: string;
  readonly lines?: number;
  readonly focus?: boolean;
  readonly secret?: boolean;
  readonly mono?: boolean;
  onInput(value: string): void;
}

export function Field({
  label,
  hint,
  fault,
  value,
  lines = 1,
  focus = false,
  secret = false,
  mono = false,
  onInput,
}: FieldProps): VNode {
  const id = useId();
  const common = {
    id,
    value,
    class: mono ? 'mono' : '',
    'aria-invalid': fault !== undefined,
    'aria-describedby': `${id}-hint`,
    autoFocus: focus,
    autoComplete: 'off' as const,
    spellcheck: !mono,
    onInput: (event: { currentTarget: HTMLInputElement | HTMLTextAreaElement }) => onInput(event.currentTarget.value),
  };
  return h(
    'div',
    { class: 'field' },
    h('label', { for: id }, label),
    lines > 1
      ? h('textarea', { ...common, rows: lines })
      : secret
        ? h('input', { ...common, type: 'password' })
        : h('input', { ...common, type: 'text' }),
    // Always there, so that nothing moves when a fault appears.
    h('p', { id: `${id}-hint`, class: fault === undefined ? 'hint' : 'hint tone-bad' }, fault ?? hint ?? ''),
  );
}
