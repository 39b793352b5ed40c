package io.busbar.mqtt;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Damaged packets: whatever comes in, only an {@link MqttException} may come out. */
class DecoderFuzzTest {
  private static final int ITERATIONS = 200_000;

  private final Random random = new Random(20_261_123);
  private final Decoder decoder = new Decoder();
  private final Publish publish = new Publish();
  private final ByteBuf out = Unpooled.buffer(1024);

  @Test
  void onlyMqttExceptionComesOut() {
    List<Packets.Valid> valid = Packets.valid();
    int accepted = 0;
    int refused = 0;
    for (int i = 0; i < ITERATIONS; i++) {
      Packets.Valid origin = valid.get(random.nextInt(valid.size()));
      byte[] bytes = damaged(origin);
      try {
        int length = Decoder.packetLength(bytes, 0, bytes.length);
        if (length != Decoder.INCOMPLETE && length <= bytes.length) {
          decode(Arrays.copyOf(bytes, length), origin.version());
          accepted++;
        }
      } catch (MqttException e) {
        assertThat(e.reason().isError()).isTrue();
        refused++;
      } catch (RuntimeException e) {
        throw new AssertionError(origin + ": " + HexFormat.of().formatHex(bytes), e);
      }
    }
    // the damage is neither too light nor too heavy to reach both sides
    assertThat(accepted).isGreaterThan(ITERATIONS / 20);
    assertThat(refused).isGreaterThan(ITERATIONS / 4);
  }

  private void decode(byte[] bytes, MqttVersion version) throws MqttException {
    if ((bytes[0] & 0xf0) >> 4 != Packet.PUBLISH) {
      decoder.decode(bytes, 0, bytes.length, version);
      return;
    }
    publish.parse(bytes, 0, bytes.length, version);
    publish.contentType();
    publish.responseTopic();
    publish.correlationData();
    publish.userProperties();
    for (MqttVersion to : MqttVersion.values()) {
      out.clear();
      publish.write(out, to, 1);
      assertThat(out.readableBytes()).isEqualTo(publish.writtenLength(to, 1, new int[0]));
    }
  }

  private byte[] damaged(Packets.Valid origin) {
    // half of the time the body only, its length put right, so that fields are reached
    boolean whole = random.nextBoolean();
    byte[] bytes = whole ? origin.bytes() : origin.body();
    for (int times = 1 + random.nextInt(3); times > 0; times--) {
      bytes = damagedOnce(bytes);
    }
    return whole ? bytes : Packets.packet(origin.bytes()[0], bytes);
  }

  private byte[] damagedOnce(byte[] bytes) {
    int at = bytes.length == 0 ? 0 : random.nextInt(bytes.length);
    switch (random.nextInt(4)) {
      case 0 -> {
        if (bytes.length == 0) {
          return bytes;
        }
        byte[] flipped = bytes.clone();
        flipped[at] ^= (byte) (1 << random.nextInt(8));
        return flipped;
      }
      case 1 -> {
        if (bytes.length == 0) {
          return bytes;
        }
        byte[] replaced = bytes.clone();
        replaced[at] = interesting();
        return replaced;
      }
      case 2 -> {
        byte[] inserted = Arrays.copyOf(bytes, bytes.length + 1);
        System.arraycopy(bytes, at, inserted, at + 1, bytes.length - at);
        inserted[at] = interesting();
        return inserted;
      }
      default -> {
        if (bytes.length == 0) {
          return bytes;
        }
        byte[] deleted = Arrays.copyOf(bytes, bytes.length - 1);
        System.arraycopy(bytes, at + 1, deleted, at, bytes.length - at - 1);
        return deleted;
      }
    }
  }

  private byte interesting() {
    int[] values = {0x00, 0x01, 0x7f, 0x80, 0xff, random.nextInt(256), random.nextInt(0x2b)};
    return (byte) values[random.nextInt(values.length)];
  }
}
