package io.busbar.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.testing.Await;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.DataInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What the clients send, byte by byte, to a peer that follows a script, and what they note. */
@Timeout(60)
class ClientsIT {
  private static final long RUN = 42;

  private ServerSocket listener;
  private Loop loop;
  private final List<Sent> sent = new ArrayList<>();

  @BeforeEach
  void open() throws IOException {
    listener = new ServerSocket(0, 5, InetAddress.getLoopbackAddress());
    loop = new Loop();
  }

  @AfterEach
  void close() throws IOException {
    loop.close();
    listener.close();
  }

  /** A packet: its first byte, and what follows the fixed header. */
  private record Packet(int first, ByteBuf body) {
    int type() {
      return first >> 4;
    }

    boolean dup() {
      return (first & 8) != 0;
    }

    int packetId() {
      return body.getUnsignedShort(type() == Wire.PUBLISH ? 2 + body.getUnsignedShort(0) : 0);
    }

    /** Of a PUBLISH without properties. */
    int sequence() {
      int payload = 2 + body.getUnsignedShort(0) + 3;
      return Message.of(RUN, body.slice(payload, body.writerIndex() - payload)).sequence();
    }
  }

  /** The broker's end of one connection. */
  private static final class Peer implements AutoCloseable {
    final Socket socket;
    final DataInputStream in;

    Peer(Socket socket) throws IOException {
      this.socket = socket;
      in = new DataInputStream(socket.getInputStream());
    }

    Packet read() throws IOException {
      final int first = in.readUnsignedByte();
      int length = 0;
      int shift = 0;
      int b;
      do {
        b = in.readUnsignedByte();
        length |= (b & 0x7f) << shift;
        shift += 7;
      } while (b > 0x7f);
      byte[] body = new byte[length];
      in.readFully(body);
      return new Packet(first, Unpooled.wrappedBuffer(body));
    }

    Packet read(int type) throws IOException {
      Packet packet = read();
      assertThat(packet.type()).isEqualTo(type);
      return packet;
    }

    void send(int... bytes) throws IOException {
      ByteBuf out = Unpooled.buffer();
      for (int b : bytes) {
        out.writeByte(b);
      }
      send(out);
    }

    void send(ByteBuf out) throws IOException {
      out.readBytes(socket.getOutputStream(), out.readableBytes());
    }

    void ack(int type, int packetId) throws IOException {
      ByteBuf out = Unpooled.buffer();
      Wire.ack(out, type, packetId, 0);
      send(out);
    }

    void publish(String topic, int qos, boolean dup, int packetId, Message message)
        throws IOException {
      ByteBuf out = Unpooled.buffer();
      Wire.publish(out, topic, qos, dup, false, packetId, message.payload());
      send(out);
    }

    @Override
    public void close() throws IOException {
      socket.close();
    }
  }

  /** The next connection, let in; Clean Start must be 0. */
  private Peer accept(boolean sessionPresent) throws IOException {
    Peer peer = new Peer(listener.accept());
    Packet connect = peer.read(1);
    assertThat(connect.body.getByte(7) & 0x02).as("Clean Start").isZero();
    peer.send(0x20, 3, sessionPresent ? 1 : 0, 0, 0);
    return peer;
  }

  private List<InetSocketAddress> nodes() {
    return List.of((InetSocketAddress) listener.getLocalSocketAddress());
  }

  private Publisher publisher(int qos, int window) {
    sent.add(new Sent("kill/0/0", qos));
    Publisher publisher = new Publisher(loop, "p", nodes(), 0, RUN, 0, sent, window, new Rate(0));
    start(publisher);
    publisher.publish(true);
    return publisher;
  }

  private void start(Client client) {
    loop.call(
        () -> {
          loop.add(client);
          client.come();
          return null;
        });
  }

  private boolean isAcknowledged(int sequence) {
    return loop.call(() -> sent.get(0).acknowledged().get(sequence));
  }

  @Test
  void aPublisherRepeatsWhatIsUnacknowledgedInOrderUnderTheSameIdsWithDup() throws IOException {
    publisher(1, 4);
    List<Integer> ids = new ArrayList<>();
    try (Peer peer = accept(false)) {
      for (int i = 0; i < 4; i++) {
        Packet publish = peer.read(Wire.PUBLISH);
        assertThat(publish.dup()).isFalse();
        assertThat(publish.sequence()).isEqualTo(i);
        ids.add(publish.packetId());
      }
      peer.ack(Wire.PUBACK, ids.remove(1));
      assertThat(peer.read(Wire.PUBLISH).sequence()).as("the window moves on").isEqualTo(4);
    }
    try (Peer peer = accept(true)) {
      int[] expected = {0, 2, 3, 4};
      for (int i = 0; i < expected.length; i++) {
        Packet publish = peer.read(Wire.PUBLISH);
        assertThat(publish.dup()).isTrue();
        assertThat(publish.sequence()).isEqualTo(expected[i]);
        if (i < ids.size()) {
          assertThat(publish.packetId()).isEqualTo(ids.get(i));
        }
      }
    }
    assertThat(isAcknowledged(1)).isTrue();
    assertThat(isAcknowledged(0)).isFalse();
    assertThat(loop.<Integer>call(() -> sent.get(0).repeats(2))).isEqualTo(1);
    assertThat(loop.<Integer>call(() -> sent.get(0).repeats(1))).isZero();
  }

