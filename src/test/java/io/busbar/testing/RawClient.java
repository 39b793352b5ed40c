package io.busbar.testing;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.mqtt.Decoder;
import io.busbar.mqtt.Encoder;
import io.busbar.mqtt.MqttException;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.Publish;
import io.busbar.mqtt.ReasonCode;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;

/**
 * A client that sends any bytes, over TCP or in WebSocket frames, and reads packets one by one. Not
 * thread-safe, but one thread may read while another writes.
 */
public final class RawClient implements AutoCloseable {
  /** How the bytes travel. */
  public enum Transport {
    TCP,
    WS
  }

  private static final int PATIENCE_MILLIS = 10_000;

  private final Socket socket;
  private final MqttVersion version;
  private final OutputStream out;
  private InputStream in;
  private WebSocketFrames frames;

  private RawClient(MqttVersion version, int port, int receiveBuffer) throws IOException {
    this(version, connect(port, receiveBuffer));
  }

  private RawClient(MqttVersion version, Socket connected) throws IOException {
    this.version = version;
    socket = connected;
    socket.setTcpNoDelay(true);
    socket.setSoTimeout(PATIENCE_MILLIS);
    out = socket.getOutputStream();
    in = new BufferedInputStream(socket.getInputStream());
  }

  private static Socket connect(int port, int receiveBuffer) throws IOException {
    Socket socket = new Socket();
    if (receiveBuffer > 0) {
      socket.setReceiveBufferSize(receiveBuffer);
    }
    socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
    return socket;
  }

  /** A client on a socket that is connected already, such as one of TLS. */
  public static RawClient over(Socket connected, MqttVersion version) throws IOException {
    return new RawClient(version, connected);
  }

  static RawClient bare(MqttVersion version, int port) throws IOException {
    // a small receive buffer lets a client that does not read be felt soon
    return new RawClient(version, port, 8_192);
  }

  static RawClient open(Transport transport, MqttVersion version, int port) throws IOException {
    RawClient client = new RawClient(version, port, 0);
    if (transport == Transport.WS) {
      assertThat(client.upgrade("/mqtt", "mqtt")).isEqualTo(101);
    }
    return client;
  }

  // --- WebSocket ---

  /** Asks for a WebSocket and returns the HTTP status; bytes are in frames from now on if 101. */
  public int upgrade(String path, String subprotocol) throws IOException {
    String offer = subprotocol == null ? "" : "Sec-WebSocket-Protocol: " + subprotocol + "\r\n";
    write(
        ("GET "
                + path
                + " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                + "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                + "Sec-WebSocket-Version: 13\r\n"
                + offer
                + "\r\n")
            .getBytes(StandardCharsets.US_ASCII));
    String head = readHead();
    int status = Integer.parseInt(head.split(" ", 3)[1]);
    if (status == 101) {
      assertThat(head.toLowerCase(Locale.ROOT))
          .contains("sec-websocket-protocol: " + subprotocol)
          .contains("s3pplmbitxaq9kygzzhzrbk+xoo=");
      frames = new WebSocketFrames(in, out);
      in = frames;
    }
    return status;
  }

  /** Reads an HTTP head up to its empty line. */
  public String readHead() throws IOException {
    StringBuilder head = new StringBuilder();
    while (head.indexOf("\r\n\r\n") < 0) {
      int b = in.read();
      if (b < 0) {
        throw new EOFException("instead of a head: " + head);
      }
      head.append((char) b);
    }
    return head.toString();
  }

  /** The frames below, for a client over WebSocket. */
  public WebSocketFrames frames() {
    return frames;
  }

  // --- bytes ---

  /** Sends bytes as they are, over WebSocket as one binary frame. */
  public void send(byte[] bytes) throws IOException {
    if (frames == null) {
      write(bytes);
    } else {
      frames.send(WebSocketFrames.BINARY, true, bytes);
    }
  }

  /** Sends bytes written as hexadecimal digits, blanks allowed. */
  public void send(String hex) throws IOException {
    send(hex(hex));
  }

  /** Sends bytes that may come too late for a server that has closed. */
  public void sendUnlessClosed(byte[] bytes) {
    try {
      send(bytes);
    } catch (IOException e) {
      assertThat(e).isInstanceOf(SocketException.class);
    }
  }

