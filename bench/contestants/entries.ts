// Who takes part in the rounds, in the order of the first one, by the names that the command line has for them.
import type { ContestantName } from '../options.ts';
import type { Entry } from '../side-by-side/rounds.ts';
import { connect } from './connect.ts';
import { direct } from './direct.ts';
import { holdfast } from './holdfast.ts';
import { naive, naiveAwaited } from './naive.ts';

/** @param connectPlugin an unpacked release, which `connect` needs */
export function entriesOf(names: readonly ContestantName[], connectPlugin: string | undefined): readonly Entry[] {
  return names.map((name) => entryOf(name, connectPlugin));
}

function entryOf(name: ContestantName, connectPlugin = ''): Entry {
  switch (name) {
    case 'direct':
      return { contestant: direct, paced: false, yardstick: true };
    case 'naive':
      return { contestant: naive, paced: true };
    case 'connect':
      return { contestant: connect(connectPlugin), paced: true };
    case 'holdfast-1':
      return { contestant: holdfast(1, 1), paced: true };
    case 'holdfast-3':
      return { contestant: holdfast(3, 1), paced: true };
    case 'naive-awaited':
      return { contestant: naiveAwaited, paced: false };
    case 'holdfast-1-r3':
      return { contestant: holdfast(1, 3), paced: true };
    case 'holdfast-3-r3':
      return { contestant: holdfast(3, 3), paced: true };
  }
}
