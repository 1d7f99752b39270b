// Faults of the configuration. All of them are collected and reported in one message, each with the setting's name and
// place, what was found and what is allowed, so that one look and one edit are enough. Nothing secret is ever quoted.

export interface Fault {
  /** The setting as the user wrote it: `routes[0].replyTimeout`, `NATS_URL`. */
  readonly setting: string;
  /** Line in the YAML file, 1-based. */
  readonly line?: number | undefined;
  readonly found: string;
  readonly allowed: string;
}

/** A file that is none at all has thousands. */
const MOST_TOLD = 100;

export class ConfigError extends Error {
  readonly code = 'CONFIG_INVALID';
  readonly retryable = false;
  readonly faults: readonly Fault[];

  constructor(file: string, faults: readonly Fault[]) {
    const many = faults.length === 1 ? '1 fault' : `${faults.length} faults`;
    const told = faults.slice(0, MOST_TOLD).map((fault) => `  ${describe(file, fault)}`);
    const more = faults.length > MOST_TOLD ? [`  and ${faults.length - MOST_TOLD} more`] : [];
    super([`the configuration has ${many}:`, ...told, ...more].join('\n'));
    this.faults = faults;
  }
}

function describe(file: string, { setting, line, found, allowed }: Fault): string {
  const place = line === undefined ? '' : `${file}:${line} `;
  return `${place}${setting}: found ${found}; allowed: ${allowed}`;
}

/** A value as it may be shown: short, on one line, passwords inside URLs cut. */
export function show(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  const text = typeof value === 'string' ? JSON.stringify(withoutPassword(value)) : String(value);
  return text.length > 80 ? `${text.slice(0, 76)}…"` : text;
}

/** What may be said of a secret value: its kind and size. */
export function showSecret(value: unknown): string {
  return typeof value === 'string' ? `a text of ${value.length} characters` : `a ${typeof value}`;
}

/** `nats://user:pass@host` becomes `nats://***@host`; of a list, only what follows the last password is left. */
export function withoutPassword(text: string): string {
  return text.replace(/^(\w+:\/\/)?.*@/s, '$1***@');
}

/** The known name that `name` is probably meant to be: differing in case or in at most a third of its letters. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((candidate) => ({ candidate, distance: editDistance(name.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best !== undefined && best.distance <= Math.max(1, Math.floor(best.candidate.length / 3))
    ? best.candidate
    : undefined;
}

/** Levenshtein, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