  private void write(byte[] bytes) throws IOException {
    out.write(bytes);
    out.flush();
  }

  /** Bytes of hexadecimal digits. */
  public static byte[] hex(String digits) {
    return HexFormat.of().parseHex(digits.replace(" ", ""));
  }

  /** The bytes that an encoder writes. */
  public static byte[] bytes(Consumer<ByteBuf> encoder) {
    ByteBuf buffer = Unpooled.buffer();
    encoder.accept(buffer);
    return Arrays.copyOf(buffer.array(), buffer.readableBytes());
  }

  /** How long a read may take before it fails, in milliseconds. */
  public void setPatience(int millis) throws SocketException {
    socket.setSoTimeout(millis);
  }

  /** The next whole packet; null when the server has closed the connection. */
  public byte[] readPacket() throws IOException {
    try {
      int first = in.read();
      if (first < 0) {
        return null;
      }
      ByteBuf packet = Unpooled.buffer();
      packet.writeByte(first);
      int length = 0;
      int shift = 0;
      int b;
      do {
        b = in.read();
        packet.writeByte(b);
        length |= (b & 0x7f) << shift;
        shift += 7;
      } while (b >= 0x80);
      packet.writeBytes(in.readNBytes(length));
      return Arrays.copyOf(packet.array(), packet.readableBytes());
    } catch (SocketException e) {
      // reset: the server closed while bytes of ours were on their way
      return null;
    }
  }

  /** The next packet, not a PUBLISH; its reason codes are those of its type. */
  public Packet read() throws IOException {
    byte[] packet = readPacket();
    assertThat(packet).as("a packet, not the end of the connection").isNotNull();
    Packet decoded;
    try {
      decoded = new Decoder().decode(packet, 0, packet.length, version);
    } catch (MqttException e) {
      throw new AssertionError("the server sent " + HexFormat.of().formatHex(packet), e);
    }
    if (v5()) {
      ReasonCodes.check(decoded);
    }
    return decoded;
  }

  /** The next packet, of one kind. */
  public <P extends Packet> P read(Class<P> kind) throws IOException {
    Packet packet = read();
    assertThat(packet).isInstanceOf(kind);
    return kind.cast(packet);
  }

  /** The next packet, a PUBLISH. */
  public Publish readPublish() throws IOException {
    byte[] packet = readPacket();
    assertThat(packet).as("a PUBLISH, not the end of the connection").isNotNull();
    assertThat((packet[0] & 0xff) >> 4)
        .as("packet type of %s", HexFormat.of().formatHex(packet))
        .isEqualTo(Packet.PUBLISH);
    Publish publish = new Publish();
    try {
      publish.parse(packet, 0, packet.length, version);
    } catch (MqttException e) {
      throw new AssertionError("the server sent " + HexFormat.of().formatHex(packet), e);
    }
    return publish;
  }

  /** The next packet is a PUBLISH with this payload. */
  public Publish expectMessage(String payload) throws IOException {
    Publish publish = readPublish();
    assertThat(payload(publish)).isEqualTo(payload);
    return publish;
  }

  /** The payload as text. */
  public static String payload(Publish publish) {
    return new String(
        publish.array(), publish.payloadOffset(), publish.payloadLength(), StandardCharsets.UTF_8);
  }

  /** The server closes without another packet. */
  public void expectClose() throws IOException {
    byte[] packet = readPacket();
    assertThat(packet == null ? "closed" : HexFormat.of().formatHex(packet)).isEqualTo("closed");
  }

  /** The server ends the connection: an MQTT 5 client is told why. */
  public void expectEnd(ReasonCode reason) throws IOException {
    if (version == MqttVersion.V5) {
      assertThat(read(Packet.Disconnect.class).reason()).isEqualTo(reason);
    }
    expectClose();
  }

  /** Nothing has come: the next packet answers a ping. */
  public void expectNothing() throws IOException {
    send(bytes(Encoder::pingreq));
    assertThat(read(Packet.Ping.class).type()).isEqualTo(Packet.PINGRESP);
  }

