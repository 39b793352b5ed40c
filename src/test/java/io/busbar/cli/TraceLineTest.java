package io.busbar.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Lines of a trace, on a terminal that obeys what it is told. */
class TraceLineTest {
  private static JsonObject event(String what) {
    return new JsonObject()
        .put("time", "2026-11-29T17:03:04.005Z")
        .put("node", "busbar-1")
        .put("client", "press-7")
        .put("session", "press-7-a")
        .put("what", what);
  }

  /** As it comes over the API. */
  private static String line(JsonObject event) {
    return TraceLine.of(new JsonObject(event.encode()));
  }

  @Test
  void aPacketOfTheClient() {
    JsonObject fields =
        new JsonObject()
            .put("topic", "a/b")
            .put("qos", 1)
            .put("packetId", 9)
            .put("dup", true)
            .put("bytes", 3)
            .put("payloadBase64", "hey".getBytes(UTF_8));
    assertThat(line(event("PUBLISH").put("way", "in").put("fields", fields).put("allowed", true)))
        .isEqualTo(
            "17:03:04.005 busbar-1 press-7-a -> PUBLISH topic='a/b' qos=1 packetId=9 dup bytes=3"
                + " payload='hey' allowed");
    assertThat(
            line(
                event("PUBLISH")
                    .put("way", "in")
                    .put("fields", new JsonObject().put("topic", "x"))
                    .put("allowed", false)
                    .put("text", "press-7 may not publish to 'x'")))
        .endsWith("-> PUBLISH topic='x' DENIED: press-7 may not publish to 'x'");
  }

  @Test
  void aPacketToTheClient_andOtherThingsThatHappen() {
    JsonObject fields =
        new JsonObject()
            .put("packetId", 7)
            .put("reasons", new JsonArray().add("granted qos 1").add("0x87 not authorized"));
    assertThat(line(event("SUBACK").put("way", "out").put("fields", fields)))
        .endsWith("<- SUBACK packetId=7 reasons=['granted qos 1', '0x87 not authorized']");
    assertThat(
            line(
                event("SUBSCRIBE")
                    .put("way", "in")
                    .put(
                        "fields",
                        new JsonObject()
                            .put(
                                "filters",
                                new JsonArray()
                                    .add(new JsonObject().put("filter", "a/#").put("qos", 1))))))
        .endsWith("-> SUBSCRIBE filters=[(filter='a/#' qos=1)]");
    assertThat(line(event("ends").put("reason", "0x8e session taken over").put("text", "why")))
        .isEqualTo("17:03:04.005 busbar-1 press-7-a -- ends 0x8e session taken over: why");
    assertThat(line(event("left out").put("events", 12))).endsWith(" -- left out 12 events");
    assertThat(line(new JsonObject().put("ended", "it has lasted 5 minutes")))
        .isEqualTo("--- it has lasted 5 minutes");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "\u001b[2J\u001b]0;owned\u0007",
        "\u009b31m",
        "line\nfeed\r",
        "\u202Ereversed\u202C",
        "\u2028\u2029\u0085",
        "\uD800 alone",
        "\uDB40\uDC41 a tag",
        "\u0000\u007f\u0008"
      })
  void nothingThatATerminalObeysPasses(String hostile) {
    JsonObject event =
        event("PUBLISH")
            .put("session", hostile)
            .put("node", hostile)
            .put("way", "in")
            .put("text", hostile)
            .put("reason", hostile)
            .put(
                "fields",
                new JsonObject()
                    .put("topic", hostile)
                    .put(hostile, 1)
                    .put("userProperties", new JsonArray().add(hostile))
                    .put("will", new JsonObject().put("topic", hostile))
                    .put("payloadBase64", hostile.getBytes(UTF_8)));
    for (String shown : new String[] {TraceLine.of(event), TraceLine.harmless(event.encode())}) {
      assertThat(shown.codePoints())
          .allMatch(
              c ->
                  Character.getType(c) != Character.CONTROL
                      && Character.getType(c) != Character.FORMAT
                      && Character.getType(c) != Character.SURROGATE
                      && c != 0x2028
                      && c != 0x2029);
    }
    assertThat(new JsonObject(TraceLine.harmless(event.encode())))
        .as("the same JSON")
        .isEqualTo(new JsonObject(event.encode()));
  }

  @Test
  void whatIsInQuotesCannotEndThem() {
    JsonObject fields = new JsonObject().put("topic", "a' qos=2 retain \\");
    assertThat(line(event("PUBLISH").put("way", "in").put("fields", fields)))
        .endsWith("topic='a\\' qos=2 retain \\\\'");
  }

  @Test
  void aPayloadIsTextOrDigits() {
    byte[] cut = "grün".getBytes(UTF_8);
    byte[] inCharacter = {cut[0], cut[1], cut[2]};
    assertThat(payload(inCharacter)).endsWith("payload='gr'");
    assertThat(payload(new byte[] {(byte) 0xff, 0x1b})).endsWith("payload=0xff1b");
    assertThat(payload(new byte[] {0x1b, '[', 'm'})).endsWith("payload='\\u001b[m'");
  }

  private static String payload(byte[] bytes) {
    return line(event("PUBLISH").put("fields", new JsonObject().put("payloadBase64", bytes)));
  }
}
