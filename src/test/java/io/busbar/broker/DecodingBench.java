package io.busbar.broker;

import io.busbar.mqtt.Decoder;
import io.busbar.mqtt.Encoder;
import io.busbar.mqtt.LenientPublish;
import io.busbar.mqtt.MqttException;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.Publish;
import io.busbar.mqtt.Topics;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.options.CommandLineOptions;
import org.openjdk.jmh.runner.options.OptionsBuilder;

/**
 * What the checks of a PUBLISH cost: a buffer of packets is decoded as an event loop does it
 * (length of the packet, its fields, its topic), and by the same steps without the checks. MQTT 5,
 * QoS 1, topics that the loop has met, a payload of 100 bytes.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class DecodingBench {
  private static final int PACKETS = 64;

  @Param({"0", "5"})
  int properties;

  @Param({"10", "40", "100"})
  int topicBytes;

  private final Publish strict = new Publish();
  private final LenientPublish lenient = new LenientPublish();
  private final Topic.Cache topics = new Topic.Cache(1024, 512, 16);
  private byte[] buffer;
  private int packetBytes;
  private byte[] topic;

  /** Makes the packets; both must read the same of each. */
  @Setup
  public void setUp() throws MqttException {
    ByteBuf made = Unpooled.buffer();
    for (int i = 0; i < PACKETS; i++) {
      PropertyWriter writer = new PropertyWriter();
      if (properties > 0) {
        writer
            .number(Property.PAYLOAD_FORMAT_INDICATOR, 1)
            .number(Property.MESSAGE_EXPIRY_INTERVAL, 60)
            .string(Property.CONTENT_TYPE, "application/json")
            .string(Property.RESPONSE_TOPIC, "line/3/answers")
            .user("site", "north");
      }
      Encoder.publish(made, MqttVersion.V5, topic(i), 1, 7, new byte[100], writer);
    }
    buffer = new byte[made.readableBytes()];
    made.readBytes(buffer);
    packetBytes = buffer.length / PACKETS;
    topic = topic(0).getBytes(StandardCharsets.UTF_8);
    for (int at = 0; at < buffer.length; ) {
      int end = at + Decoder.packetLength(buffer, at, buffer.length);
      strict.parse(buffer, at, end, MqttVersion.V5);
      lenient.parse(buffer, at, end, MqttVersion.V5);
      if (!lenient.isSame(strict)) {
        throw new IllegalStateException("the twins read different things");
      }
      at = end;
    }
    if (decodeStrict() != decodeLenient()) {
      throw new IllegalStateException("the twins find different topics");
    }
  }

  private String topic(int i) {
    String levels = "plant/7/line/3/machine/12/temperature/of/its/second/bearing/from/the/left";
    String name = "t/%03d/".formatted(i) + levels + "-".repeat(topicBytes);
    return name.substring(0, topicBytes);
  }

  /** Reads all packets with every check. */
  @Benchmark
  @OperationsPerInvocation(PACKETS)
  public int decodeStrict() throws MqttException {
    int found = 0;
    Topic last = null;
    for (int at = 0; at < buffer.length; ) {
      int end = at + Decoder.packetLength(buffer, at, buffer.length);
      strict.parse(buffer, at, end, MqttVersion.V5);
      byte[] name = strict.topicArray();
      if (last == null || !last.is(name, strict.topicOffset(), strict.topicLength())) {
        last = topics.find(name, strict.topicOffset(), strict.topicLength());
      }
      found += last.hash;
      at = end;
    }
    return found;
  }

  /** Reads all packets without checks. */
  @Benchmark
  @OperationsPerInvocation(PACKETS)
  public int decodeLenient() throws MqttException {
    int found = 0;
    Topic last = null;
    for (int at = 0; at < buffer.length; ) {
      int end = at + LenientPublish.packetLength(buffer, at, buffer.length);
      lenient.parse(buffer, at, end, MqttVersion.V5);
      byte[] name = lenient.topicArray();
      if (last == null || !last.is(name, lenient.topicOffset(), lenient.topicLength())) {
        last = topics.find(name, lenient.topicOffset(), lenient.topicLength());
      }
      found += last.hash;
      at = end;
    }
    return found;
  }

  /** The fields of all packets, with every check. */
  @Benchmark
  @OperationsPerInvocation(PACKETS)
  public int parseStrict() throws MqttException {
    int found = 0;
    for (int at = 0; at < buffer.length; at += packetBytes) {
      strict.parse(buffer, at, at + packetBytes, MqttVersion.V5);
      found += strict.topicLength();
    }
    return found;
  }

  /** The fields of all packets, without checks. */
  @Benchmark
  @OperationsPerInvocation(PACKETS)
  public int parseLenient() {
    int found = 0;
    for (int at = 0; at < buffer.length; at += packetBytes) {
      lenient.parse(buffer, at, at + packetBytes, MqttVersion.V5);
      found += lenient.topicLength();
    }
    return found;
  }

  /** The checks of a topic name that the loop has not met before. */
  @Benchmark
  public String newTopic() {
    return Topics.nameError(topic, 0, topic.length, 16);
  }

  /** Runs this benchmark; takes the options of JMH. */
  public static void main(String[] args) throws Exception {
    new Runner(
            new OptionsBuilder()
                .parent(new CommandLineOptions(args))
                .include(DecodingBench.class.getName())
                .build())
        .run();
  }
}
