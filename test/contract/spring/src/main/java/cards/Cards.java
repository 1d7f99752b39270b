// A card service in Spring for Apache Kafka. The converter is the one of its documentation for JSON; Spring Boot gives it
// to listeners and replies alike.
package cards;

import static org.springframework.messaging.support.MessageBuilder.withPayload;

import java.util.Map;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.kafka.annotation.KafkaListener;
import org.springframework.kafka.support.converter.RecordMessageConverter;
import org.springframework.kafka.support.converter.StringJacksonJsonMessageConverter;
import org.springframework.messaging.handler.annotation.SendTo;

@SpringBootApplication
public class Cards {
  public static void main(String[] args) {
    SpringApplication.run(Cards.class, args);
  }

  @Bean
  RecordMessageConverter json() {
    return new StringJacksonJsonMessageConverter();
  }

  record Order(String card, long amount, String note) {}

  // listener
  @KafkaListener(topics = "${REQUESTS}")
  @SendTo
  Object charge(Order order) {
    return switch (order.card()) {
      case "ok" -> Map.of("paid", order.amount(), "note", order.note());
      case "declined" -> withPayload(Map.of("limit", order.amount())).setHeader("reply-status", "error")
          .setHeader("error-code", "CARD_DECLINED").setHeader("error-message", "over the limit").build();
      case "down" -> withPayload(Map.of()).setHeader("reply-status", "failure")
          .setHeader("error-message", "the bank is down").build();
      default -> null;
    };
  }
  // end of listener
}
