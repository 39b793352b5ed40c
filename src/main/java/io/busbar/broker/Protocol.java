package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.config.Limit;
import io.busbar.mqtt.Decoder;
import io.busbar.mqtt.Encoder;
import io.busbar.mqtt.MqttException;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.Publish;
import io.busbar.mqtt.ReasonCode;
import io.busbar.policy.Permit;
import io.busbar.session.Acks;
import io.busbar.session.TopicAliases;
import io.busbar.telemetry.Loss;
import io.busbar.telemetry.Meter;
import io.netty.buffer.ByteBufUtil;
import java.util.Locale;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a device's packets mean, from CONNECT to DISCONNECT: checks them, asks the verticles that
 * decide, and tells the {@link Connection} what to send. PUBLISH is answered here and now; the
 * opening is {@link Opening}'s, subscriptions are {@link Subscriptions}'.
 */
final class Protocol {
  private static final Logger LOG = LoggerFactory.getLogger(Connection.class);

  /** How many topics a connection remembers that it may publish to; a power of two. */
  private static final int REMEMBERED = 8;

  /** What may come next from the device. */
  private enum State {
    NEW,
    OPENING,
    OPEN
  }

  final Connection connection;
  final Loop loop;
  final Broker broker;
  final String remote;
  private State state = State.NEW;
  private MqttVersion version = MqttVersion.V3_1_1;
  private String endReason = "connection_lost";

  private Opening opening;
  private Bus.Publisher publisher;
  private Permit permit;
  private boolean problemInformation = true;
  private long silence = Long.MAX_VALUE;
  private TopicAliases aliases;
  private Subscriptions subscriptions;
  private final Acks acks = new Acks();
  private Topic lastTopic;
  private Topic[] permitted;

  Protocol(Connection connection, Loop loop, String remote) {
    this.connection = connection;
    this.loop = loop;
    this.broker = loop.broker;
    this.remote = remote;
  }

  // --- framing ---

  /** Whether packets are handled now; while a CONNECT is being judged they wait. */
  boolean isReady() {
    return state != State.OPENING;
  }

  boolean isOpen() {
    return state == State.OPEN;
  }

  /**
   * Judges a packet by its first byte and length, before its bytes have come.
   *
   * @param length of the whole packet, or {@link Decoder#INCOMPLETE}
   */
  void admit(byte first, int length, int arrived) throws MqttException {
    Limit limit = Limit.PACKET_BYTES;
    if (state == State.NEW) {
      if ((first & 0xf0) >> 4 != Packet.CONNECT) {
        throw new MqttException(
            ReasonCode.PROTOCOL_ERROR, "the first packet is not CONNECT [MQTT-3.1.0-1]");
      }
      limit = Limit.CONNECT_BYTES;
    }
    if (length > broker.limits.get(limit)) {
      throw new MqttException(
          ReasonCode.PACKET_TOO_LARGE,
          "packet has %d bytes (allowed: %s = %d)"
              .formatted(length, limit.key(), broker.limits.get(limit)));
    }
  }

  /** Handles a whole packet. */
  void packet(byte[] buffer, int start, int end) throws MqttException {
    int type = (buffer[start] & 0xf0) >> 4;
    if (type == Packet.PUBLISH && state == State.OPEN) {
      publish(buffer, start, end);
      return;
    }
    Packet packet = loop.decoder.decode(buffer, start, end, version);
    if (state == State.NEW) {
      Packet.Connect connect = (Packet.Connect) packet;
      version = connect.version();
      state = State.OPENING;
      connection.pause(Connection.Pause.OPENING);
      opening = new Opening(this, connect);
      opening.begin();
      return;
    }
    if (packet instanceof Packet.Ack ack) {
      ack(ack);
    } else if (packet instanceof Packet.Subscribe subscribe) {
      subscriptions.subscribe(subscribe);
    } else if (packet instanceof Packet.Unsubscribe unsubscribe) {
      subscriptions.unsubscribe(unsubscribe);
    } else if (packet instanceof Packet.Ping ping && ping.type() == Packet.PINGREQ) {
      Encoder.pingresp(connection.out());
    } else if (packet instanceof Packet.Disconnect disconnect) {
      if (disconnect.properties().number(Property.SESSION_EXPIRY_INTERVAL, 0) > 0) {
        // every session here was opened with an interval of 0
        throw new MqttException(
            ReasonCode.PROTOCOL_ERROR,
            "DISCONNECT raises the session expiry interval from 0 [MQTT-3.14.2-2]");
      }
      endReason = "client_disconnect";
      connection.end();
    } else {
      throw new MqttException(
          ReasonCode.PROTOCOL_ERROR, "a client may not send packet type " + type + " now");
    }
  }

  // --- PUBLISH ---