  @Test
  void atQos2PubrecAcknowledgesAndOnlyPubrelFollows() throws IOException {
    Publisher publisher = publisher(2, 1);
    int packetId;
    try (Peer peer = accept(false)) {
      packetId = peer.read(Wire.PUBLISH).packetId();
      peer.ack(Wire.PUBREC, packetId);
      assertThat(peer.read(Wire.PUBREL).packetId()).isEqualTo(packetId);
      assertThat(isAcknowledged(0)).isTrue();
    }
    try (Peer peer = accept(true)) {
      assertThat(peer.read(Wire.PUBREL).packetId()).isEqualTo(packetId);
      peer.ack(Wire.PUBCOMP, packetId);
      assertThat(peer.read(Wire.PUBLISH).sequence()).isEqualTo(1);
      publisher.publish(false);
    }
  }

  @Test
  void aPublisherWhoseSessionIsGoneForgetsWhatWasInFlight() throws IOException {
    Publisher publisher = publisher(1, 2);
    try (Peer peer = accept(false)) {
      peer.read(Wire.PUBLISH);
      peer.read(Wire.PUBLISH);
    }
    try (Peer peer = accept(false)) {
      Packet publish = peer.read(Wire.PUBLISH);
      assertThat(publish.dup()).isFalse();
      assertThat(publish.sequence()).isEqualTo(2);
    }
    assertThat(loop.<Long>call(publisher::abandoned)).isGreaterThanOrEqualTo(2);
    assertThat(loop.<Integer>call(publisher::sessionsLost)).isEqualTo(1);
  }

  @Test
  void anAnswerToNothingIsNoted() throws IOException {
    Publisher publisher = publisher(1, 1);
    try (Peer peer = accept(false)) {
      int packetId = peer.read(Wire.PUBLISH).packetId();
      peer.ack(Wire.PUBACK, packetId + 7);
      Await.until(
          "it is noted",
          () -> loop.call(() -> publisher.foreign().size() == 1),
          () -> loop.call(publisher::foreign));
    }
  }

  @Test
  void aSubscriberTakesAQos2MessageOnceUntilItIsReleased() throws IOException {
    sent.add(new Sent("kill/0/0", 2));
    Subscriber subscriber =
        new Subscriber(loop, Subscriber.Habit.ONLINE, Subscriber.FILTER, nodes(), 0, RUN, sent, 1);
    start(subscriber);
    Message message = new Message(RUN, 0, 5);
    try (Peer peer = accept(false)) {
      peer.read(8);
      peer.send(0x90, 4, 0, 1, 0, 2);
      peer.publish("kill/0/0", 2, false, 9, message);
      assertThat(peer.read(Wire.PUBREC).packetId()).isEqualTo(9);
    }
    try (Peer peer = accept(true)) {
      peer.publish("kill/0/0", 2, true, 9, message);
      assertThat(peer.read(Wire.PUBREC).packetId()).isEqualTo(9);
      assertThat(loop.<Integer>call(() -> subscriber.heard().get(0).count())).isEqualTo(1);
      peer.ack(Wire.PUBREL, 9);
      assertThat(peer.read(Wire.PUBCOMP).packetId()).isEqualTo(9);
      peer.publish("kill/0/0", 2, true, 9, message);
      peer.read(Wire.PUBREC);
      assertThat(loop.<Integer>call(() -> subscriber.heard().get(0).count())).isEqualTo(2);
      peer.publish("kill/0/0", 2, false, 9, new Message(RUN, 0, 6));
      peer.read(Wire.PUBREC);
      assertThat(loop.<Long>call(subscriber::foreigners)).as("under an id in use").isEqualTo(1);
    }
  }

  @Test
  void aSubscriberNotesEachQos1ArrivalWithItsConnectionAndDup() throws IOException {
    sent.add(new Sent("kill/0/0", 1));
    Subscriber subscriber =
        new Subscriber(loop, Subscriber.Habit.ONLINE, Subscriber.FILTER, nodes(), 0, RUN, sent, 1);
    start(subscriber);
    Message message = new Message(RUN, 0, 5);
    try (Peer peer = accept(false)) {
      peer.read(8);
      peer.send(0x90, 4, 0, 1, 0, 2);
      peer.publish("kill/0/0", 1, false, 9, message);
      peer.read(Wire.PUBACK);
    }
    try (Peer peer = accept(true)) {
      peer.publish("kill/0/0", 1, true, 9, message);
      peer.read(Wire.PUBACK);
      peer.publish("kill/0/1", 1, false, 9, message);
      peer.read(Wire.PUBACK);
    }
    Heard heard = subscriber.heard().get(0);
    assertThat(heard.count()).isEqualTo(2);
    assertThat(List.of(heard.sequence(0), heard.connection(0))).containsExactly(5, 1);
    assertThat(List.of(heard.sequence(1), heard.connection(1))).containsExactly(5, 2);
    assertThat(heard.dup(0)).isFalse();
    assertThat(heard.dup(1)).isTrue();
    assertThat(loop.<Long>call(subscriber::foreigners)).isEqualTo(1);
  }
}
