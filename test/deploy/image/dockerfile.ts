// Reads a Dockerfile as far as ours goes: stages, and their instructions in order. Whatever it does not know it refuses,
// so that an instruction which the tests would leave out cannot come in unnoticed.

export type Instruction =
  | {
      readonly kind: 'copy';
      readonly from: string | undefined;
      /** Octal, of all that is copied; undefined: each keeps its own. */
      readonly mode: string | undefined;
      readonly sources: readonly string[];
      readonly to: string;
    }
  | { readonly kind: 'run'; readonly command: string }
  | { readonly kind: 'env'; readonly values: Readonly<Record<string, string>> }
  | { readonly kind: 'workdir'; readonly path: string }
  | { readonly kind: 'user'; readonly uid: number; readonly gid: number }
  | { readonly kind: 'entrypoint' | 'cmd' | 'healthcheck'; readonly args: readonly string[] }
  /** What has no effect on files or processes. */
  | { readonly kind: 'word'; readonly name: string; readonly rest: string };

export interface Stage {
  /** undefined: the last one, which has none. */
  readonly name: string | undefined;
  /** Another stage's name, or an image. */
  readonly base: string;
  readonly instructions: readonly Instruction[];
}

export function parseDockerfile(text: string): Stage[] {
  const args = new Map<string, string>();
  const stages: { name: string | undefined; base: string; instructions: Instruction[] }[] = [];
  for (const line of logicalLines(text)) {
    const [, name = '', rest = ''] = /^([A-Z]+)\s+(.*)$/s.exec(line) ?? [];
    if (name === 'ARG') {
      const [arg = '', value = ''] = rest.split('=', 2);
      args.set(arg, value);
    } else if (name === 'FROM') {
      const [, image = '', stage] = /^(\S+)(?: AS (\S+))?$/.exec(rest) ?? [];
      const base = image.replace(/^\$\{(\w+)\}$/, (_, arg: string) => args.get(arg) ?? '');
      stages.push({ name: stage, base, instructions: [] });
    } else {
      stages.at(-1)?.instructions.push(instructionOf(name, rest));
    }
  }
  return stages;
}

function instructionOf(name: string, rest: string): Instruction {
  switch (name) {
    case 'COPY': {
      const [, from, mode, files = ''] = /^(?:--from=(\S+)\s+|--chmod=(\d+)\s+)?(.*)$/.exec(rest) ?? [];
      const words = files.split(/\s+/);
      if (words.length < 2 || words.some((word) => /^--|[*?$"[]/.test(word))) break;
      return { kind: 'copy', from, mode, sources: words.slice(0, -1), to: words.at(-1) ?? '' };
    }
    case 'RUN':
      if (rest.startsWith('--') || rest.startsWith('[')) break;
      return { kind: 'run', command: rest };
    case 'ENV':
      return { kind: 'env', values: Object.fromEntries(rest.split(/\s+/).map((pair) => pair.split('=', 2))) };
    case 'WORKDIR':
      return { kind: 'workdir', path: rest };
    case 'USER': {
      const [, uid, gid] = /^(\d+):(\d+)$/.exec(rest) ?? [];
      if (uid === undefined || gid === undefined) break;
      return { kind: 'user', uid: Number(uid), gid: Number(gid) };
    }
    case 'ENTRYPOINT':
    case 'CMD':
      return { kind: name === 'CMD' ? 'cmd' : 'entrypoint', args: execForm(rest) };
    case 'HEALTHCHECK':
      return { kind: 'healthcheck', args: execForm(rest.replace(/^(--\S+\s+)*CMD\s+/, '')) };
    case 'LABEL':
    case 'EXPOSE':
    case 'STOPSIGNAL':
      return { kind: 'word', name, rest };
  }
  throw new Error(`an instruction that the test does not know: ${name} ${rest}`);
}

/** A shell form would be a shell as process 1, which passes no signal on. */
function execForm(rest: string): string[] {
  if (!rest.startsWith('[')) throw new Error(`not the exec form: ${rest}`);
  return JSON.parse(rest) as string[];
}

/** Without comments, lines that go on joined. */
function logicalLines(text: string): string[] {
  const lines = text.split('\n').filter((line) => !/^\s*(#|$)/.test(line));
  return lines
    .join('\n')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n');
}
