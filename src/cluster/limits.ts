// Every limit of the cluster, in one place with its reason (design §3.6, §6).
const SECOND = 1000;

export const CLUSTER_LIMITS = {
  /** Cut from the lease's end: scheduling and clocks. */
  leaseMarginMs: 2 * SECOND,
  /** A liveness record is rewritten this many times per TTL. */
  renewalsPerTtl: 5,
  /** A renewal without an answer for this long is sent again at once: a lost message must not cost a fifth of the lease. */
  renewalTryMs: 500,
  /** What others act on at once (member-record.ts, newsOf) is told outside of that rhythm, but no sooner after the last time. */
  newsEveryMs: 500,
  /** No effect while any JetStream write has been unanswered for longer. */
  cutOffAfterMs: SECOND,
  /** Peers are asked this often whether they are there; a killed process answers "no responders" at once. */
  pingEveryMs: 250,
  pingTimeoutMs: 500,
  /** Without responders for this long: suspected. Longer than a client needs to reconnect. */
  suspectAfterMs: SECOND,
  /** A cleared suspect is left alone for this long, doubling each time, at most the lease TTL. */
  suspicionHoldOffMs: 2 * SECOND,
  /** Peers are judged, and the lease looked at, this often. */
  tickMs: 250,
  /** The loop that compares desired with actual shards. It also runs at every event. */
  reconcileEveryMs: 500,
  /** A live owner is asked again for a shard that placement gives to us. */
  askReleaseEveryMs: SECOND,
  /** Shards that move at once: one wave of claims and one consumer, for which the server goes through the bucket once. */
  shardsPerWave: 128,
  /** A watch that still hears of shards that have left is made anew after this long: they leave one after another. */
  narrowAfterMs: 10 * SECOND,
  /** Most lanes of a cluster: each costs streams, polls, room in membership records and metrics. */
  lanes: 256,
  /** Jobs taken into memory in one go; then whatever else waits has its turn, the lease's renewal above all. */
  loadedInARow: 5_000,
  /** Claims in flight. */
  claimsInFlight: 32,
  /** Snapshot writes in flight per node. */
  putsInFlight: 2048,
  /** The sent watermark is written within this time of moving. */
  watermarkFlushMs: 150,
  /** Unacknowledged requests named in the record. A lane may have half of what the others leave of it (sent-watermark.ts). */
  watermarkExceptions: 1000,
  /** And never less than this, many times what a busy lane has on its way to Kafka: with all topics but a few stuck. */
  laneUnackedLeast: 100,
  /** The record outlives any job it speaks for: twice the longest reply timeout of them, at least this. */
  watermarkTtlMinMs: 30 * 24 * 3600 * SECOND,
  /** A command to another node without an answer is sent again, to whoever owns the shard then. */
  resendMinMs: SECOND,
  resendMaxMs: 5 * SECOND,
  /** A command waits so long for a shard that is being loaded: less than it takes until it is sent again. */
  doorMs: 500,
  /** Commands that wait so at once, of all shards; the others are asked again by whoever sent them. */
  doorMost: 1000,
  /** How long an operator waits for the owner of a job: longer than a takeover and a slow engine take. */
  actMs: 10 * SECOND,
  /** One message between nodes; the server's max_payload may be smaller. */
  batchBytes: 512 * 1024,
  /** Engine commands in flight per node. */
  engineInFlight: 128,
  /** Consecutive answers "later" after which the engine counts as away. */
  engineAwayAfter: 3,
  /** Leader reads of one takeover in flight. */
  readsInFlight: 32,
  /** Ended jobs that may be opened again of which a shard knows whether anybody else had them, and what was handed out last. */
  endedPerShard: 500,
  /** Jobs whose snapshot cannot be read, remembered so that each alarms once; beyond it they may alarm again. */
  unreadableNamed: 10_000,
  /** Member records of nodes that never came back expire. */
  memberTtlMs: 24 * 3600 * SECOND,
  /** So long the snapshot version of a node that has gone still counts: it may come back as it was, in the midst of an upgrade. */
  versionOfGoneMs: 10 * 60 * SECOND,
  /** Joining may take this long (or four leases, if that is longer); then it begins anew. */
  joinMs: 60 * SECOND,
  /** How long a leaving node waits for its shards to be empty before it gives up and leaves them to takeover. */
  drainMs: 20 * SECOND,
  drainLookMs: 20,
  /** Requests that Kafka has not taken by then are left to the shard's next owner. */
  drainRequestsMs: 2 * SECOND,
  /** How long a shard waits for the record to speak for its requests: writes over a slow link, or in doubt, hold it up. */
  drainRecordMs: 5 * SECOND,
} as const;
