package io.busbar.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.busbar.mqtt.Encoder;
import io.busbar.mqtt.MqttException;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.Publish;
import io.busbar.mqtt.ReasonCode;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class TopicAliasesTest {
  private final Publish publish = new Publish();

  /** Reads a PUBLISH; no alias where it is 0. */
  private Publish publish(String topic, int alias) throws MqttException {
    PropertyWriter properties = new PropertyWriter();
    if (alias > 0) {
      properties.number(Property.TOPIC_ALIAS, alias);
    }
    ByteBuf out = Unpooled.buffer();
    Encoder.publish(out, MqttVersion.V5, topic, 0, 0, new byte[3], properties);
    byte[] packet = ByteBufUtil.getBytes(out);
    publish.parse(packet, 0, packet.length, MqttVersion.V5);
    return publish;
  }

  private void refused(TopicAliases aliases, String topic, int alias, ReasonCode expected) {
    assertThatExceptionOfType(MqttException.class)
        .isThrownBy(() -> aliases.apply(publish(topic, alias)))
        .satisfies(e -> assertThat(e.reason()).isEqualTo(expected));
  }

  @Test
  void remembersAndReplaces() throws MqttException {
    TopicAliases aliases = new TopicAliases(10);
    aliases.apply(publish("a/b", 10));
    assertThat(publish.topic()).isEqualTo("a/b");
    aliases.apply(publish("", 10));
    assertThat(publish.topic()).isEqualTo("a/b");
    aliases.apply(publish("c", 10));
    aliases.apply(publish("", 10));
    assertThat(publish.topic()).isEqualTo("c");
    aliases.apply(publish("plain", 0));
    assertThat(publish.topic()).isEqualTo("plain");
  }

  @Test
  void refusesWhatIsNotSetUp() throws MqttException {
    TopicAliases aliases = new TopicAliases(10);
    aliases.apply(publish("a", 3));

    refused(aliases, "", 1, ReasonCode.PROTOCOL_ERROR);
    refused(aliases, "", 10, ReasonCode.PROTOCOL_ERROR);
    refused(aliases, "", 0, ReasonCode.PROTOCOL_ERROR);
  }

  @Test
  void refusesAliasesBeyondTheMaximum() {
    refused(new TopicAliases(10), "a", 11, ReasonCode.TOPIC_ALIAS_INVALID);
    refused(new TopicAliases(10), "", 65_535, ReasonCode.TOPIC_ALIAS_INVALID);
    refused(new TopicAliases(0), "a", 1, ReasonCode.TOPIC_ALIAS_INVALID);
  }

  @Test
  void agreesWithAMap() throws MqttException {
    Random random = new Random(35);
    for (int maximum : new int[] {1, 7, 8, 9, 100, 65_535}) {
      TopicAliases aliases = new TopicAliases(maximum);
      Map<Integer, String> model = new HashMap<>();
      for (int i = 0; i < 3_000; i++) {
        int alias = 1 + random.nextInt(maximum);
        if (random.nextBoolean()) {
          String topic = "t/" + random.nextInt(20);
          aliases.apply(publish(topic, alias));
          model.put(alias, topic);
          assertThat(publish.topic()).isEqualTo(topic);
        } else if (model.containsKey(alias)) {
          aliases.apply(publish("", alias));
          assertThat(publish.topic()).isEqualTo(model.get(alias));
        } else {
          refused(aliases, "", alias, ReasonCode.PROTOCOL_ERROR);
        }
      }
    }
  }
}