  // --- well-formed packets ---

  /** The protocol version spoken. */
  public MqttVersion version() {
    return version;
  }

  /** Whether it is MQTT 5. */
  public boolean v5() {
    return version == MqttVersion.V5;
  }

  /** A CONNECT with clean start. */
  public byte[] connectPacket(String clientId, int keepAlive, PropertyWriter properties) {
    return bytes(
        out -> Encoder.connect(out, version, clientId, true, keepAlive, null, null, properties));
  }

  /** A will of a CONNECT; its properties are left out in 3.1.1. */
  public record Will(
      String topic, String payload, int qos, boolean retain, PropertyWriter properties) {
    /** At QoS 0, without properties. */
    public static Will of(String topic, String payload) {
      return new Will(topic, payload, 0, false, new PropertyWriter());
    }
  }

  /** A CONNECT with or without clean start, and with a will or null. */
  public byte[] connectPacket(
      String clientId, boolean cleanStart, PropertyWriter properties, Will will) {
    return connectPacket(clientId, cleanStart, properties, will, null);
  }

  /** The same, with a user name or null. */
  public byte[] connectPacket(
      String clientId, boolean cleanStart, PropertyWriter properties, Will will, String user) {
    ByteBuf body = Unpooled.buffer();
    prefixed(body, "MQTT");
    body.writeByte(version.level());
    int flags = (cleanStart ? 0x02 : 0) | (user == null ? 0 : 0x80);
    if (will != null) {
      flags |= 0x04 | (will.qos << 3) | (will.retain ? 0x20 : 0);
    }
    body.writeByte(flags);
    body.writeShort(0);
    properties(body, properties);
    prefixed(body, clientId);
    if (will != null) {
      properties(body, will.properties);
      prefixed(body, will.topic);
      prefixed(body, will.payload);
    }
    if (user != null) {
      prefixed(body, user);
    }
    return bytes(
        out -> {
          out.writeByte(0x10);
          int length = body.readableBytes();
          while (length >= 0x80) {
            out.writeByte((length & 0x7f) | 0x80);
            length >>>= 7;
          }
          out.writeByte(length);
          out.writeBytes(body);
        });
  }

  private void properties(ByteBuf out, PropertyWriter properties) {
    if (v5()) {
      // as SUBSCRIBE writes them, after its first four bytes
      byte[] packet = bytes(b -> Encoder.suback(b, MqttVersion.V5, 0, List.of(), properties));
      int at = 1;
      while (packet[at] < 0) {
        at++;
      }
      out.writeBytes(packet, at + 3, packet.length - at - 3);
    }
  }

  private static void prefixed(ByteBuf out, String text) {
    byte[] utf8 = utf8(text);
    out.writeShort(utf8.length);
    out.writeBytes(utf8);
  }

  /** Connects without clean start, with a session expiry interval in MQTT 5, and is let in. */
  public Packet.Connack resume(String clientId, long expirySeconds) throws IOException {
    return resume(clientId, expirySeconds, null);
  }

  /** The same with a will. */
  public Packet.Connack resume(String clientId, long expirySeconds, Will will) throws IOException {
    PropertyWriter properties =
        new PropertyWriter().number(Property.SESSION_EXPIRY_INTERVAL, expirySeconds);
    send(connectPacket(clientId, false, properties, will));
    Packet.Connack connack = read(Packet.Connack.class);
    assertThat(connack.code()).as("code of CONNACK").isZero();
    return connack;
  }

  /** Connects and is let in. */
  public Packet.Connack connect(String clientId) throws IOException {
    return connect(clientId, new PropertyWriter());
  }

  /** Connects and is let in. */
  public Packet.Connack connect(String clientId, PropertyWriter properties) throws IOException {
    send(connectPacket(clientId, 0, properties));
    Packet.Connack connack = read(Packet.Connack.class);
    assertThat(connack.code()).as("code of CONNACK").isZero();
    assertThat(connack.sessionPresent()).isFalse();
    return connack;
  }

  /** Subscribes and returns the reason code of the one filter. */
  public int subscribe(String filter, int qos) throws IOException {
    return subscribe(new Packet.Filter(utf8(filter), qos, false, false, 0)).codes().get(0);
  }

