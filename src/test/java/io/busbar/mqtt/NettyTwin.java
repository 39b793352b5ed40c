package io.busbar.mqtt;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.mqtt.MqttDecoder;
import io.netty.handler.codec.mqtt.MqttEncoder;
import io.netty.handler.codec.mqtt.MqttMessage;
import io.netty.util.ReferenceCountUtil;

/** Netty's MQTT codec as an independent reader and writer of the same packets. */
final class NettyTwin {
  private final EmbeddedChannel channel =
      new EmbeddedChannel(new MqttDecoder(1 << 20, 65_535), MqttEncoder.INSTANCE);

  /** A codec that has seen a CONNECT of the version, as it must to know it. */
  NettyTwin(MqttVersion version) {
    byte[] none = version == MqttVersion.V5 ? new byte[1] : new byte[0];
    ReferenceCountUtil.release(
        decode(Packets.packet(0x10, Packets.connectHead(version, 2), none, Packets.string("id"))));
  }

  /** Reads one packet; PUBLISH is to be released by the caller. */
  MqttMessage decode(byte[] packet) {
    return decode(Unpooled.wrappedBuffer(packet));
  }

  /** Reads one packet and releases it. */
  MqttMessage decode(ByteBuf packet) {
    channel.writeInbound(packet);
    MqttMessage message = channel.readInbound();
    if (message == null || channel.inboundMessages().size() > 0) {
      throw new AssertionError("not one packet: " + message);
    }
    if (message.decoderResult().isFailure()) {
      throw new AssertionError("Netty cannot read it", message.decoderResult().cause());
    }
    return message;
  }

  /** Writes one packet. */
  byte[] encode(MqttMessage message) {
    channel.writeOutbound(message);
    ByteBuf out = Unpooled.buffer();
    for (ByteBuf part = channel.readOutbound(); part != null; part = channel.readOutbound()) {
      out.writeBytes(part);
      part.release();
    }
    return ByteBufUtil.getBytes(out);
  }
}
