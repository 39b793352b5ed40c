package io.busbar.wire;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.config.Limit;
import io.busbar.config.Profile;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.Publish;
import io.busbar.mqtt.ReasonCode;
import io.busbar.telemetry.Meter;
import io.busbar.testing.Await;
import io.busbar.testing.RawClient;
import io.busbar.testing.TestNode;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.search.Search;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What is counted of clients, by the dimensions that Event Grid has. */
@Timeout(60)
class MetersIT {
  private static final PropertyWriter NONE = new PropertyWriter();

  @RegisterExtension
  static final TestNode NODE = TestNode.with(2, Profile.OPEN, Map.of(Limit.MAXIMUM_QOS, 1L));

  private static Search found(Meter meter, String... values) {
    List<Tag> tags = new ArrayList<>();
    for (int i = 0; i < values.length; i++) {
      tags.add(Tag.of(meter.tags().get(i), values[i]));
    }
    return NODE.telemetry().registry().find(meter.id()).tags(Tags.of(tags));
  }

  private static long counted(Meter meter, String... values) {
    return found(meter, values).functionCounters().stream()
        .mapToLong(counter -> (long) counter.count())
        .sum();
  }

  private static void until(long wanted, Meter meter, String... values) {
    Await.until(
        "%s %s is %d".formatted(meter.id(), List.of(values), wanted),
        () -> counted(meter, values) == wanted,
        () -> counted(meter, values));
  }

  private static long clients(String protocol) {
    return (long) found(Meter.CLIENTS, protocol).gauge().value();
  }

  @Test
  void publishesAreToldApartByQosProtocolAndRetain() throws IOException {
    long before = counted(Meter.PUBLISHES_RECEIVED, "1", "mqtt5", "true");
    long sentBefore = counted(Meter.PUBLISHES_SENT, "1", "mqtt3-ws", "false");
    long timesBefore = NODE.telemetry().histogram(Meter.PUBLISH_TIME, "1", "mqtt5", "true").count();
    long delivered = NODE.total(Meter.DELIVER_TIME);
    RawClient subscriber = NODE.open(RawClient.Transport.WS, MqttVersion.V3_1_1);
    subscriber.connect("meters-sub");
    subscriber.subscribe("meters/#", 1);
    RawClient publisher = NODE.connected(MqttVersion.V5, "meters-pub");
    assertThat(publisher.retain("meters/a", "kept")).isEqualTo(ReasonCode.SUCCESS);
    Publish message = subscriber.expectMessage("kept");
    subscriber.puback(message);

    until(before + 1, Meter.PUBLISHES_RECEIVED, "1", "mqtt5", "true");
    until(sentBefore + 1, Meter.PUBLISHES_SENT, "1", "mqtt3-ws", "false");
    Await.until(
        "the acknowledgement and the delivery are timed",
        () ->
            NODE.telemetry().histogram(Meter.PUBLISH_TIME, "1", "mqtt5", "true").count()
                    == timesBefore + 1
                && NODE.total(Meter.DELIVER_TIME) > delivered,
        () -> "not yet");
  }

  @Test
  void aPublishThatIsRefusedIsCountedWithItsReason() throws IOException {
    RawClient client = NODE.connected(MqttVersion.V5, "meters-exactly");
    client.send(client.publishPacket("meters/b", 2, 1, "x", NONE));
    client.expectEnd(ReasonCode.QOS_NOT_SUPPORTED);
    until(1, Meter.PUBLISHES_RECEIVED, "2", "mqtt5", "false");
    until(1, Meter.PUBLISHES_REFUSED, "2", "mqtt5", "false", "qos_not_supported");
  }

  @Test
  void clientsAreToldApartByWhatTheySpeak() throws IOException {
    Await.until("no client is left", () -> clients("mqtt3") == 0, () -> clients("mqtt3"));
    long connects = counted(Meter.CONNECTS, "success", "mqtt3");
    RawClient client = NODE.connected(MqttVersion.V3_1_1, "meters-3");
    Await.until("it is there", () -> clients("mqtt3") == 1, () -> clients("mqtt3"));
    until(connects + 1, Meter.CONNECTS, "success", "mqtt3");
    assertThat(found(Meter.CONNECT_TIME, "mqtt3").timer().count()).isPositive();
    long ended = counted(Meter.SESSIONS_ENDED, "connection");
    client.close();
    Await.until("it is gone", () -> clients("mqtt3") == 0, () -> clients("mqtt3"));
    Await.until(
        "so is its session",
        () -> counted(Meter.SESSIONS_ENDED, "connection") > ended,
        () -> counted(Meter.SESSIONS_ENDED, "connection"));
  }

  @Test
  void aSubscribeIsOneRequest_andAnOperationForEachFilter() throws IOException {
    RawClient client = NODE.connected(MqttVersion.V5, "meters-filters");
    long requests = counted(Meter.SUBSCRIPTION_REQUESTS, "subscribe", "mqtt5");
    long good = counted(Meter.SUBSCRIPTION_OPERATIONS, "subscribe", "mqtt5", "success");
    client.subscribe(
        new Packet.Filter(RawClient.utf8("meters/c"), 0, false, false, 0),
        new Packet.Filter(RawClient.utf8("meters/d"), 0, false, false, 0),
        new Packet.Filter(RawClient.utf8("meters/#/d"), 0, false, false, 0));
    until(requests + 1, Meter.SUBSCRIPTION_REQUESTS, "subscribe", "mqtt5");
    until(good + 2, Meter.SUBSCRIPTION_OPERATIONS, "subscribe", "mqtt5", "success");
    until(1, Meter.SUBSCRIPTION_OPERATIONS, "subscribe", "mqtt5", "topic_filter_invalid");
    until(1, Meter.SUBSCRIPTION_REQUESTS, "subscribe", "mqtt5", "topic_filter_invalid");
    client.unsubscribe(List.of("meters/c"));
    until(1, Meter.SUBSCRIPTION_OPERATIONS, "unsubscribe", "mqtt5", "success");
  }

  @Test
  void loopsTellHowBusyTheyAre() {
    for (String loop : List.of("0", "1")) {
      assertThat(found(Meter.LOOP_CPU, loop).functionCounter().count()).isPositive();
      Await.until(
          "its lag is measured",
          () -> found(Meter.LOOP_LAG, loop).timer().count() > 0,
          () -> "not yet");
    }
  }
}
