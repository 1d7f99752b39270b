// Loaded into a node's process before the product (`--import snapshot-hook.ts?version=2`): makes it one of that version.
import { registerHooks } from 'node:module';
import { CODEC, patched } from './snapshot-patch.ts';

const version = Number(new URL(import.meta.url).searchParams.get('version'));
if (!Number.isInteger(version) || version < 1) throw new Error(`snapshot-hook.ts: no version in ${import.meta.url}`);

let applied = false;

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (!url.endsWith(CODEC)) return loaded;
    applied = true;
    return { ...loaded, source: patched(String(loaded.source), version) };
  },
});

// The product has been loaded by then.
setTimeout(() => {
  if (!applied)
    throw new Error(`snapshot-hook.ts: ${CODEC} was not loaded, so this is no bridge of version ${version}`);
}, 20_000).unref();
