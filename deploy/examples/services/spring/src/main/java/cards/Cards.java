// Charges cards: a listener of Spring for Apache Kafka. @SendTo takes the correlation id over and answers on the topic that
// the request names; nothing here knows of a process engine.
//
// An offset is committed when its request has been answered: what a crash interrupts is charged again when the service is
// back. So the receipt is made of the call's own name, which is the same however often it is asked, as a payment provider's
// idempotency key would be.
package cards;

import static org.springframework.messaging.support.MessageBuilder.withPayload;

import java.util.Map;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.kafka.annotation.KafkaListener;
import org.springframework.kafka.core.KafkaTemplate;
import org.springframework.kafka.listener.KafkaListenerErrorHandler;
import org.springframework.kafka.support.KafkaHeaders;
import org.springframework.kafka.support.converter.RecordMessageConverter;
import org.springframework.kafka.support.converter.StringJacksonJsonMessageConverter;
import org.springframework.messaging.handler.annotation.Header;
import org.springframework.messaging.handler.annotation.Payload;
import org.springframework.messaging.handler.annotation.SendTo;

@SpringBootApplication
public class Cards {
  static final long HEARTBEAT_MS = 3_000;

  private final KafkaTemplate<?, ?> kafka;

  Cards(KafkaTemplate<?, ?> kafka) {
    this.kafka = kafka;
  }

  public static void main(String[] args) {
    SpringApplication.run(Cards.class, args);
  }

  record Order(String card, double amount) {}

  @KafkaListener(topics = "${requests}", errorHandler = "failure")
  @SendTo
  Object charge(
      @Payload(required = false) Order order, // a cancel record has none: nobody waits any more
      @Header("job-id") String call,
      @Header(KafkaHeaders.CORRELATION_ID) byte[] correlationId,
      @Header(name = KafkaHeaders.REPLY_TOPIC, required = false) byte[] replyTopic)
      throws InterruptedException {
    if (order == null) return null;
    switch (order.card()) {
      case "declined":
        return withPayload(Map.of("limit", order.amount() / 2)).setHeader("reply-status", "error")
            .setHeader("error-code", "CARD_DECLINED").setHeader("error-message", "over the limit").build();
      case "down":
        throw new IllegalStateException("the bank is down");
      case "slow":
        for (int percent = 0; percent < 100; percent += 25) {
          heartbeat(percent, correlationId, replyTopic);
          Thread.sleep(HEARTBEAT_MS);
        }
    }
    return Map.of("paid", order.amount(), "receipt", "receipt-" + call);
  }

  private void heartbeat(int percent, byte[] correlationId, byte[] replyTopic) {
    kafka.send(withPayload(Map.of("percent", percent)).setHeader("reply-status", "heartbeat")
        .setHeader(KafkaHeaders.TOPIC, new String(replyTopic))
        .setHeader(KafkaHeaders.CORRELATION_ID, correlationId).build());
  }

  /** Whatever went wrong is told, and the call is made again. By itself Spring would only try the record again. */
  @Bean
  static KafkaListenerErrorHandler failure() {
    return (message, error) -> withPayload(Map.of()).setHeader("reply-status", "failure")
        .setHeader("error-message", String.valueOf(error.getMostSpecificCause().getMessage())).build();
  }

  /** As its documentation shows it for JSON; Spring Boot gives it to listeners and replies alike. */
  @Bean
  static RecordMessageConverter json() {
    return new StringJacksonJsonMessageConverter();
  }
}
