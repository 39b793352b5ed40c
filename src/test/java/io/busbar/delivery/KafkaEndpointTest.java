package io.busbar.delivery;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.policy.EventDelivery.Kafka;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.junit.jupiter.api.Test;

/** The records of the CloudEvents Kafka binding. */
class KafkaEndpointTest {
  private static final String EVENT =
      "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\",\"subject\":\"a/é\","
          + "\"datacontenttype\":\"text/plain\",\"data\":\"hello\"}";

  private static Map<String, String> headers(ProducerRecord<byte[], byte[]> record) {
    Map<String, String> headers = new TreeMap<>();
    for (Header one : record.headers()) {
      headers.put(one.key(), new String(one.value(), UTF_8));
    }
    return headers;
  }

  @Test
  void aStructuredRecordIsTheEvent() {
    ProducerRecord<byte[], byte[]> record =
        KafkaEndpoint.record(new Kafka("/x/eventhubs/lake", false), EVENT.getBytes(UTF_8));
    assertThat(record.topic()).isEqualTo("lake");
    assertThat(record.value()).isEqualTo(EVENT.getBytes(UTF_8));
    assertThat(record.key()).isEqualTo("a/é".getBytes(UTF_8));
    assertThat(headers(record))
        .containsExactly(Map.entry("content-type", "application/cloudevents+json; charset=UTF-8"));
  }

  @Test
  void aBinaryRecordHasTheAttributesAsHeaders() {
    String event = EVENT.replace("\"data\"", "\"partitionkey\":\"k\",\"data\"");
    ProducerRecord<byte[], byte[]> record =
        KafkaEndpoint.record(new Kafka("lake", true), event.getBytes(UTF_8));
    assertThat(new String(record.value(), UTF_8)).isEqualTo("hello");
    assertThat(new String(record.key(), UTF_8)).isEqualTo("k");
    assertThat(headers(record))
        .isEqualTo(
            Map.of(
                "ce_specversion", "1.0",
                "ce_id", "1",
                "ce_source", "/s",
                "ce_type", "t",
                "ce_subject", "a/é",
                "ce_partitionkey", "k",
                "content-type", "text/plain"));
  }

  @Test
  void anEventWithoutASubjectHasNoKey() {
    byte[] event =
        "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\"}".getBytes(UTF_8);
    assertThat(KafkaEndpoint.record(new Kafka("lake", false), event).key()).isNull();
    assertThat(KafkaEndpoint.record(new Kafka("lake", true), event).value()).isEmpty();
  }
}
