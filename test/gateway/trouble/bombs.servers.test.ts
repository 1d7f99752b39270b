// Record batches on the reply topic that are small in Kafka and half a gigabyte once they are decompressed, in every codec, between
// the replies of a load. The broker takes them. The node passes over each, says so, keeps its memory, and answers everything
// behind them; what does not decompress at all the broker does not take.
import kafkajs from 'kafkajs';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { topicsOf } from '../../../src/gateway/kafka/topics.ts';
import { eventually } from '../../support/eventually.ts';
import { client } from '../../support/service.ts';
import { newCluster, Trial } from '../../support/trial.ts';
import { CODECS, type Codec, zerosRecord } from '../kafka/bombs.ts';

const MB = 1024 * 1024;
const ROUNDS = 1;
const PER_SECOND = 20;
const PATIENCE = { deadlineMs: 45_000 };
/** Snappy makes one byte into twenty at the most. */
const MOST_BATCH_BYTES = 8 * MB;
const BOMB_BYTES = 512 * MB;
const SNAPPY_BOMB_BYTES = 120 * MB;
/** A node needs about 130 MB at rest; the limit of a batch is 64 MB, and some of it waits for the garbage collector. */
const MOST_RESIDENT_MB = 450;

const cluster = newCluster();
const replies = topicsOf(cluster).replies;
const producer = client(inject('kafkaBrokers')).producer({ allowAutoTopicCreation: false, retry: { retries: 0 } });
let trial: Trial;

beforeAll(async () => {
  const [natsUrl, kafkaBrokers, zeebeAddress] = [inject('natsUrl'), inject('kafkaBrokers'), inject('zeebeAddress')];
  const servers = { natsUrl, kafkaBrokers, zeebeAddress };
  trial = await Trial.start({ servers, cluster, nodes: 1, maxReplyBytes: MOST_BATCH_BYTES });
  await producer.connect();
});

afterAll(async () => {
  await producer.disconnect();
  await trial?.stop();
});

test('bombs of every codec are passed over and told, and hurt nobody', async () => {
  const node = trial.node('n1');
  const { pid } = node;
  const resident: number[] = [];
  const look = setInterval(() => {
    const note = (bytes: number) => void resident.push(bytes / MB);
    node.metric('process_resident_memory_bytes').then(note, () => undefined);
  }, 50);
  const stopLoad = trial.driver.load(PER_SECOND);
  const sent: string[] = [];
  try {
    for (let round = 0; round < ROUNDS; round++) {
      for (const codec of CODECS) {
        const partition = sent.length % replies.partitions;
        const offset = await send(codec, partition, bomb(codec));
        sent.push(`${partition}: ${offset}–${offset}`);
      }
    }
    const tokens = await stopLoad();
    await trial.driver.allAnswered(tokens, { ...PATIENCE, diagnose: () => trial.diagnose() });
    const told = async () => {
      const lines = (await node.log()).filter(({ message }) => message.includes('cannot be read and was skipped'));
      for (const { level, topic, reason } of lines) {
        expect([level, topic, reason]).toEqual([
          'error',
          replies.name,
          expect.stringContaining('decompresses to more'),
        ]);
      }
      return lines.map(({ partition, firstOffset, lastOffset }) => `${partition}: ${firstOffset}–${lastOffset}`).sort();
    };
    const diagnose = async () => [await told(), await trial.diagnose()];
    const all = async () => (await told()).length >= sent.length && (await lag()) === 0;
    await eventually('every bomb to be passed over and committed', all, { ...PATIENCE, diagnose });
    expect(await told()).toEqual(sent.toSorted());
    expect(await node.metric('holdfast_reply_batches_skipped_total')).toBe(sent.length);
    expect([node.pid, (await node.readiness()).ready]).toEqual([pid, true]);
    expect(await node.metric('holdfast_incarnations_total')).toBe(1);
    expect(Math.max(...resident)).toBeLessThan(MOST_RESIDENT_MB);
    const most = Math.round(Math.max(...resident));
    console.log(`${sent.length} bombs, ${tokens.length} jobs under load, at most ${most} MB resident`);
  } finally {
    clearInterval(look);
    await stopLoad();
  }
}, 60_000);

test.each(CODECS)('the broker does not take what $name cannot decompress', async (codec) => {
  await expect(send(codec, 0, Buffer.from('no compressed data at all'))).rejects.toThrow();
});

function bomb({ name, compress }: Codec): Buffer {
  const zeros = name === 'snappy' ? SNAPPY_BOMB_BYTES : BOMB_BYTES;
  const [head, tail] = zerosRecord(zeros);
  return compress(head, zeros, tail);
}

/** A batch that says it holds one record, compressed so. Resolves with its offset. */
async function send({ number }: Codec, partition: number, data: Buffer): Promise<string | undefined> {
  const codecs: Record<number, unknown> = kafkajs.CompressionCodecs;
  const before = codecs[number];
  const codec = { compress: () => Promise.resolve(data), decompress: () => Promise.reject(new Error('write only')) };
  codecs[number] = () => codec;
  try {
    const messages = [{ partition, value: 'is not written' }];
    const [answer] = await producer.send({ topic: replies.name, compression: number, messages });
    return answer?.baseOffset;
  } finally {
    codecs[number] = before;
  }
}

/** Records of the reply topic that the group has not done yet. */
async function lag(): Promise<number> {
  const admin = client(inject('kafkaBrokers')).admin();
  await admin.connect();
  try {
    const ends = await admin.fetchTopicOffsets(replies.name);
    const [group] = await admin.fetchOffsets({ groupId: `holdfast.${cluster}`, topics: [replies.name] });
    const done = new Map(group?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
    return ends.reduce((sum, { partition, high }) => sum + Number(high) - Math.max(0, done.get(partition) ?? 0), 0);
  } finally {
    await admin.disconnect();
  }
}