  private void publish(byte[] buffer, int start, int end) throws MqttException {
    Publish publish = loop.publish;
    publish.parse(buffer, start, end, version);
    int qos = publish.qos();
    if (qos > 1) {
      throw new MqttException(
          ReasonCode.QOS_NOT_SUPPORTED, "PUBLISH with QoS 2 (allowed: 0 and 1)");
    }
    if (publish.retain()) {
      throw new MqttException(
          ReasonCode.RETAIN_NOT_SUPPORTED, "PUBLISH with RETAIN, which is not available");
    }
    if (qos > 0 && publish.packetId() == 0) {
      throw new MqttException(ReasonCode.PROTOCOL_ERROR, "packet identifier is 0 [MQTT-2.2.1-3]");
    }
    if (publish.userPropertiesBytes() > broker.limits.get(Limit.USER_PROPERTIES_BYTES)) {
      throw new MqttException(
          ReasonCode.QUOTA_EXCEEDED,
          "user properties have %d bytes (allowed: %s = %d)"
              .formatted(
                  publish.userPropertiesBytes(),
                  Limit.USER_PROPERTIES_BYTES.key(),
                  broker.limits.get(Limit.USER_PROPERTIES_BYTES)));
    }
    aliases.apply(publish);
    byte[] name = publish.topicArray();
    int at = publish.topicOffset();
    int length = publish.topicLength();
    Topic topic = lastTopic;
    if (topic == null || !topic.is(name, at, length)) {
      topic = loop.topics.find(name, at, length);
      lastTopic = topic;
    }
    loop.counters.received[qos]++;
    if (!isPermitted(topic)) {
      denied(publish, topic);
      return;
    }
    if (qos == 1 && acks.size() >= broker.limits.get(Limit.RECEIVE_MAXIMUM)) {
      throw new MqttException(
          ReasonCode.RECEIVE_MAXIMUM_EXCEEDED,
          "%d messages wait for their PUBACK (allowed: %s)"
              .formatted(acks.size() + 1, broker.limits.get(Limit.RECEIVE_MAXIMUM)));
    }
    Route route = loop.route(topic);
    if (route.isEmpty()) {
      loop.counters.lost(Loss.NO_SUBSCRIBER, 1);
    }
    Acks.Ack waiting = null;
    if (qos == 1 && route.nodes.length > 0) {
      waiting = acks.owe(publish.packetId(), ReasonCode.SUCCESS);
    }
    int packetId = publish.packetId();
    loop.dispatch(publish, route, connection, waiting);
    if (qos == 1 && waiting == null) {
      acknowledge(
          packetId, route.isEmpty() ? ReasonCode.NO_MATCHING_SUBSCRIBERS : ReasonCode.SUCCESS);
    }
  }

  private void acknowledge(int packetId, ReasonCode reason) {
    if (acks.isEmpty()) {
      Encoder.ack(connection.out(), version, Packet.PUBACK, packetId, reason);
    } else {
      acks.owe(packetId, reason);
    }
  }

  void sendAcks() {
    acks.settle(connection::ack);
  }

  private boolean isPermitted(Topic topic) {
    int place = topic.hash & (REMEMBERED - 1);
    if (permitted == null) {
      permitted = new Topic[REMEMBERED];
    }
    if (permitted[place] == topic) {
      return true;
    }
    // topics that begin with $ are the server's own (section 4.7.2)
    if (topic.name[0] != '$' && permit.mayPublish(topic.name, 0, topic.name.length)) {
      permitted[place] = topic;
      return true;
    }
    return false;
  }

  private void denied(Publish publish, Topic topic) throws MqttException {
    String name = publish.topic();
    String why =
        topic.name[0] == '$'
            ? "topics that begin with $ are the server's own"
            : permit.whyNotPublish(name).orElse("denied");
    loop.counters.lost(Loss.NOT_AUTHORIZED, 1);
    broker.telemetry.count(Meter.DENIALS, "publish");
    loop.limitedLog.warn(
        "publish denied: client={} topic={} reason={}", publisher.authenticationName(), name, why);
    if (publish.qos() == 0 || version != MqttVersion.V5) {
      // no packet can say so: QoS 0 has no answer, 3.1.1 no negative one
      throw new MqttException(ReasonCode.NOT_AUTHORIZED, why);
    }
    if (acks.isEmpty()) {
      PropertyWriter properties = new PropertyWriter();
      explain(properties, why, 3);
      Encoder.ack(
          connection.out(),
          Packet.PUBACK,
          publish.packetId(),
          ReasonCode.NOT_AUTHORIZED,
          properties);
    } else {
      acks.owe(publish.packetId(), ReasonCode.NOT_AUTHORIZED);
    }
  }

  /**
   * Adds a reason string, unless the client does not want one (section 3.1.2.11.7).
   *
   * @param rest bytes of the packet's variable header and payload without properties
   */
  void explain(PropertyWriter properties, String why, int rest) {
    if (problemInformation) {
      addReason(properties, why, rest, connection.outgoing().largestToSend());
    }
  }

  /** Adds a reason string if the packet then keeps the maximum packet size [MQTT-3.2.2-19]. */
  static void addReason(PropertyWriter properties, String why, int rest, long largest) {
    // with it: its identifier and length; the packet's type, length and property length at most
    if (why != null && rest + 3L + 9L + ByteBufUtil.utf8Bytes(why) <= largest) {
      properties.string(Property.REASON_STRING, why);
    }
  }

