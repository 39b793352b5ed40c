package io.busbar.event;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.event.LifeCycleEvent.Disconnection;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class LifeCycleEventTest {
  private static final Instant AT = Instant.parse("2026-02-03T04:05:06.789Z");
  private static final LifeCycleEvent.Session SESSION =
      new LifeCycleEvent.Session("press \"3\"", "a/é", null, 41);

  private static String text(LifeCycleEvent event) {
    return new String(event.json(), UTF_8);
  }

  @Test
  void aSessionThatHasGoneSaysWhy() {
    assertThat(
            text(
                LifeCycleEvent.session(
                    "plant7", "1", AT, SESSION, Disconnection.SESSION_TAKEN_OVER)))
        .isEqualTo(
            "{\"specversion\":\"1.0\",\"id\":\"1\",\"time\":\"2026-02-03T04:05:06.789Z\","
                + "\"type\":\"Microsoft.EventGrid.MQTTClientSessionDisconnected\","
                + "\"source\":\"/namespaces/plant7\","
                + "\"subject\":\"clients/press \\\"3\\\"/sessions/a/é\","
                + "\"datacontenttype\":\"application/json\","
                + "\"data\":{\"namespaceName\":\"plant7\","
                + "\"clientAuthenticationName\":\"press \\\"3\\\"\","
                + "\"clientSessionName\":\"a/é\",\"sequenceNumber\":41,"
                + "\"disconnectionReason\":\"SessionTakenOver\"}}");
    assertThat(LifeCycleEvent.session("plant7", "1", AT, SESSION, null).data())
        .doesNotContainKey("disconnectionReason");
  }

  @Test
  void aClientHasItsAttributes() {
    LifeCycleEvent event =
        LifeCycleEvent.client(
            "plant7", "1", AT, "c", "a", false, Map.of("t", List.of("x", "y")), AT.minusSeconds(6));
    assertThat(text(event))
        .contains("\"type\":\"Microsoft.EventGrid.MQTTClientCreatedOrUpdated\"")
        .endsWith(
            "\"data\":{\"namespaceName\":\"plant7\",\"clientName\":\"c\","
                + "\"clientAuthenticationName\":\"a\",\"state\":\"Disabled\","
                + "\"createdOn\":\"2026-02-03T04:05:00.789Z\","
                + "\"updatedOn\":\"2026-02-03T04:05:06.789Z\","
                + "\"attributes\":{\"t\":[\"x\",\"y\"]}}}");
    assertThat(text(LifeCycleEvent.client("p", "1", AT, "c", "a", true, Map.of(), AT)))
        .endsWith("\"attributes\":{}}}");
  }

  @Test
  void theReasonsAreThoseOfEventGrid() {
    assertThat(Stream.of(Disconnection.values()).map(Disconnection::word))
        .containsExactly(
            "ClientAuthenticationError",
            "ClientAuthorizationError",
            "ClientError",
            "ClientInitiatedDisconnect",
            "ConnectionLost",
            "IpForbidden",
            "QuotaExceeded",
            "ServerError",
            "ServerInitiatedDisconnect",
            "SessionOverflow",
            "SessionTakenOver");
  }
}
