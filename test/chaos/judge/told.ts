// Stories told to the judge, and what it has to say about them.
import type { Event, Kind, Said } from '../history.ts';
import { judge } from '../judge.ts';
import { type Job, Story } from '../story.ts';

/** What is wrong, each once. */
export function offences(events: readonly Event[]): string[] {
  return [...new Set(judge(events).breaches.map(({ what }) => what))].toSorted();
}

export function doubts(events: readonly Event[]): string[] {
  return [...new Set(judge(events).doubts.map(({ what }) => what))];
}

/** Two nodes and six jobs, then as it is told, then everything heals. */
export function story(tell: (told: Story) => void = () => undefined): Event[] {
  const told = new Story();
  for (let job = 0; job < 6; job++) told.job();
  tell(told);
  return told.finish();
}

/** A job that waits, its owner and the other node. */
export function withOpenJob(told: Story): { readonly job: Job; readonly owner: string; readonly other: string } {
  const job = told.job({ open: true });
  const owner = told.ownerOf(job.shard);
  return { job, owner, other: owner === 'n1' ? 'n2' : 'n1' };
}

/** With the last event of this kind changed. */
export function changed<K extends Kind>(events: readonly Event[], kind: K, change: Partial<Said<K>>): Event[] {
  const index = events.findLastIndex((event) => event.kind === kind);
  return events.with(index, { ...events[index], ...change } as Event);
}

export function without(events: readonly Event[], ...kinds: Kind[]): Event[] {
  return events.filter(({ kind }) => !kinds.includes(kind));
}
