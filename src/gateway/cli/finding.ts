// One thing that `holdfast check` or `doctor` has to say, and the words it is said in.
//
// A *problem* is something that will hurt (exit 1) and comes with what to do; it is *critical* when calls stand still because of
// it, or acknowledged work can be lost. A *note* is worth knowing and no more.

export interface Finding {
  readonly level: 'problem' | 'note';
  readonly critical: boolean;
  readonly about: 'configuration' | 'NATS' | 'Kafka' | 'Zeebe' | 'nodes';
  readonly what: string;
  /** '' when there is nothing to do. */
  readonly remedy: string;
}

export function problem(about: Finding['about'], what: string, remedy: string): Finding {
  return { level: 'problem', critical: false, about, what, remedy };
}

export function critical(about: Finding['about'], what: string, remedy: string): Finding {
  return { level: 'problem', critical: true, about, what, remedy };
}

export function note(about: Finding['about'], what: string, remedy: string): Finding {
  return { level: 'note', critical: false, about, what, remedy };
}

export function bytes(count: number): string {
  return count >= 1024 * 1024 ? `${(count / 1024 / 1024).toFixed(2)} MiB` : `${Math.floor(count / 1024)} KiB`;
}

export function count(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}
