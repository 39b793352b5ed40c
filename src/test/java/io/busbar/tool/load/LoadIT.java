package io.busbar.tool.load;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.ByteToMessageDecoder;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

/** The command against a peer that spoils every 100th message in a known way. */
class LoadIT {
  private enum Fault {
    NONE,
    DROP,
    DOUBLE,
    SWAP
  }

  private EventLoopGroup group;
  private Channel server;
  private volatile Fault fault = Fault.NONE;

  @BeforeEach
  void start() throws InterruptedException {
    group = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
    Map<String, Channel> subscribers = new HashMap<>();
    server =
        new ServerBootstrap()
            .group(group)
            .channel(NioServerSocketChannel.class)
            .childHandler(
                new ChannelInitializer<>() {
                  @Override
                  protected void initChannel(Channel channel) {
                    channel.pipeline().addLast(new Relay(subscribers));
                  }
                })
            .bind(InetAddress.getLoopbackAddress(), 0)
            .sync()
            .channel();
  }

  @AfterEach
  void stop() throws InterruptedException {
    group.shutdownGracefully(0, 1, java.util.concurrent.TimeUnit.SECONDS).sync();
  }

  /** Copies MQTT 3.1.1 QoS 1 messages to the topic's subscriber, with the fault at each 100th. */
  private final class Relay extends ByteToMessageDecoder {
    private final Map<String, Channel> subscribers;
    private long relayed;
    private ByteBuf held = Unpooled.EMPTY_BUFFER;

    Relay(Map<String, Channel> subscribers) {
      this.subscribers = subscribers;
    }

    @Override
    protected void decode(ChannelHandlerContext ctx, ByteBuf in, List<Object> out) {
      // Every packet of this test is below 128 bytes: one length byte.
      if (in.readableBytes() < 2 || in.readableBytes() < 2 + in.getByte(in.readerIndex() + 1)) {
        return;
      }
      ByteBuf packet = in.readBytes(2 + in.getByte(in.readerIndex() + 1));
      switch (packet.getUnsignedByte(0) >>> 4) {
        case 1 -> answer(ctx, 0x20, 2, 0, 0);
        case 8 -> {
          subscribers.put(string(packet, 4), ctx.channel());
          answer(ctx, 0x90, 3, packet.getByte(2), packet.getByte(3), 1);
        }
        case 3 -> {
          String topic = string(packet, 2);
          int id = 4 + topic.length();
          answer(ctx, 0x40, 2, packet.getByte(id), packet.getByte(id + 1));
          relay(subscribers.get(topic), packet.retain());
        }
        case 14 -> ctx.close();
        default -> {}
      }
      packet.release();
    }

    private void relay(Channel to, ByteBuf publish) {
      boolean spoilt = ++relayed % 100 == 0;
      if (spoilt && fault == Fault.DROP) {
        publish.release();
      } else if (spoilt && fault == Fault.DOUBLE) {
        to.write(publish.retainedDuplicate());
        to.writeAndFlush(publish);
      } else if (spoilt && fault == Fault.SWAP) {
        held = publish;
      } else {
        to.write(publish);
        to.writeAndFlush(held);
        held = Unpooled.EMPTY_BUFFER;
      }
    }

    private void answer(ChannelHandlerContext ctx, int... bytes) {
      ByteBuf answer = ctx.alloc().buffer();
      for (int b : bytes) {
        answer.writeByte(b);
      }
      ctx.writeAndFlush(answer);
    }

    private String string(ByteBuf packet, int at) {
      return packet.toString(at + 2, packet.getUnsignedShort(at), StandardCharsets.UTF_8);
    }
  }

  private record Outcome(int code, Map<String, Double> figures) {}

  private Outcome run(Fault fault, String... more) throws IOException {
    this.fault = fault;
    StringWriter out = new StringWriter();
    CommandLine command = Load.command();
    command.setOut(new PrintWriter(out));
    int port = ((InetSocketAddress) server.localAddress()).getPort();
    String line =
        "p2p --pairs 3 --qos 1 --mqtt 4 --rate 2000 --warm-up 0 --seconds 1 --json --target "
            + port;
    int code = command.execute(line.concat(" " + String.join(" ", more)).trim().split(" "));
    Map<String, Double> figures = new HashMap<>();
    try (JsonParser json = new JsonFactory().createParser(out.toString())) {
      while (json.nextToken() != null) {
        if (json.currentToken().isNumeric()) {
          figures.put(json.currentName(), json.getDoubleValue());
        } else {
          assertThat(json.currentToken()).isNotEqualTo(JsonToken.START_ARRAY);
        }
      }
    }
    return new Outcome(code, figures);
  }

  @Test
  void aFaultlessPeer_isFoundFaultless() throws IOException {
    Outcome outcome = run(Fault.NONE);
    assertThat(outcome.code).isZero();
    assertThat(outcome.figures)
        .containsEntry("sent", 2000.0)
        .containsEntry("acknowledged", 2000.0)
        .containsEntry("received", 2000.0)
        .containsEntry("lost", 0.0)
        .containsEntry("duplicated", 0.0)
        .containsEntry("reordered", 0.0)
        .containsEntry("foreign", 0.0);
  }

  // 2,000 messages over three pairs are 667, 667 and 666: six in each stream are spoilt.

  @Test
  void lossOfAcknowledgedMessagesIsCountedAndFailsTheRun() throws IOException {
    Outcome outcome = run(Fault.DROP);
    assertThat(outcome.code).isEqualTo(1);
    assertThat(outcome.figures)
        .containsEntry("lost", 18.0)
        .containsEntry("lost_acknowledged", 18.0);
  }

  @Test
  void duplicatesAreCounted() throws IOException {
    Outcome outcome = run(Fault.DOUBLE);
    assertThat(outcome.figures)
        .containsEntry("duplicated", 18.0)
        .containsEntry("received", 2000.0)
        .containsEntry("lost", 0.0);
  }

  @Test
  void reorderingIsCounted() throws IOException {
    Outcome outcome = run(Fault.SWAP);
    assertThat(outcome.figures).containsEntry("reordered", 18.0).containsEntry("lost", 0.0);
  }

  @Test
  void anythingButThisMachineIsRefusedInOneLine() {
    StringWriter err = new StringWriter();
    CommandLine command = Load.command();
    command.setErr(new PrintWriter(err));
    assertThat(command.execute("p2p", "--target", "mqtt://192.0.2.1")).isEqualTo(2);
    assertThat(err.toString().lines()).singleElement().asString().contains("loopback");
  }
}
