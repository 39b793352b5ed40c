package io.busbar.telemetry;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** docs/metrics.md says of each metric of Event Grid which meters of ours it is. */
class EventGridMetricsTest {
  /** Its metrics of MQTT, with their dimensions, as of July 2026; then those of HTTP. */
  private static final List<String> METRICS =
      List.of(
          "Mqtt.Connections: Protocol",
          "Mqtt.RequestCount: OperationType, Protocol, Result, Error",
          "Mqtt.SuccessfulPublishedMessages: QoS, Protocol, Retain",
          "Mqtt.FailedPublishedMessages: QoS, Protocol, Error, Retain",
          "Mqtt.SuccessfulDeliveredMessages: QoS, Protocol, Retain",
          "Mqtt.SuccessfulSubscriptionOperations: Protocol, OperationType",
          "Mqtt.FailedSubscriptionOperations: Protocol, OperationType, Error",
          "Mqtt.SuccessfulRoutedMessages: –",
          "Mqtt.FailedRoutedMessages: Error",
          "Mqtt.Throughput: Direction",
          "Mqtt.ThrottlingEnforcements: ThrottleType",
          "Mqtt.DroppedSessions: DropReason",
          "Mqtt.SuccessfulConnectLatencyInMilliseconds: Protocol",
          "Mqtt.SuccessfulPublishLatencyInMilliseconds: QoS, Protocol, Retain",
          "Mqtt.RetainedMessagesCount: –",
          "Mqtt.RetainedMessagesSize: –",
          "Mqtt.ExpiredRetainedMessages: –",
          "Mqtt.SuccessfulWebhookAuthenticationRequests: Decision",
          "Mqtt.FailedWebhookAuthenticationRequests: StatusCode, Error",
          "NamespaceThroughputUnits: –",
          "SuccessfulPublishedEvents: Topic",
          "FailedPublishedEvents: Topic, Error, ErrorType",
          "PublishLatencyInMilliseconds: Topic",
          "UnmatchedEventCount: Topic",
          "MatchedEventCount: Topic, EventSubscriptionName",
          "SuccessfulReceivedEvents: Topic, EventSubscriptionName",
          "FailedReceivedEvents: Topic, EventSubscriptionName, Error, ErrorType",
          "ReceiveLatencyInMilliseconds: Topic, EventSubscriptionName",
          "SuccessfulAcknowledgedEvents: Topic, EventSubscriptionName",
          "FailedAcknowledgedEvents: Topic, EventSubscriptionName, Error, ErrorType",
          "AcknowledgeLatencyInMilliseconds: Topic, EventSubscriptionName",
          "SuccessfulReleasedEvents: Topic, EventSubscriptionName",
          "FailedReleasedEvents: Topic, EventSubscriptionName, Error, ErrorType",
          "RejectLatencyInMilliseconds: Topic, EventSubscriptionName",
          "DeadLetteredCount: Topic, EventSubscriptionName, DeadLetterReason",
          "DroppedEventCount: Topic, EventSubscriptionName, DropReason");

  /** What the table has no row of its own for: Event Grid has none. */
  private static final String NONE = "none";

  private static final Pattern OURS = Pattern.compile("`(busbar[a-z.]+)(?:\\{([^}]*)})?`");

  /** A row of the table. */
  private record Row(String dimensions, String ours, String how) {}

  private static Map<String, Row> rows() throws IOException {
    String text = Files.readString(Path.of("docs/metrics.md"));
    String start = "\n## As Event Grid calls them\n";
    assertThat(text).contains(start);
    String section = text.substring(text.indexOf(start) + start.length());
    int next = section.indexOf("\n## ");
    Map<String, Row> rows = new LinkedHashMap<>();
    for (String line : (next < 0 ? section : section.substring(0, next)).lines().toList()) {
      if (line.startsWith("| `")) {
        String[] cells = line.substring(2, line.length() - 2).split(" \\| ", -1);
        assertThat(cells).as(line).hasSize(4);
        String name = cells[0].replace("`", "");
        assertThat(rows.put(name, new Row(cells[1], cells[2], cells[3]))).as(name).isNull();
      }
    }
    return rows;
  }

  @Test
  void eachMetricHasARow_withItsDimensions() throws IOException {
    List<String> documented = new ArrayList<>();
    rows().forEach((name, row) -> documented.add(name + ": " + row.dimensions()));
    assertThat(documented).containsExactlyElementsOf(METRICS);
  }

  @Test
  void eachRowNamesMetersThatThereAre_byTagsThatTheyHave() throws IOException {
    for (Map.Entry<String, Row> row : rows().entrySet()) {
      Matcher ours = OURS.matcher(row.getValue().ours());
      int found = 0;
      while (ours.find()) {
        found++;
        Meter meter = meter(ours.group(1));
        Stream<String> tags =
            ours.group(2) == null ? Stream.of() : Arrays.stream(ours.group(2).split(", ?", -1));
        assertThat(meter.tags())
            .as(row.getKey())
            .containsAll(tags.map(tag -> tag.replaceAll("[=!~].*", "")).toList());
      }
      assertThat(found > 0 || row.getValue().ours().equals(NONE)).as(row.getKey()).isTrue();
    }
  }

  @Test
  void eachRowSaysHowEachDimensionMaps() throws IOException {
    for (Map.Entry<String, Row> row : rows().entrySet()) {
      if (!row.getValue().dimensions().equals("–") && !row.getValue().ours().equals(NONE)) {
        for (String dimension : row.getValue().dimensions().split(", ", -1)) {
          assertThat(row.getValue().how()).as(row.getKey()).contains(dimension + ":");
        }
      }
    }
  }

  private static Meter meter(String id) {
    return Arrays.stream(Meter.values())
        .filter(meter -> meter.id().equals(id))
        .findFirst()
        .orElseThrow(() -> new AssertionError("no meter is called " + id));
  }
}
