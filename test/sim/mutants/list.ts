// The protocol, sabotaged: each mutant undoes one sentence of design §5–§6, in a line or two of the sources, and the simulator
// must see it, by the invariant that the sentence is there for. One that survives says that the simulator is blind there.
//
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are texts of sources
//
// The sources know nothing of this: `patches` are applied to their text as it is loaded (loader.ts). A text that is not found
// exactly once fails, so a mutant cannot quietly stop being one.

export interface Patch {
  /** Below `src`. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export interface Mutant {
  readonly name: string;
  /** What is not done any more, and why it is there. */
  readonly why: string;
  /** Any of these. */
  readonly caughtBy: readonly string[];
  /** Its seeds begin so much later than those of the others: what it takes to see it comes together in few storms. */
  readonly later?: number;
  readonly patches: readonly Patch[];
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'no CAS',
    why: 'a refused write of a job is tried again against whatever stands',
    caughtBy: ['I1'],
    patches: [
      {
        file: 'cluster/store.ts',
        find: "        if (answer.kind === 'stored') return this.#acknowledge(put, answer.revision, mark);",
        replace: `        if (answer.kind === 'refused' && answer.revision !== put.expected && /^\\d+\\.\\d+$/.test(put.key)) {
          Object.assign(put, { expected: answer.revision });
          continue;
        }
        if (answer.kind === 'stored') return this.#acknowledge(put, answer.revision, mark);`,
      },
    ],
  },
  {
    name: 'act before persist',
    why: 'the request is published before its hold is stored',
    caughtBy: ['I6'],
    patches: [
      {
        file: 'actors/pending-job/hold.ts',
        find: '  try {\n    yield* store(state, held);',
        replace: '  yield* publish(state, context, held);\n  try {\n    yield* store(state, held);',
      },
    ],
  },
  {
    name: 'no self-fence',
    why: 'a node whose lease has ended goes on as if nothing were',
    caughtBy: ['I4'],
    patches: [
      {
        file: 'cluster/effects-gate.ts',
        find: '    return allowed ? this.#lease.remainingMs() : 0;',
        replace: '    return allowed ? this.#lease.remainingMs() || 1_000 : 0;',
      },
      {
        file: 'cluster/node-life.ts',
        find: "    if (!this.lease.valid()) return this.lose('the lease is over');\n",
        replace: '',
      },
    ],
  },
  {
    name: 'no barrier',
    why: 'a shard is owned as soon as its consumer is open, with what was delivered by then, and nothing later counts',
    caughtBy: ['I6', 'I7', 'I8'],
    patches: [
      {
        file: 'cluster/wave.ts',
        find: '    else this.#watch = watch;',
        replace: `    else this.#watch = watch;
    this.#caughtUp = true;
    for (const shard of this.#waiting.keys()) this.#claimSeen.add(shard);
    this.#passBarriers();`,
      },
      {
        file: 'cluster/wave.ts',
        find: '      else if (this.#open.has(name.shard)) this.#options.onDelivered(name.shard, name.jobKey, entry);',
        replace: '      else return;',
      },
    ],
  },
  {
    name: 'barrier by the claim alone',
    why: 'a shard is owned once its claim is acknowledged and its consumer delivers, whatever is still to come',
    caughtBy: ['I6', 'I7', 'I8'],
    patches: [
      { file: 'cluster/wave.ts', find: '    if (!this.#caughtUp) return;\n', replace: '' },
      {
        file: 'cluster/wave.ts',
        find: '    const name = parseKey(entry.key);',
        replace: `    for (const shard of this.#waiting.keys()) this.#claimSeen.add(shard);
    this.#passBarriers();
    const name = parseKey(entry.key);`,
      },
      {
        file: 'cluster/wave.ts',
        find: '      else if (this.#open.has(name.shard)) this.#options.onDelivered(name.shard, name.jobKey, entry);',
        replace: '      else return;',
      },
    ],
  },
  {
    name: 'commit offset early',
    why: 'a reply counts as settled once it was read',
    caughtBy: ['I3', 'I5'],
    patches: [
      {
        file: 'gateway/replies/share.ts',
        find: '    this.run.readTo(BigInt(nextOffset));',
        replace: `    for (const { offset } of records) this.run.settle(BigInt(offset));
    this.run.readTo(BigInt(nextOffset));`,
      },
    ],
  },
  {
    name: 'forget an unknown outcome',
    why: 'a completion whose answer was lost leaves no trace, so the NOT_FOUND that follows looks like a cancellation',
    caughtBy: ['I5', 'I10'],
    patches: [
      {
        file: 'actors/pending-job/ending.ts',
        find: '  if (answer.unseen) state.completeUnseen = true;\n',
        replace: '',
      },
    ],
  },
  {
    name: 'ignore the incarnation',
    why: 'what was sent is recorded by node, so that a restart speaks for requests of the life before',
    later: 735,
    caughtBy: ['I6', 'I7', 'I8'],
    patches: [
      {
        file: 'cluster/names.ts',
        find: '`_sent.${incarnation}`',
        replace: "`_sent.${incarnation.replace(/-[0-9a-f]{12}$/, '')}`",
      },
    ],
  },
  {
    name: 'watermark ahead',
    why: 'a hold whose write is unanswered does not keep the sent watermark below it',
    caughtBy: ['I6', 'I7'],
    patches: [
      {
        file: 'cluster/sent-watermark.ts',
        find: '      if (writes > 0) upTo = Math.min(upTo, floor);\n',
        replace: '',
      },
    ],
  },
  {
    name: 'watermark as a bare number',
    why: 'requests that Kafka has not acknowledged are not named',
    caughtBy: ['I6', 'I7'],
    patches: [
      {
        file: 'cluster/sent-watermark.ts',
        find: '    return { upTo, except };',
        replace: '    return { upTo, except: except.slice(0, 0) };',
      },
    ],
  },
  {
    name: 'skip the tombstone',
    why: 'a completed job leaves its hold behind',
    caughtBy: ['I5', 'I6', 'I8', 'I10'],
    patches: [
      {
        file: 'actors/pending-job/ending.ts',
        find: "      yield* writeTombstone(state, context, 'completed', reply);\n      return 'applied';",
        replace: "      return 'applied';",
      },
    ],
  },
  {
    name: 'renew counted from receipt',
    why: 'the lease begins when the acknowledgement of its renewal comes, not when that was sent',
    caughtBy: ['I4'],
    patches: [
      {
        file: 'cluster/membership.ts',
        find: '      lease.renewed(sent);',
        replace: '      lease.renewed(lease.stamp());',
      },
    ],
  },
  {
    name: 'error reply without stored intention',
    why: 'the job is failed before its cause is stored',
    caughtBy: ['I3'],
    patches: [
      {
        file: 'actors/pending-job/ending.ts',
        find: '    yield* storeIntention(state, context, next);\n  } catch',
        replace: '  } catch',
      },
    ],
  },
  {
    name: 'attempt raised on attach',
    why: 'an activation of a job that is held counts as a new attempt',
    caughtBy: ['I1'],
    patches: [
      {
        file: 'actors/pending-job/hold.ts',
        find: "    case 'held':\n      attach(state, context, activation);\n      yield* sendAgain(state, context, snapshot, activation);\n      return 'attached';",
        replace:
          "    case 'held':\n      return yield* hold(state, context, activation, snapshot, activation.lockDeadlineMs);",
      },
    ],
  },
  {
    name: 'duplicate answered from memory while an engine call is in flight',
    why: 'another reply to a job is a duplicate at once, while the first one may still come to nothing',
    caughtBy: ['I5'],
    patches: [
      {
        file: 'cluster/shard-jobs.ts',
        find: '    const pending = this.#replies.get(key);',
        replace: `    for (const other of this.#replies.keys()) {
      if (other !== key && other.startsWith(\`\${reply.jobKey}/\`)) return Promise.resolve('duplicate');
    }
    const pending = this.#replies.get(key);`,
      },
    ],
  },
  {
    name: 'a put in doubt settled by a read',
    why: 'a read may say that nothing stands, and the put lands after that',
    later: 40,
    caughtBy: ['I1', 'I5', 'I6', 'I7', 'I8'],
    patches: [
      {
        file: 'cluster/store.ts',
        find: '        put.doubted = true;\n',
        replace: `        const standing = await this.get(put.key);
        if (standing !== undefined && Buffer.compare(standing.value, put.value) === 0)
          return { kind: 'stored', revision: standing.revision };
        return { kind: 'conflict', standing };
`,
      },
    ],
  },
  {
    name: 'NOT_FOUND after takeover taken as cancelled',
    why: 'a job that is gone was cancelled, whoever held it before',
    caughtBy: ['I5', 'I10'],
    patches: [
      {
        file: 'actors/pending-job/ending.ts',
        find: '  const unbroken = state.unbroken && (yield* confirmOwner(state.revision));',
        replace: '  const unbroken = true;',
      },
    ],
  },
  {
    name: 'a stale activation reopens',
    why: 'an ended attempt is reopened without asking the engine whether this activation is alive',
    caughtBy: ['I1'],
    patches: [
      {
        file: 'actors/pending-job/hold.ts',
        find: "  const answer = yield* engine({ do: 'updateTimeout', timeoutMs });",
        replace: "  const answer = { code: 'ok' } as const;",
      },
    ],
  },
  {
    name: 'lost without a new incarnation',
    why: 'a node that lost its lease goes on under the same incarnation',
    caughtBy: ['I1', 'I4', 'I5', 'I6', 'I7', 'I8'],
    patches: [
      {
        file: 'cluster/cluster.ts',
        find: "    const incarnation = `${node.slice(0, 48)}-${Buffer.from(random.bytes(6)).toString('hex')}` as Incarnation;",
        replace:
          "    const incarnation = ([...this.#own][0] ?? `${node.slice(0, 48)}-${Buffer.from(random.bytes(6)).toString('hex')}`) as Incarnation;",
      },
    ],
  },
  {
    name: 'deadlines fire before waiting replies are read',
    why: 'a reply timeout fires although the partitions have not been read up to it',
    caughtBy: ['I3'],
    patches: [
      {
        file: 'actors/pending-job/due.ts',
        find: '  if (context.replyProgressMs() < (',
        replace: '  if (Number.POSITIVE_INFINITY < (',
      },
    ],
  },
  {
    name: 'effects while cut off',
    why: 'a disconnected node goes on acting while its lease lasts',
    caughtBy: ['I4'],
    patches: [
      {
        file: 'cluster/effects-gate.ts',
        find: `      this.#bus.connected() &&
      this.#stores.every((store) => store.oldestUnansweredMs() <= CLUSTER_LIMITS.cutOffAfterMs);`,
        replace: '      this.#stores.length > 0;',
      },
    ],
  },
  {
    name: 'group starts at latest',
    why: 'where nothing is committed, what was in the partition at the assignment is not read',
    caughtBy: ['I5', 'I7'],
    patches: [
      {
        file: 'gateway/replies/replies.ts',
        find: '    this.#memberId = memberId;\n',
        replace: `    this.#memberId = memberId;
    void this.#options.reader.endOffsets().then((ends) => {
      for (const { partition, committed } of partitions)
        if (committed === undefined) shares.get(partition)?.run.readTo(BigInt(ends.get(partition) ?? 0));
    }, () => undefined);
`,
      },
    ],
  },
  {
    name: 'ack matched on the job without the attempt',
    why: "Kafka's answer to the request of an earlier attempt counts for the one that stands",
    caughtBy: ['I6', 'I7', 'I8'],
    // An acknowledgement must outlast its attempt, the backoff and the next hold: about one seed in six hundred.
    later: 1_230,
    patches: [
      {
        file: 'cluster/pending-job.ts',
        find: "          if (outcome.kind === 'acked') this.around.watermark.settled(jobKey, attempt);\n",
        replace:
          "          if (outcome.kind === 'acked') this.around.watermark.settled(jobKey, this.state.snapshot?.attempt ?? attempt);\n",
      },
      {
        file: 'actors/pending-job/decide.ts',
        find: '  if (snapshot === undefined || snapshot.attempt !== attempt) return;\n',
        replace: '  if (snapshot === undefined) return;\n',
      },
      {
        file: 'actors/pending-job/decide.ts',
        find: 'says it for all jobs.\n    state.ackedAttempt = attempt;',
        replace: 'says it for all jobs.\n    state.ackedAttempt = snapshot.attempt;',
      },
    ],
  },
  {
    name: 'errors of any attempt count',
    why: 'an error reply to an earlier attempt fails the one that stands',
    later: 50,
    caughtBy: ['I10'],
    patches: [
      {
        file: 'actors/pending-job/reply.ts',
        find: '  return reply.attempt === 0 || reply.attempt === snapshot.attempt;',
        replace: '  return reply.attempt <= snapshot.attempt;',
      },
    ],
  },
  {
    name: 'a result waits in memory while the engine is away',
    why: 'a reply is applied without having been stored, when its completion was not answered',
    caughtBy: ['I5'],
    patches: [
      {
        file: 'actors/pending-job/ending.ts',
        find: "    default:\n      return yield* storeReply(state, context, from, reply, 'later');",
        replace: "    default:\n      return 'applied';",
      },
    ],
  },
  {
    name: 'a result by hand completes before it is stored',
    why: 'the engine is told what a person gave as the result, while nothing says so in the bucket',
    caughtBy: ['I3'],
    patches: [
      {
        file: 'actors/pending-job/operated.ts',
        find: '  yield* store(state, replied);\n  yield* finishReplied(state, context, replied);',
        replace: '  yield* finishReplied(state, context, replied);',
      },
    ],
  },
  {
    name: 'a result by hand takes the place of a stored one',
    why: 'a job is completed by hand although a reply was accepted, and waits for the engine',
    later: 270,
    caughtBy: ['I1', 'I2', 'I5'],
    patches: [
      {
        file: 'actors/pending-job/operated.ts',
        find: "if (snapshot.kind !== 'held' && snapshot.kind !== 'failing') return wrongState(snapshot, 'held or failing');",
        replace: "if (snapshot.kind === 'parked') return wrongState(snapshot, 'held or failing');",
      },
    ],
  },
  {
    name: 'asked for once, sent at every activation',
    why: 'the wish to send a request again is not taken back before it is sent',
    caughtBy: ['I1'],
    patches: [
      {
        file: 'actors/pending-job/operated.ts',
        find: "const next = successor(state, context, held, { resend: false }, 'sent again');\n  yield* store(state, next);",
        replace: "const next = successor(state, context, held, {}, 'sent again');\n  yield* store(state, next);",
      },
    ],
  },
  {
    name: 'the same record renewed several times at once',
    why: 'each shard that comes renews the record of its writer by itself, with the same bytes: one in doubt passes for another',
    caughtBy: ['alarm', 'twins'],
    patches: [
      {
        file: 'cluster/rehydration.ts',
        find: 'for (let underWay = this.#renewing.get(entry.key); underWay !== undefined; ) {',
        replace: 'for (let underWay; underWay !== undefined; ) {',
      },
      {
        file: 'cluster/rehydration.ts',
        find: '`${incarnation} ${this.#renewals}`',
        replace: 'incarnation',
      },
    ],
  },
  {
    name: 'a reply to a later attempt judged from old memory',
    why: 'an owner that is cut off calls a reply late that is to an attempt which it does not know of',
    caughtBy: ['I5', 'I7'],
    patches: [
      {
        file: 'actors/pending-job/reply.ts',
        find: '  if (state.snapshot !== undefined && mayBeToLater(reply, state.snapshot)) yield* makeSure(state, context, reply);\n',
        replace: '',
      },
    ],
  },
];