  private void ack(Packet.Ack ack) {
    switch (ack.type()) {
      case Packet.PUBACK -> {
        if (!connection.outgoing().acknowledged(ack.packetId())) {
          broker.telemetry.count(
              Meter.PACKETS_REFUSED, tag(ReasonCode.PACKET_IDENTIFIER_NOT_FOUND));
        }
      }
      case Packet.PUBREC ->
          Encoder.ack(
              connection.out(),
              version,
              Packet.PUBREL,
              ack.packetId(),
              ReasonCode.PACKET_IDENTIFIER_NOT_FOUND);
      case Packet.PUBREL ->
          Encoder.ack(
              connection.out(),
              version,
              Packet.PUBCOMP,
              ack.packetId(),
              ReasonCode.PACKET_IDENTIFIER_NOT_FOUND);
      default -> {} // PUBCOMP: nothing of QoS 2 is in flight that it could end
    }
  }

  // --- opening and end ---

  /** The device is let in. */
  void opened(Opening done, Permit rights, Bus.Publisher who, long keepAliveSeconds) {
    permit = rights;
    publisher = who;
    problemInformation =
        done.connect().properties().number(Property.REQUEST_PROBLEM_INFORMATION, 1) == 1;
    silence = keepAliveSeconds == 0 ? Long.MAX_VALUE : keepAliveSeconds * 1_500;
    aliases = new TopicAliases(broker.limits.intValue(Limit.TOPIC_ALIASES));
    subscriptions = new Subscriptions(this, permit);
    state = State.OPEN;
    broker.telemetry.count(Meter.CONNECTS, "success");
    LOG.debug(
        "connected: client={} session={} remote={}",
        who.authenticationName(),
        who.clientId(),
        remote);
  }

  /** Answers a packet that the standard or a limit forbids. */
  void refuse(MqttException e, byte[] buffer, int at, int end) {
    broker.telemetry.count(Meter.PACKETS_REFUSED, tag(e.reason()));
    loop.limitedLog.info(
        "packet refused: remote={} client={} reason={} cause={}",
        remote,
        publisher == null ? "-" : publisher.authenticationName(),
        tag(e.reason()),
        e.getMessage());
    if (state == State.OPEN) {
      end(e.reason(), e.getMessage());
    } else {
      endReason = tag(e.reason());
      Opening.refuseUnread(connection, e, buffer, at, end);
    }
  }

  /** A defect of ours: this connection ends, the others do not notice. */
  void failed(RuntimeException e) {
    LOG.error("a packet could not be handled: remote={}", remote, e);
    broker.telemetry.count(Meter.PACKETS_REFUSED, tag(ReasonCode.UNSPECIFIED_ERROR));
    end(ReasonCode.UNSPECIFIED_ERROR, null);
  }

  /** Ends the connection; an MQTT 5 client is told why. */
  void end(ReasonCode reason, String why) {
    if (connection.isEnding()) {
      return;
    }
    endReason = tag(reason);
    if (state == State.OPEN && version == MqttVersion.V5) {
      PropertyWriter properties = new PropertyWriter();
      addReason(properties, why, 1, connection.outgoing().largestToSend());
      Encoder.disconnect(connection.out(), version, reason, properties);
    }
    connection.end();
  }

  /** The CONNECT was refused, with an answer. */
  void refused(ReasonCode reason, String why) {
    endReason = tag(reason);
    broker.telemetry.count(Meter.CONNECTS, tag(reason));
    loop.limitedLog.info(
        "connect refused: remote={} session={} reason={} cause={}",
        remote,
        opening.connect().clientId(),
        tag(reason),
        why);
    connection.end();
  }

  /** The channel failed. */
  void broken(Throwable cause) {
    LOG.debug("connection broken: remote={} cause={}", remote, cause.toString());
  }

  /** Neither CONNECT nor the end of the farewell came in time. */
  void timedOut() {
    if (state != State.OPEN) {
      endReason = "connect_timeout";
      broker.telemetry.count(Meter.PACKETS_REFUSED, endReason);
    }
  }

  /** The channel is closed. */
  void closed() {
    broker.telemetry.count(Meter.DISCONNECTS, endReason);
    if (opening != null) {
      opening.closed();
    }
    if (subscriptions != null) {
      subscriptions.closed();
    }
  }

  /** Each second: keep alive (section 3.1.2.10). */
  void sweep(long now, long lastRead) {
    if (state == State.OPEN && now - lastRead > silence) {
      end(ReasonCode.KEEP_ALIVE_TIMEOUT, "nothing came for one and a half times the keep alive");
    }
  }

  MqttVersion version() {
    return version;
  }

  Bus.Publisher publisher() {
    return publisher;
  }

  static String tag(ReasonCode reason) {
    return reason.name().toLowerCase(Locale.ROOT);
  }
}
