// A producer that shares no code with ours: Kafka's own Java client, with each of its codecs, and in transactions.
// Arguments: bootstrap servers, topic. Per codec 3 records of 100,000 bytes in one batch (several blocks of every codec's
// framing), keyed by the codec's name; then an aborted transaction, and a committed one with a last record.
import java.util.Map;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;

public class ForeignProducer {
  public static void main(String[] args) throws Exception {
    String topic = args[1];
    for (String codec : new String[] {"gzip", "snappy", "lz4", "zstd"}) {
      try (KafkaProducer<String, String> producer = producer(args[0], codec, null)) {
        Future<?> last = null;
        for (int i = 0; i < 3; i++) last = producer.send(new ProducerRecord<>(topic, 0, codec, text(codec, i)));
        last.get();
      }
    }
    try (KafkaProducer<String, String> producer = producer(args[0], "zstd", topic)) {
      producer.initTransactions();
      producer.beginTransaction();
      producer.send(new ProducerRecord<>(topic, 0, "aborted", "{}")).get();
      producer.abortTransaction();
      producer.beginTransaction();
      producer.send(new ProducerRecord<>(topic, 0, "committed", "{}")).get();
      producer.commitTransaction();
      producer.beginTransaction();
      producer.send(new ProducerRecord<>(topic, 0, "aborted", "{}")).get();
      producer.abortTransaction();
    }
  }

  /** Varies too much for one repeated match, and is easy to compute elsewhere. */
  static String text(String codec, int record) {
    StringBuilder text = new StringBuilder(codec);
    for (int i = 0; text.length() < 100_000; i++) text.append(' ').append((long) i * i * (record + 7) % 99_991);
    return text.substring(0, 100_000);
  }

  static KafkaProducer<String, String> producer(String servers, String codec, String transaction) {
    Map<String, Object> config = new java.util.HashMap<>(Map.of(
        "bootstrap.servers", servers,
        "compression.type", codec,
        "linger.ms", 200,
        "batch.size", 900_000,
        "key.serializer", "org.apache.kafka.common.serialization.StringSerializer",
        "value.serializer", "org.apache.kafka.common.serialization.StringSerializer"));
    if (transaction != null) config.put("transactional.id", transaction);
    return new KafkaProducer<>(config);
  }
}
