// Every command, as data: arguments are read by it, help is made of it, docs/cli.md is compared with it. Words of the model are
// written out (a test compares them): to load the schemas takes longer than to print help.
import type { CommandSpec, OptionSpec } from './command-line.ts';

type Options = Readonly<Record<string, OptionSpec>>;

const API: Options = {
  url: {
    kind: 'value',
    value: 'URL',
    help: 'API of a node, or several separated by commas; instead of HOLDFAST_API_URL',
  },
  timeout: { kind: 'value', value: 'DURATION', help: 'of one call to one address; default 20s, for dlq 35s' },
  json: { kind: 'flag', help: 'print what the API says, and nothing else' },
};
const WATCH: Options = { watch: { kind: 'seconds', help: 'show it again every so many seconds; default 2' } };
const PAGES: Options = {
  limit: { kind: 'value', value: 'N', help: 'at most so many, up to 200; default 50' },
  after: { kind: 'value', value: 'CURSOR', help: 'the page behind the one that named this cursor' },
  all: { kind: 'flag', help: 'all pages; with --json one row a line' },
};
const FILTER: Options = {
  route: { kind: 'value', value: 'ROUTE', help: 'job type of a route, or request topic of the template' },
  process: { kind: 'value', value: 'ID', help: 'BPMN process id' },
  instance: { kind: 'value', value: 'KEY', help: 'process instance' },
  text: {
    kind: 'value',
    value: 'TEXT',
    help: 'part of a key, an id, a business key or an error message; never of a payload',
  },
};
const REASON: Options = { reason: { kind: 'value', value: 'TEXT', help: 'why; kept in the audit' } };
const LETTERS: Options = {
  'reason-code': { kind: 'value', value: 'CODE', help: 'as in the header holdfast-reason' },
  since: { kind: 'value', value: 'TIME', help: 'written at or after: a time, or a duration ago such as 2h' },
  until: { kind: 'value', value: 'TIME', help: 'written at or before' },
  text: { kind: 'value', value: 'TEXT', help: 'part of key, reason, message or correlation id' },
};

const nothing = { takes: '', count: [0, 0] } as const;

