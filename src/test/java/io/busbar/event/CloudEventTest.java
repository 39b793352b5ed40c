package io.busbar.event;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.mqtt.Encoder;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.Publish;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.vertx.core.json.JsonObject;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CloudEventTest {
  private static final long AT = 1_767_323_045_678L; // 2026-01-02T03:04:05.678Z
  private static final String HEAD =
      "{\"specversion\":\"1.0\",\"id\":\"id-1\",\"source\":\"plant7\",\"type\":\"MQTT.EventPublished\","
          + "\"subject\":\"line/3/temp\",\"time\":\"2026-01-02T03:04:05.678Z\",\"datacontenttype\":";

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static PropertyWriter none() {
    return new PropertyWriter();
  }

  private static PropertyWriter contentType(String value) {
    return none().string(Property.CONTENT_TYPE, value);
  }

  private static PropertyWriter text(PropertyWriter properties) {
    return properties.number(Property.PAYLOAD_FORMAT_INDICATOR, 1);
  }

  private static String event(
      MqttVersion version, String topic, byte[] payload, PropertyWriter properties) {
    return event(version, topic, payload, properties, Map.of());
  }

  private static String event(
      MqttVersion version,
      String topic,
      byte[] payload,
      PropertyWriter properties,
      Map<String, Object> more) {
    ByteBuf out = Unpooled.buffer();
    Encoder.publish(out, MqttVersion.V5, topic, 0, 0, payload, properties);
    byte[] packet = ByteBufUtil.getBytes(out);
    Publish publish = new Publish();
    try {
      publish.parse(packet, 0, packet.length, MqttVersion.V5);
    } catch (io.busbar.mqtt.MqttException e) {
      throw new AssertionError(e);
    }
    return new String(
        CloudEvent.json(publish, version, AT, "plant7", "id-1", more), StandardCharsets.UTF_8);
  }

  private static String event(String payload, PropertyWriter properties) {
    return event(MqttVersion.V5, "line/3/temp", utf8(payload), properties);
  }

  @Test
  void mqtt311_isBytes() {
    assertThat(event(MqttVersion.V3_1_1, "line/3/temp", utf8("{\"c\":21.5}"), none()))
        .isEqualTo(HEAD + "\"application/octet-stream\",\"data_base64\":\"eyJjIjoyMS41fQ==\"}");
  }

  @Test
  void noPropertiesAtAll_isBytes() {
    assertThat(event("hi", none()))
        .isEqualTo(HEAD + "\"application/octet-stream\",\"data_base64\":\"aGk=\"}");
  }

  @Test
  void whatIsAdded_comesLast() {
    Map<String, Object> more = new LinkedHashMap<>();
    more.put("site", "h\"ull é");
    more.put("pfi", 1);
    assertThat(event(MqttVersion.V5, "line/3/temp", utf8("hi"), none(), more))
        .isEqualTo(
            HEAD
                + "\"application/octet-stream\",\"data_base64\":\"aGk=\",\"site\":\"h\\\"ull é\",\"pfi\":1}");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\"}"
            + "|{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\",\"site\":\"hull\"}",
        "{\"site\":\"x\",\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\"}"
            + "|{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\",\"site\":\"hull\"}",
        "{ \"specversion\" : \"1.0\" , \"subject\":\"é😀\\u0041\",\"id\":\"1\",\"source\":\"s\",\"site\" : 12 ,\"type\":\"t\", \"data\": {\"site\" : [1.50e3, \"é\"] } } "
            + "|{\"specversion\" : \"1.0\",\"subject\":\"é😀\\u0041\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\",\"data\": {\"site\" : [1.50e3, \"é\"] },\"site\":\"hull\"}",
        "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\",\"data\":12.0,\"x\":true}"
            + "|{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\",\"data\":12.0,\"x\":true,\"site\":\"hull\"}"
      })
  void whatIsAdded_takesThePlaceOfTheEventsOwn(String own, String expected) {
    assertThat(
            event(
                MqttVersion.V5,
                "t",
                utf8(own),
                contentType("application/cloudevents+json"),
                Map.of("site", "hull")))
        .isEqualTo(expected);
  }

  @Test
  void emptyPayload_isEmpty() {
    assertThat(event("", none())).endsWith("\"data_base64\":\"\"}");
    assertThat(event("", text(none()))).endsWith("\"data\":\"\"}");
    assertThat(event("", contentType("application/json"))).endsWith("\"data\":\"\"}");
  }

  @Test
  void otherContentTypeWithoutPayloadFormat_isBytesOfThatType() {
    assertThat(event("a,b", contentType("text/csv")))
        .isEqualTo(HEAD + "\"text/csv\",\"data_base64\":\"YSxi\"}");
  }

  @Test
  void payloadFormatWithoutContentType_isTextEvenWhereItIsJson() {
    assertThat(event("{\"c\":1}", text(none())))
        .isEqualTo(HEAD + "\"text/plain; charset=utf-8\",\"data\":\"{\\\"c\\\":1}\"}");
  }

  @Test
  void payloadFormatWithOtherContentType_isTextOfThatType() {
    assertThat(event("a\tb\u0001\u0000é\"\\", text(contentType("text/csv"))))
        .isEqualTo(HEAD + "\"text/csv\",\"data\":\"a\\tb\\u0001\\u0000é\\\"\\\\\"}");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON;charset=ISO-8859-1",
        "text/json",
        "application/geo+json",
        " application/vnd.a.b+JSON ; v=1"
      })
  void jsonContentType_embedsTheJsonAsItIs(String type) {
    String json = " {\"b\" : [1, 2.50,1e5, null,true,\"\\u00e9\"],\n\"a\":{}} ";
    assertThat(event(json, contentType(type)))
        .isEqualTo(HEAD + "\"" + type + "\",\"data\":" + json + "}");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "json",
        "application/jsonx",
        "application/+json",
        "/json",
        "application/xml",
        "a/json+xml"
      })
  void notJsonContentType_isBytes(String type) {
    assertThat(event("{}", contentType(type))).endsWith(",\"data_base64\":\"e30=\"}");
  }

  @ParameterizedTest
  @ValueSource(strings = {"1", "-0.5e-3", "\"s\"", "null", "true", "[]", "{}", " [ 1 ] "})
  void anyJsonValue_isEmbedded(String json) {
    assertThat(event(json, contentType("application/json"))).endsWith("\"data\":" + json + "}");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{",
        "}",
        "{}}",
        "{} {}",
        "1 2",
        "[1,]",
        "{\"a\":1,}",
        "{'a':1}",
        "{a:1}",
        "01",
        "+1",
        ".5",
        "1.",
        "NaN",
        "Infinity",
        "// c\n1",
        "\"a",
        "\"\\x\"",
        "\"a\nb\"",
        "tru",
        "{},\"id\":\"forged\"",
        "\"a\",\"b\":1",
        " ",
        "1\u0000",
        "{}\u0000"
      })
  void invalidJson_isAString(String payload) {
    String event = event(payload, contentType("application/json"));
    assertThat(new JsonObject(event).getValue("data")).isEqualTo(payload);
    assertThat(new JsonObject(event).getString("id")).isEqualTo("id-1");
  }

  @Test
  void byteOrderMark_isLeftOut() {
    assertThat(event("\ufeff{\"a\":1}", contentType("application/json")))
        .endsWith("\"data\":{\"a\":1}}");
  }

  @Test
  void depth_isBounded() {
    String deepest = "[".repeat(63) + "]".repeat(63);
    assertThat(event(deepest, contentType("a/json"))).endsWith("\"data\":" + deepest + "}");
    String deeper = "[" + deepest + "]";
    assertThat(event(deeper, contentType("a/json"))).endsWith("\"data\":\"" + deeper + "\"}");
    String bomb = "[{\"a\":".repeat(200_000);
    assertThat(new JsonObject(event(bomb, contentType("a/json"))).getString("data"))
        .isEqualTo(bomb);
  }

  @ParameterizedTest
  @CsvSource({"ff", "c0af", "eda080", "f4908080", "e282", "22ff22", "5b22c328225d", "fffe5b005d00"})
  void invalidUtf8_isBytes(String hex) {
    byte[] payload = ByteBufUtil.decodeHexDump(hex);
    String base64 = Base64.getEncoder().encodeToString(payload);
    for (PropertyWriter properties : new PropertyWriter[] {text(none()), contentType("a/json")}) {
      assertThat(event(MqttVersion.V5, "line/3/temp", payload, properties))
          .endsWith(",\"data_base64\":\"" + base64 + "\"}");
    }
  }

  @Test
  void utf16Json_isNotEmbedded() {
    byte[] payload = "[1]".getBytes(StandardCharsets.UTF_16LE);
    String event =
        event(MqttVersion.V5, "t", payload, contentType("application/json; charset=utf-16"));
    assertThat(new JsonObject(event).getString("data")).isEqualTo("[\u00001\u0000]\u0000");
  }

  @Test
  void topicAndContentType_areEscaped() {
    JsonObject event =
        new JsonObject(event(MqttVersion.V5, "a\"b\\/ü\u0007", utf8(""), contentType("x\"\\y")));
    assertThat(event.getString("subject")).isEqualTo("a\"b\\/ü\u0007");
    assertThat(event.getString("datacontenttype")).isEqualTo("x\"\\y");
  }

  @Test
  void structuredEvent_isForwardedAsItIs() {
    String own =
        "{ \"specversion\":\"1.0\",\"id\":\"7\",\"source\":\"/press\",\"type\":\"t.e\","
            + "\"time\":\"2026-02-03t04:05:06+01:00\",\"site\":\"hull\",\"n\":3,\"dataschema\":null,"
            + "\"data\":{\"x\":[{}]}} ";
    assertThat(event(own, contentType("application/cloudevents+json; charset=UTF-8")))
        .isEqualTo(own);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "[]",
        "{}",
        "{\"specversion\":\"1.0\",\"id\":\"7\",\"source\":\"s\"}",
        "{\"specversion\":\"0.3\",\"id\":\"7\",\"source\":\"s\",\"type\":\"t\"}",
        "{\"specversion\":\"1.0\",\"id\":\"\",\"source\":\"s\",\"type\":\"t\"}",
        "{\"specversion\":\"1.0\",\"id\":7,\"source\":\"s\",\"type\":\"t\"}",
        "{\"specversion\":\"1.0\",\"id\":null,\"source\":\"s\",\"type\":\"t\"}",
        "{\"specversion\":\"1.0\",\"id\":\"7\",\"id\":\"8\",\"source\":\"s\",\"type\":\"t\"}",
        "{\"specversion\":\"1.0\",\"id\":\"7\",\"source\":\"s\",\"type\":\"t\",\"time\":\"noon\"}",
        "{\"specversion\":\"1.0\",\"id\":\"7\",\"source\":\"s\",\"type\":\"t\",\"time\":\"2026-02-30T00:00:00Z\"}",
        "{\"specversion\":\"1.0\",\"id\":\"7\",\"source\":\"s\",\"type\":\"t\",\"time\":3}",
        "{\"specversion\":\"1.0\",\"id\":\"7\",\"source\":\"s\",\"type\":\"t\",\"Site\":\"x\"}",
        "{\"specversion\":\"1.0\",\"id\":\"7\",\"source\":\"s\",\"type\":\"t\",\"site\":{}}",
        "{\"specversion\":\"1.0\",\"id\":\"7\",\"source\":\"s\",\"type\":\"t\",\"data_base64\":\"=\"}",
        "{\"specversion\":\"1.0\",\"id\":\"7\",\"source\":\"s\",\"type\":\"t\",\"data\":1,\"data_base64\":\"\"}",
        "{\"specversion\":\"1.0\",\"id\":\"7\",\"source\":\"s\",\"type\":\"t\"}{}",
      })
  void malformedStructuredEvent_isAnOrdinaryMessage(String payload) {
    JsonObject event = new JsonObject(event(payload, contentType("application/cloudevents+json")));
    assertThat(event.getString("id")).isEqualTo("id-1");
    assertThat(event.getString("type")).isEqualTo("MQTT.EventPublished");
    assertThat(event.getString("datacontenttype")).isEqualTo("application/cloudevents+json");
    assertThat(event.containsKey("data")).isTrue();
  }

  private static PropertyWriter binary() {
    return none()
        .user("type", "t.e")
        .user("source", "/press")
        .user("id", "7")
        .user("specversion", "1.0");
  }

  @Test
  void binaryEvent_isForwardedWithItsOwnAttributes() {
    PropertyWriter properties =
        binary()
            .user("site", "hu\"ll")
            .user("Trace-Id", "left out")
            .user("data", "left out")
            .string(Property.CONTENT_TYPE, "application/json");
    assertThat(event("[1]", properties))
        .isEqualTo(
            "{\"specversion\":\"1.0\",\"id\":\"7\",\"source\":\"/press\",\"type\":\"t.e\","
                + "\"site\":\"hu\\\"ll\",\"datacontenttype\":\"application/json\",\"data\":[1]}");
    assertThat(event("x", binary().user("subject", "s").user("time", "2026-01-01T00:00:00.5Z")))
        .isEqualTo(
            "{\"specversion\":\"1.0\",\"id\":\"7\",\"source\":\"/press\",\"type\":\"t.e\","
                + "\"subject\":\"s\",\"time\":\"2026-01-01T00:00:00.5Z\","
                + "\"datacontenttype\":\"application/octet-stream\",\"data_base64\":\"eA==\"}");
  }

  @Test
  void malformedBinaryEvent_isAnOrdinaryMessage() {
    String ordinary = HEAD + "\"application/octet-stream\",\"data_base64\":\"eA==\"}";
    assertThat(event("x", none().user("id", "7").user("source", "s").user("type", "t")))
        .isEqualTo(ordinary);
    assertThat(event("x", binary().user("id", "8"))).isEqualTo(ordinary);
    assertThat(event("x", binary().user("time", "yesterday"))).isEqualTo(ordinary);
    assertThat(event("x", binary().user("subject", ""))).isEqualTo(ordinary);
    assertThat(event("x", none().user("a", "1").user("b", "2").user("c", "3").user("d", "4")))
        .isEqualTo(ordinary);
    assertThat(event(MqttVersion.V3_1_1, "line/3/temp", utf8("x"), none())).isEqualTo(ordinary);
  }

  @ParameterizedTest
  @CsvSource({
    "0, 1970-01-01T00:00:00.000Z",
    "951782399999, 2000-02-28T23:59:59.999Z",
    "951782400001, 2000-02-29T00:00:00.001Z",
    "253402300799999, 9999-12-31T23:59:59.999Z"
  })
  void time_isRfc3339(long millis, String expected) throws Exception {
    ByteBuf out = Unpooled.buffer();
    Encoder.publish(out, MqttVersion.V5, "t", 0, 0, new byte[0], none());
    byte[] packet = ByteBufUtil.getBytes(out);
    Publish publish = new Publish();
    publish.parse(packet, 0, packet.length, MqttVersion.V5);
    byte[] json = CloudEvent.json(publish, MqttVersion.V5, millis, "n", "i");
    assertThat(new String(json, StandardCharsets.UTF_8)).contains("\"time\":\"" + expected + "\"");
  }

  /** Whatever bytes come, what goes out is one JSON object from which they can be had back. */
  @Test
  void anyPayload_survives() {
    Random random = new Random(20261123);
    String[] types = {null, "application/json", "text/plain", "application/cloudevents+json"};
    String alphabet = "{}[]\",:0123456789.eE+-truefalsnl \\u\n\u0000\u0001é\ud83d\ude00";
    for (int i = 0; i < 20_000; i++) {
      byte[] payload;
      if (random.nextBoolean()) {
        payload = new byte[random.nextInt(12)];
        random.nextBytes(payload);
      } else {
        StringBuilder text = new StringBuilder();
        for (int k = random.nextInt(12); k > 0; k--) {
          text.append(alphabet.charAt(random.nextInt(alphabet.length())));
        }
        payload = utf8(text.toString());
      }
      String type = types[random.nextInt(types.length)];
      PropertyWriter properties = type == null ? none() : contentType(type);
      if (random.nextBoolean()) {
        text(properties);
      }
      JsonObject event = new JsonObject(event(MqttVersion.V5, "t", payload, properties));
      assertThat(event.getString("id")).isEqualTo("id-1");
      if (event.containsKey("data_base64")) {
        assertThat(Base64.getDecoder().decode(event.getString("data_base64"))).isEqualTo(payload);
      } else if (event.getValue("data") instanceof String string
          && !new String(payload, StandardCharsets.UTF_8).strip().startsWith("\"")) {
        assertThat(utf8(string)).isEqualTo(payload);
      }
    }
  }
}
