// A card service in Quarkus. SmallRye finds the topic to reply to and the correlation id in the request's headers by
// itself; GenericPayload is its way of adding metadata, here headers, to what a method returns.
package cards;

import io.smallrye.reactive.messaging.GenericPayload;
import io.smallrye.reactive.messaging.kafka.api.OutgoingKafkaRecordMetadata;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.Map;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.eclipse.microprofile.reactive.messaging.Incoming;
import org.eclipse.microprofile.reactive.messaging.Metadata;
import org.eclipse.microprofile.reactive.messaging.Outgoing;

@ApplicationScoped
public class Cards {
  public record Order(String card, long amount, String note) {}

  // listener
  @Incoming("requests") @Outgoing("replies")
  GenericPayload<Object> charge(Order order) {
    return switch (order.card()) {
      case "ok" -> GenericPayload.of(Map.of("paid", order.amount(), "note", order.note()));
      case "declined" -> reply(Map.of("limit", order.amount()), Map.of("reply-status", "error",
          "error-code", "CARD_DECLINED", "error-message", "over the limit"));
      case "down" -> reply(Map.of(), Map.of("reply-status", "failure", "error-message", "the bank is down"));
      default -> null;
    };
  }

  GenericPayload<Object> reply(Object value, Map<String, String> headers) {
    var added = new RecordHeaders();
    headers.forEach((name, text) -> added.add(name, text.getBytes()));
    return GenericPayload.of(value, Metadata.of(OutgoingKafkaRecordMetadata.builder().withHeaders(added).build()));
  }
  // end of listener
}