  /** Subscribes and returns the SUBACK. */
  public Packet.Suback subscribe(Packet.Filter... filters) throws IOException {
    send(subscribePacket(List.of(filters), new PropertyWriter()));
    return read(Packet.Suback.class);
  }

  /** A SUBSCRIBE with packet identifier 7. */
  public byte[] subscribePacket(List<Packet.Filter> filters, PropertyWriter properties) {
    return bytes(out -> Encoder.subscribe(out, version, 7, filters, properties));
  }

  /** Unsubscribes and returns the UNSUBACK. */
  public Packet.Suback unsubscribe(List<String> filters) throws IOException {
    send(bytes(out -> Encoder.unsubscribe(out, version, 8, filters, new PropertyWriter())));
    return read(Packet.Suback.class);
  }

  /** Retains a message at QoS 1, and the next packet is its PUBACK. */
  public ReasonCode retain(String topic, String payload, PropertyWriter properties)
      throws IOException {
    byte[] packet = publishPacket(topic, 1, 9, payload, properties);
    packet[0] |= 0x01;
    send(packet);
    return read(Packet.Ack.class).reason();
  }

  /** Retains a message at QoS 1, and the next packet is its PUBACK. */
  public ReasonCode retain(String topic, String payload) throws IOException {
    return retain(topic, payload, new PropertyWriter());
  }

  /** Publishes at QoS 2 to the end of the exchange; the reason of the PUBREC. */
  public ReasonCode publishExactly(String topic, String payload, int id) throws IOException {
    send(publishPacket(topic, 2, id, payload, new PropertyWriter()));
    Packet.Ack received = expectAck(Packet.PUBREC, id);
    if (!received.reason().isError()) {
      sendAck(Packet.PUBREL, id);
      assertThat(expectAck(Packet.PUBCOMP, id).reason()).isEqualTo(ReasonCode.SUCCESS);
    }
    return received.reason();
  }

  /** The next packet is this acknowledgement. */
  public Packet.Ack expectAck(int type, int id) throws IOException {
    Packet.Ack ack = read(Packet.Ack.class);
    assertThat(ack.type()).as("type of the acknowledgement").isEqualTo(type);
    assertThat(ack.packetId()).isEqualTo(id);
    return ack;
  }

  /** Takes a QoS 2 message to the end of the exchange. */
  public void complete(Publish message) throws IOException {
    int id = message.packetId();
    sendAck(Packet.PUBREC, id);
    expectAck(Packet.PUBREL, id);
    sendAck(Packet.PUBCOMP, id);
  }

  /** A PUBLISH. */
  public byte[] publishPacket(
      String topic, int qos, int id, String payload, PropertyWriter properties) {
    return bytes(out -> Encoder.publish(out, version, topic, qos, id, utf8(payload), properties));
  }

  /** Publishes at QoS 0. */
  public void publish(String topic, String payload) throws IOException {
    send(publishPacket(topic, 0, 0, payload, new PropertyWriter()));
  }

  /** Publishes at QoS 1, and the next packet is its PUBACK. */
  public ReasonCode publishAcked(String topic, String payload) throws IOException {
    return publishAcked(topic, payload, new PropertyWriter()).reason();
  }

  /** Publishes at QoS 1, and the next packet is its PUBACK. */
  public Packet.Ack publishAcked(String topic, String payload, PropertyWriter properties)
      throws IOException {
    send(publishPacket(topic, 1, 9, payload, properties));
    Packet.Ack ack = read(Packet.Ack.class);
    assertThat(ack.type()).isEqualTo(Packet.PUBACK);
    assertThat(ack.packetId()).isEqualTo(9);
    return ack;
  }

  /** Acknowledges a message. */
  public void puback(Publish message) throws IOException {
    sendAck(Packet.PUBACK, message.packetId());
  }

  /** Sends PUBACK, PUBREC, PUBREL or PUBCOMP. */
  public void sendAck(int type, int id) throws IOException {
    send(bytes(out -> Encoder.ack(out, version, type, id, ReasonCode.SUCCESS)));
  }

  /** A string's bytes. */
  public static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
