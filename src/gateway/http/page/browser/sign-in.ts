// Who comes without a token, or with one that is not taken, is asked for it. It stays in this tab alone.
import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import { token } from './api.ts';
import { Dialog, Field } from './dialog.ts';
import { h } from './element.ts';
import { useLive } from './hooks.ts';

export function SignIn(): VNode {
  const live = useLive();
  const [value, setValue] = useState('');
  const had = token() !== '';
  return h(
    Dialog,
    { title: 'Sign in' },
    h(
      'form',
      {
        onSubmit: (event) => {
          event.preventDefault();
          if (value.trim() !== '') live.signIn(value.trim());
        },
      },
      h(
        'p',
        { class: 'will', role: 'status' },
        had
          ? 'The node does not take this token (any more). Another one?'
          : 'This node wants a token, so that it knows who asks.',
      ),
      h(Field, {
        label: 'Token',
        hint: 'Kept in this tab until it is closed, and sent to this node only.',
        value,
        secret: true,
        focus: true,
        onInput: setValue,
      }),
      h('footer', {}, h('button', { type: 'submit', class: 'main' }, 'Sign in')),
    ),
  );
}
