// Where the page begins.
import { createElement, render } from 'preact';
import { App } from './app.ts';
import { h } from './element.ts';
import { LiveContext } from './hooks.ts';
import { Live } from './live.ts';

const live = new Live();
const root = document.getElementById('app');
if (root) render(createElement(LiveContext.Provider, { value: live }, h(App, {})), root);
live.start();
