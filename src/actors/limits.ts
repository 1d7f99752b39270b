// Every limit of the pending job and of its shard, in one place with its reason (design §3.6).
const SECOND = 1000;
const MINUTE = 60 * SECOND;

export const LIMITS = {
  /** Commands waiting for one job. A job sees a handful in its life; more means that somebody floods it. */
  mailbox: 256,
  /** A command that JetStream or the engine holds up for longer is asked again by whoever sent it; it goes on all the same. */
  askMs: 30 * SECOND,
  /** A job that only waits is packed after one to two of these. */
  coolAfterMs: 2 * SECOND,
  /** How often one command is decided anew after a CAS conflict before its sender is told to ask again. */
  conflictsPerCommand: 8,
  /** The first lock. Short: a lost activation must not hide a job for long. */
  activationLockMs: 20 * SECOND,
  /**
   * The longest first lock, where many more slow jobs come than can be renewed in time: eleven minutes. Longer only where hundreds
   * of thousands wait (first-lock.ts).
   */
  activationLockMostMs: 32 * 20 * SECOND,
  /** The first renewal comes after this share of the lock, plus up to the second share: early, for the engine may refuse it. */
  renewAfter: 0.6,
  renewWithin: 0.25,
  /** An activation that is not older than this is told for the first time: the router waits longer before it asks again. */
  toldOnceMs: 500,
  /** Later renewals: rarely and by a lot; they are also the probe that notices a cancelled job. */
  probeEveryMs: 60 * SECOND,
  /** Its next probe is planned after this share of the interval; the rest is for waiting its turn. */
  probeAfter: 0.8,
  /** Probes are at most this share of what the engine was seen to do. */
  probeShare: 0.05,
  /** An engine that was asked for little is taken to do a thousand commands a second, as 8.6 does on two cores: all members
   * together may send this many probes. The interval of one job grows with what its node holds, so that they suffice. */
  probesPerSecond: 50,
  /** What it was seen to do: the busiest of so many spans of this length. */
  seenSlotMs: 5 * SECOND,
  seenSlots: 60,
  /** RESOURCE_EXHAUSTED halves the pace, at most so often, down to the least; then this much is regained with each second. */
  probesHalvedEveryMs: SECOND,
  probesLeast: 1,
  probesRegained: 1,
  /** A renewed lock outlives this many probe intervals. */
  lockIntervals: 4,
  /**
   * One engine call; beyond it the reply is stored and its offset moves on. A call that is given up is not undone: the engine
   * still completes the job, and the call that comes after it costs a busy engine as much again for a NOT_FOUND. So it is well
   * above what a starved engine takes under full load (3 s), and below what a lease has left right after a renewal.
   */
  engineCallMs: 8 * SECOND,
  /** Backoff of commands that the engine answered with "later". */
  engineRetryMinMs: 250,
  engineRetryMaxMs: 10 * SECOND,
  /** A stored result whose job is in backoff or incident waits for the activation; this only notices that the job is gone. */
  waitingProbeMs: 5 * MINUTE,
  /** A probe that finds a job without a snapshot alive shortens its lock to this, so that the activation comes soon. */
  releaseLockMs: 500,
  /**
   * An intention to fail whose write was answered later than this is written again before it is acted on: a process that
   * stood still has been taken over (cluster/limits.ts, suspectAfterMs), and its attempt may be over.
   */
  intentionFreshMs: SECOND,
  /** How soon something that cannot be decided yet (reply progress, a request in flight) is looked at again. */
  lookAgainMs: SECOND,
  /** A request that neither the publisher nor the mailbox knows this long after the deadline: its outcome was lost. */
  outcomeLostMs: 10 * SECOND,
  /** At most one write per job and so long for heartbeats. */
  heartbeatWriteMs: 5 * SECOND,
  /** A reply, or an expression, may ask for no longer one: its tombstone is kept for as long, and NATS reads no time without an end. */
  errorBackoffMs: 365 * 24 * 60 * 60 * SECOND,
  /** The shortest life of a business key's record in the bucket. */
  aliasMinMs: 30 * 24 * 60 * MINUTE,
  /** How long the engine keeps a late reply that is published as a message, for whoever comes to catch it. */
  lateMessageMs: 60 * MINUTE,
  /** How often it is handed to the engine, which refuses some messages under load; then it is a dead letter. */
  lateMessageTries: 4,
  /** The engine cuts error messages at 10,000 characters; people read less. */
  causeChars: 2000,
  /** Of one entry of a timeline that quotes somebody else. */
  timelineChars: 300,
  /** Variables of an error; well below what the engine takes, for the code that it refuses more with means other things too. */
  errorVariablesChars: 1_000_000,
  /** So long the engine may leave it unsaid whether the job of a parked reply lives; the default incident window. */
  parkedWindowMs: 7 * 24 * 60 * MINUTE,
  /** Tombstone of a parked reply, which has no settings of its own: the default late window. */
  parkedLateWindowMs: 10 * MINUTE,
} as const;
