// A service's delay as the command line has it, such as `exponential:50ms`: the kind, then its settings in the order in which a
// scenario's file has them.
import type { Delay } from '../parts/delays.ts';
import { ScenarioError } from './scenario.ts';

const ALLOWED = [
  'constant:TIME',
  'exponential:MEAN',
  'heavyTail:LEAST:ALPHA:MOST',
  'never, or never:SHARE:OTHERWISE, such as never:0.01:exponential:50ms',
];
const MS_OF = { ms: 1, s: 1_000, m: 60_000 } as const;
const TIMES = 'a time is as 50ms, 1.5s or 2m';

/** @throws ScenarioError that says what was found and what is allowed */
export function parseDelay(text: string): Delay {
  const delay = delayOf(text.split(':'));
  if (delay === undefined)
    throw new ScenarioError(
      `--delay: found "${text}"; allowed: ${ALLOWED.join(', ')}; ${TIMES}, ALPHA a number from 0.1`,
    );
  return delay;
}

function delayOf([kind, ...settings]: readonly string[]): Delay | undefined {
  const [first = '', second = '', third = ''] = settings;
  const [firstMs, thirdMs] = [msOf(first), msOf(third)];
  switch (kind) {
    case 'constant':
      return settings.length === 1 && firstMs !== undefined ? { kind, ms: firstMs } : undefined;
    case 'exponential':
      return settings.length === 1 && firstMs !== undefined ? { kind, meanMs: firstMs } : undefined;
    case 'heavyTail': {
      const alpha = numberOf(second);
      if (settings.length !== 3 || firstMs === undefined || thirdMs === undefined) return undefined;
      if (alpha === undefined || alpha < 0.1 || thirdMs < firstMs) return undefined;
      return { kind, leastMs: firstMs, alpha, mostMs: thirdMs };
    }
    case 'never': {
      if (settings.length === 0) return { kind, share: 1, otherwise: { kind: 'constant', ms: 0 } };
      const [share, otherwise] = [numberOf(first), delayOf(settings.slice(1))];
      return share === undefined || share > 1 || otherwise === undefined ? undefined : { kind, share, otherwise };
    }
    default:
      return undefined;
  }
}

function msOf(text: string): number | undefined {
  const [, value = '', unit = ''] = /^(.+?)(ms|s|m)$/.exec(text) ?? [];
  const amount = numberOf(value);
  return amount === undefined ? undefined : amount * MS_OF[unit as keyof typeof MS_OF];
}

function numberOf(text: string): number | undefined {
  return /^\d{1,9}(\.\d{1,9})?$/.test(text) ? Number(text) : undefined;
}
