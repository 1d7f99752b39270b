// Questions between nodes, for people who look at the whole cluster through any one of its nodes: one message each, one answer,
// and a short patience. Nothing depends on them: who does not answer is named, and the others' answers are shown.
// What is asked is nobody's business here; the edges know (gateway/operations).
import { Packr } from 'msgpackr';
import type { Incarnation, NodeName } from '../actors/ids.ts';
import type { Membership } from './membership.ts';
import { nodeSubject } from './names.ts';
import type { Bus, BusMessage } from './ports.ts';

/** How long an answer is waited for. */
const PATIENCE_MS = 2_000;
/** What is left for the way there and back. */
const WAY_MS = 200;
/** Being answered at once; others go unanswered. */
const MOST_AT_ONCE = 64;

export interface QuestionsOptions {
  readonly bus: Bus;
  readonly cluster: string;
  readonly node: NodeName;
  readonly incarnation: Incarnation;
  readonly membership: Pick<Membership, 'peers' | 'isDead'>;
  /** undefined: no answer. Not larger than `mostBytes`; what comes later than `withinMs` is not waited for. */
  answer(question: unknown, withinMs: number, mostBytes: number): Promise<unknown>;
}

export interface Answered {
  readonly node: NodeName;
  readonly incarnation: Incarnation;
  readonly answer: unknown;
}

export interface Answers {
  readonly answered: readonly Answered[];
  /** Members that did not answer. */
  readonly silent: readonly NodeName[];
}

// No record structures between nodes: every message stands for itself.
const packr = new Packr({ useRecords: false });

export class Questions {
  readonly #options: QuestionsOptions;
  #end: (() => void) | undefined;
  #underWay = 0;

  constructor(options: QuestionsOptions) {
    this.#options = options;
  }

  start(): void {
    const { bus, cluster, incarnation } = this.#options;
    this.#end = bus.subscribe(nodeSubject(cluster, incarnation, 'questions'), (message) => {
      if (message.reply !== '' && this.#underWay < MOST_AT_ONCE) void this.#reply(message);
      return undefined;
    });
  }

  stop(): void {
    this.#end?.();
  }

  /** All live members, this one too; or the one that is named, if it is one of them. */
  async ask(question: unknown, only?: NodeName): Promise<Answers> {
    const members = this.#members().filter(({ node }) => only === undefined || node === only);
    const answers = await Promise.all(
      members.map(async (member) => ({ ...member, answer: await this.#askOne(member.incarnation, question) })),
    );
    return {
      answered: answers.filter(({ answer }) => answer !== undefined),
      silent: answers.filter(({ answer }) => answer === undefined).map(({ node }) => node),
    };
  }

  #members(): { node: NodeName; incarnation: Incarnation }[] {
    const { node, incarnation, membership } = this.#options;
    const peers = [...membership.peers().values()].map(({ record }) => record);
    const live = peers.filter((record) => record.state !== 'left' && !membership.isDead(record.incarnation));
    return [{ node, incarnation }, ...live.map((record) => ({ node: record.node, incarnation: record.incarnation }))];
  }

  async #askOne(incarnation: Incarnation, question: unknown): Promise<unknown> {
    const { bus, cluster } = this.#options;
    if (incarnation === this.#options.incarnation) return this.#answer(question);
    const subject = nodeSubject(cluster, incarnation, 'questions');
    const answer = await bus.request(subject, packr.pack(question), PATIENCE_MS);
    return answer.kind === 'answer' ? unpacked(answer.data) : undefined;
  }

  async #reply({ data, reply }: BusMessage): Promise<void> {
    this.#underWay += 1;
    try {
      const answer = await this.#answer(unpacked(data));
      if (answer === undefined) return;
      const bytes = packr.pack(answer);
      // A larger one would be dropped on its way, and this node be taken for silent: whoever answers keeps to the limit.
      if (bytes.length <= this.#options.bus.maxPayloadBytes()) this.#options.bus.publish(reply, bytes);
    } finally {
      this.#underWay -= 1;
    }
  }

  async #answer(question: unknown): Promise<unknown> {
    const { bus, answer } = this.#options;
    try {
      return await answer(question, PATIENCE_MS - WAY_MS, Math.floor(bus.maxPayloadBytes() / 2));
    } catch {
      return undefined; // as if it had not been heard: the asker names this node
    }
  }
}

function unpacked(data: Uint8Array): unknown {
  try {
    return packr.unpack(data);
  } catch {
    return undefined; // not from one of us
  }
}
