package io.busbar.mqtt;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.mqtt.MqttDecoder;
import io.netty.handler.codec.mqtt.MqttEncoder;
import io.netty.handler.codec.mqtt.MqttPublishMessage;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.options.CommandLineOptions;
import org.openjdk.jmh.runner.options.OptionsBuilder;

/**
 * A PUBLISH of 64 bytes of payload, read and written, by us and by Netty's codec. Netty's goes
 * through a channel without a socket, as there is no other way to it.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class CodecBench {
  /** Version and properties of the packet. */
  public enum Form {
    V4(MqttVersion.V3_1_1),
    V5(MqttVersion.V5);

    final MqttVersion version;

    Form(MqttVersion version) {
      this.version = version;
    }
  }

  @Param Form form;

  @Param({"0", "1"})
  int qos;

  private final Publish publish = new Publish();
  private byte[] packet;
  private ByteBuf netty;
  private ByteBuf out;
  private EmbeddedChannel decoder;
  private EmbeddedChannel encoder;
  private MqttPublishMessage message;

  /** Makes the packet and tells Netty's codecs the version. */
  @Setup
  public void setUp() throws MqttException {
    ByteBuf made = Unpooled.buffer();
    PropertyWriter properties =
        new PropertyWriter()
            .number(Property.MESSAGE_EXPIRY_INTERVAL, 60)
            .string(Property.CONTENT_TYPE, "application/json")
            .user("site", "north");
    Encoder.publish(
        made, form.version, "plant/7/line/3/temperature", qos, 7, new byte[64], properties);
    packet = new byte[made.readableBytes()];
    made.readBytes(packet);
    netty = Unpooled.wrappedBuffer(packet);
    out = PooledByteBufAllocator.DEFAULT.directBuffer(1024);
    decoder = new EmbeddedChannel(new MqttDecoder(1 << 20, 65_535));
    encoder = new EmbeddedChannel(new MqttDecoder(1 << 20, 65_535), MqttEncoder.INSTANCE);
    for (EmbeddedChannel channel : new EmbeddedChannel[] {decoder, encoder}) {
      byte[] none = form == Form.V5 ? new byte[1] : new byte[0];
      channel.writeInbound(
          Unpooled.wrappedBuffer(
              Packets.packet(
                  0x10, Packets.connectHead(form.version, 2), none, Packets.string("id"))));
      channel.readInbound();
    }
    decoder.writeInbound(netty.retainedDuplicate());
    message = decoder.readInbound();
    publish.parse(packet, 0, packet.length, form.version);
  }

  /** Reads in place. */
  @Benchmark
  public int parse() throws MqttException {
    publish.parse(packet, 0, packet.length, form.version);
    return publish.payloadLength();
  }

  /** Reads by Netty. */
  @Benchmark
  public int parseNetty() {
    decoder.writeInbound(netty.retainedDuplicate());
    MqttPublishMessage read = decoder.readInbound();
    int length = read.payload().readableBytes();
    read.release();
    return length;
  }

  /** Writes for a receiver of the same version and QoS. */
  @Benchmark
  public int write() {
    out.clear();
    return publish.write(out, form.version, qos);
  }

  /** Writes for a receiver of the same version and another QoS. */
  @Benchmark
  public int writeOtherQos() {
    out.clear();
    return publish.write(out, form.version, 1 - qos);
  }

  /** Writes by Netty. */
  @Benchmark
  public int writeNetty() {
    encoder.writeOutbound(message.retainedDuplicate());
    int length = 0;
    for (ByteBuf part = encoder.readOutbound(); part != null; part = encoder.readOutbound()) {
      length += part.readableBytes();
      part.release();
    }
    return length;
  }

  /** Runs this benchmark; takes the options of JMH. */
  public static void main(String[] args) throws Exception {
    new Runner(
            new OptionsBuilder()
                .parent(new CommandLineOptions(args))
                .include(CodecBench.class.getName())
                .build())
        .run();
  }
}
