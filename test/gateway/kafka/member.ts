// A member of a consumer group in a process of its own, to be killed. Arguments: brokers, topic, group. Prints its member
// id once it has been assigned partitions.
import { client, Reading } from './harness.ts';

const [brokers = '', topic = '', group = ''] = process.argv.slice(2);
const reading = await new Reading(client(brokers), topic, group, { sessionTimeoutMs: 30_000 }).start();
setInterval(() => {
  if (reading.partitions.length > 0) console.log(reading.assigned?.memberId);
}, 100);