export const COMMANDS: readonly CommandSpec[] = [
  {
    ...nothing,
    name: 'start',
    summary: 'run a node until SIGTERM; it hands its work over before it ends',
    options: {},
    examples: ['holdfast start'],
  },
  {
    ...nothing,
    name: 'init',
    summary: 'make the bucket and the topics; harmless to repeat',
    options: {},
    examples: ['holdfast init'],
  },
  {
    ...nothing,
    name: 'check',
    summary: 'validate the configuration, look at every server, say what is wrong and what to do',
    more: ['For CI and before a start: it needs the servers only, no running node.'],
    options: {},
    examples: ['holdfast check'],
  },
  {
    ...nothing,
    name: 'doctor',
    summary: 'check, and also permissions, clocks, copies, and what the nodes say; the worst first',
    more: [
      'It changes nothing on any server. The nodes are asked over the API, where one answers.',
      'Exit code 1 when something has to be changed, 0 when there is nothing, or notes only.',
    ],
    options: API,
    examples: ['holdfast doctor', 'holdfast doctor --json'],
  },
  {
    ...nothing,
    name: 'status',
    summary: 'nodes, shards and routes at a glance: what is there, what waits, what is missing',
    more: ['--json: {"cluster": …, "routes": …}, each as the API says it.'],
    options: { ...API, ...WATCH },
    examples: ['holdfast status', 'holdfast status --watch', 'holdfast status --watch 10 --json'],
  },
  {
    ...nothing,
    name: 'routes',
    summary: 'pending jobs, oldest first, rates and room of each route',
    options: { ...API, ...WATCH },
    examples: ['holdfast routes', 'holdfast routes --json'],
  },
  {
    ...nothing,
    name: 'jobs',
    summary: 'pending jobs, longest held first',
    options: {
      ...FILTER,
      state: { kind: 'value', value: 'STATE', help: 'held, replied, failing, parked' },
      'older-than': { kind: 'value', value: 'DURATION', help: 'held at least so long: 300s, 5m, 2h, PT5M' },
      shard: { kind: 'value', value: 'N', help: 'of this shard' },
      node: { kind: 'value', value: 'NODE', help: 'owned by this node' },
      ...PAGES,
      ...API,
      ...WATCH,
    },
    examples: [
      'holdfast jobs --older-than 1h',
      'holdfast jobs --route charge-card --state failing',
      'holdfast jobs --all --json | jq -r .jobKey',
    ],
  },
  {
    name: 'job',
    takes: 'KEY [ACT]',
    count: [1, 2],
    summary: 'one job with its timeline, and what can be done to it',
    more: [
      'ACT is one of resend, extend, complete, fail, throw, drop; each needs --reason:',
      '  resend    publish the request again, as the engine hands it out',
      '  extend    --for DURATION: the reply may take so long from now on',
      '  complete  --body JSON: complete the job by hand with these variables',
      '  fail      --message TEXT [--retries N] [--backoff DURATION]: default one retry less',
      '  throw     --code CODE [--message TEXT] [--body JSON]: a BPMN error',
      '  drop      give the hold up; the engine hands the job out again, as a new attempt',
      '--body takes an object, the name of a file that holds one, or - for standard input.',
    ],
    options: {
      ...REASON,
      for: { kind: 'value', value: 'DURATION', help: 'extend: from now on' },
      body: { kind: 'value', value: 'JSON', help: 'complete, throw: {…}, a file, or -' },
      message: { kind: 'value', value: 'TEXT', help: 'fail, throw: shown in the incident' },
      retries: { kind: 'value', value: 'N', help: 'fail: to set' },
      backoff: { kind: 'value', value: 'DURATION', help: 'fail: before the engine hands it out again' },
      code: { kind: 'value', value: 'CODE', help: 'throw: the error code that the model catches' },
      ...API,
      ...WATCH,
    },
    examples: [
      'holdfast job 2251799813685302',
      'holdfast job 2251799813685302 extend --for PT2H --reason "service is down until noon"',
      'holdfast job 2251799813685302 complete --body \'{"charged":true}\' --reason "charged by hand, ticket 4711"',
      'holdfast job 2251799813685302 fail --message "card expired" --retries 0 --reason "ticket 4711"',
    ],
  },
  {
    ...nothing,
    name: 'outcomes',
    summary: 'how attempts ended, newest first, as far back as tombstones are kept',
    options: {
      ...FILTER,
      outcome: { kind: 'value', value: 'OUTCOME', help: 'completed, failed, timedOut, bpmnError, cancelled, gone' },
      ...PAGES,
      ...API,
      ...WATCH,
    },
    examples: ['holdfast outcomes --outcome timedOut', 'holdfast outcomes --route charge-card --all --json'],
  },
  {
    ...nothing,
    name: 'shards',
    summary: 'who owns each shard, since which claim, and where it is to go',
    options: { node: { kind: 'value', value: 'NODE', help: 'owned by or moving to this node' }, ...API, ...WATCH },
    examples: ['holdfast shards', 'holdfast shards --node n2 --watch 1'],
  },
  {
    ...nothing,
    name: 'audit',
    summary: 'who did what, when and why, newest first',
    options: {
      target: { kind: 'value', value: 'TARGET', help: 'job key, node, or id of a run of redrive' },
      ...PAGES,
      ...API,
      ...WATCH,
    },
    examples: ['holdfast audit', 'holdfast audit --target 2251799813685302'],
  },
  {
    ...nothing,
    name: 'dlq list',
    summary: 'dead letters, newest first',
    options: { ...LETTERS, ...PAGES, ...API, ...WATCH },
    examples: ['holdfast dlq list --since 2h', 'holdfast dlq list --reason-code unreadable --all --json'],
  },
  {
    name: 'dlq view',
    takes: 'PARTITION/OFFSET',
    count: [1, 1],
    summary: 'one dead letter with its headers, and its value for who may see it',
    options: API,
    examples: ['holdfast dlq view 0/1234'],
  },
  {
    ...nothing,
    name: 'dlq redrive',
    summary: 'put dead letters on the reply topic again; a preview without --yes',
    more: [
      'With --yes it is followed until it has ended; progress goes to standard error. Ctrl-C ends the following, not the run.',
    ],
    options: {
      ...LETTERS,
      at: { kind: 'list', value: 'P/O', help: 'these and no others; may be repeated, or several separated by commas' },
      rate: { kind: 'value', value: 'N', help: 'so many a second, up to 1000; default 10' },
      max: { kind: 'value', value: 'N', help: 'no more than so many, up to 100000; default 1000' },
      yes: { kind: 'flag', help: 'do it' },
      ...REASON,
      ...API,
    },
    examples: [
      'holdfast dlq redrive --reason-code unreadable --since 1d',
      'holdfast dlq redrive --at 0/1234 --yes --reason "service fixed, ticket 4711"',
    ],
  },
  {
    name: 'dlq follow',
    takes: 'ID',
    count: [1, 1],
    summary: 'follow a run of redrive until it has ended',
    options: API,
    examples: ['holdfast dlq follow n1.5c0f6a7be1d29384'],
  },
  {
    name: 'dlq stop',
    takes: 'ID',
    count: [1, 1],
    summary: 'stop a run of redrive; what is driven stays driven',
    options: { ...REASON, ...API },
    examples: ['holdfast dlq stop n1.5c0f6a7be1d29384 --reason "the service is down again"'],
  },
  {
    name: 'drain',
    takes: 'NODE',
    count: [1, 1],
    summary: 'the node gives its shards away and takes none until resume or its restart; it goes on running',
    options: { ...REASON, ...API },
    examples: ['holdfast drain n2 --reason "new disk"'],
  },
  {
    name: 'resume',
    takes: 'NODE',
    count: [1, 1],
    summary: 'the end of drain',
    options: { ...REASON, ...API },
    examples: ['holdfast resume n2 --reason "disk is in"'],
  },
  {
    ...nothing,
    name: 'whoami',
    summary: 'as whom the API knows you, and what you may',
    options: API,
    examples: ['holdfast whoami'],
  },
  { ...nothing, name: 'version', summary: 'print the version', options: {}, examples: ['holdfast version'] },
  {
    name: 'help',
    takes: '[COMMAND]',
    count: [0, 2],
    summary: 'print this, or all about one command',
    options: {},
    examples: ['holdfast help', 'holdfast help jobs'],
  },
];

/** The first word of a command that has more than one. */
export const GROUPS: readonly string[] = [
  ...new Set(COMMANDS.filter(({ name }) => name.includes(' ')).map(({ name }) => name.split(' ', 1)[0] ?? '')),
];
