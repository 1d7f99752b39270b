// Where the reader is: what stands behind the # of the address, so that any view can be kept, sent and gone back to. What
// is not an address of ours is the overview; of filters only those are taken that the view has.
export type Query = Readonly<Record<string, string>>;

export type View =
  | { readonly view: 'overview' }
  | { readonly view: 'jobs'; readonly query: Query }
  | { readonly view: 'job'; readonly jobKey: string }
  | { readonly view: 'outcomes'; readonly query: Query }
  | { readonly view: 'letters'; readonly query: Query }
  | { readonly view: 'letter'; readonly partition: string; readonly offset: string }
  | { readonly view: 'audit'; readonly query: Query };

/** The names are those of the API's queries. */
export const FILTERS = {
  jobs: ['text', 'lane', 'state', 'process', 'instance', 'olderThanMs', 'shard', 'node'],
  outcomes: ['text', 'lane', 'outcome', 'process', 'instance'],
  letters: ['text', 'reason', 'sinceMs', 'untilMs'],
  audit: ['target'],
} as const;

type ListView = keyof typeof FILTERS;
const PATHS: Readonly<Record<ListView, string>> = {
  jobs: 'jobs',
  outcomes: 'outcomes',
  letters: 'dead-letters',
  audit: 'audit',
};

export function parseHash(hash: string): View {
  const [path = '', search = ''] = hash.replace(/^#?\/?/, '').split('?', 2);
  const [name, ...rest] = path.split('/').filter((part) => part !== '');
  if (name === 'jobs' && rest.length === 1 && /^[0-9]{1,19}$/.test(rest[0]!)) return { view: 'job', jobKey: rest[0]! };
  const [partition, offset] = rest;
  if (name === 'dead-letters' && rest.length === 2 && /^\d+$/.test(partition!) && /^\d+$/.test(offset!))
    return { view: 'letter', partition: partition!, offset: offset! };
  const list = (Object.keys(PATHS) as ListView[]).find((view) => PATHS[view] === name);
  if (list === undefined || rest.length > 0) return { view: 'overview' };
  return { view: list, query: taken(list, new URLSearchParams(search)) };
}

export function hashOf(view: View): string {
  switch (view.view) {
    case 'overview':
      return '#/';
    case 'job':
      return `#/jobs/${encodeURIComponent(view.jobKey)}`;
    case 'letter':
      return `#/dead-letters/${encodeURIComponent(view.partition)}/${encodeURIComponent(view.offset)}`;
    default:
      return `#/${PATHS[view.view]}${searchOf(view.query)}`;
  }
}

/** `?a=1&b=2`; '' without any. Empty values are left out. */
export function searchOf(query: Query): string {
  const params = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== ''));
  return params.size === 0 ? '' : `?${params}`;
}

function taken(view: ListView, params: URLSearchParams): Query {
  const known = FILTERS[view].map((name) => [name, params.get(name)?.trim() ?? ''] as const);
  return Object.fromEntries(known.filter(([, value]) => value !== ''));
}

/** The job that a search text names: its key, or a correlation id of ours, which carries the key in base 36. */
export function jobKeyIn(text: string): string | undefined {
  if (/^[1-9][0-9]{7,18}$/.test(text)) return text;
  const [, key] = /^hf1-[a-z0-9]{1,8}-([1-9a-z][0-9a-z]{0,12})-[1-9][0-9]{0,5}-[a-z2-7]{26}$/.exec(text) ?? [];
  if (key === undefined) return undefined;
  let sum = 0n;
  for (const digit of key) sum = sum * 36n + BigInt(Number.parseInt(digit, 36));
  return String(sum);
}
