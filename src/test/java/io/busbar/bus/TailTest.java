package io.busbar.bus;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.mqtt.Encoder;
import io.busbar.mqtt.MqttException;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.Publish;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import org.junit.jupiter.api.Test;

/** What somebody sees who looks at messages, and what is left out. */
class TailTest {
  private static void show(Tail tail, String topic, byte[] payload) throws MqttException {
    ByteBuf out = Unpooled.buffer();
    Encoder.publish(out, MqttVersion.V5, topic, 0, 0, payload, new PropertyWriter());
    byte[] packet = ByteBufUtil.getBytes(out);
    Publish message = new Publish();
    message.parse(packet, 0, packet.length, MqttVersion.V5);
    tail.show(message, topic.getBytes(UTF_8), "c");
  }

  @Test
  void onlyWhatMatchesIsShown_inItsOrder() throws MqttException {
    Tail tail = new Tail("a/+");
    show(tail, "a/1", new byte[] {1});
    show(tail, "b/1", new byte[] {2});
    show(tail, "a/2", new byte[] {3});
    assertThat(tail.take(10)).extracting(Tail.Seen::topic).containsExactly("a/1", "a/2");
    assertThat(tail.take(10)).isEmpty();
    assertThat(tail.skipped()).isZero();
  }

  @Test
  void whatComesFasterThanItIsTakenIsCounted_notKept() throws MqttException {
    Tail tail = new Tail("#");
    for (int i = 0; i < 1_000; i++) {
      show(tail, "t", new byte[0]);
    }
    int kept = tail.take(1_000).size();
    assertThat(kept).isPositive().isLessThan(1_000);
    assertThat(tail.skipped()).isEqualTo(1_000 - kept);
    assertThat(tail.skipped()).as("told once").isZero();
    show(tail, "t", new byte[0]);
    assertThat(tail.take(10)).hasSize(1);
  }

  @Test
  void ofALargePayloadTheBeginningIsShown() throws MqttException {
    Tail tail = new Tail("#");
    byte[] payload = new byte[Tail.MOST_PAYLOAD + 1];
    show(tail, "t", payload);
    Tail.Seen seen = tail.take(1).get(0);
    assertThat(seen.bytes()).isEqualTo(payload.length);
    assertThat(seen.payload()).hasSize(Tail.MOST_PAYLOAD);
  }
}
