package io.busbar.broker;

import io.busbar.config.Limit;
import io.busbar.mqtt.Encoder;
import io.busbar.mqtt.MqttException;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.Publish;
import io.busbar.mqtt.ReasonCode;
import io.busbar.policy.Permit;
import io.busbar.session.Acks;
import io.busbar.session.Received;
import io.busbar.session.TopicAliases;
import io.busbar.shard.Command;
import io.busbar.shard.Outcome;
import io.busbar.shard.Refusal;
import io.busbar.telemetry.Loss;
import io.busbar.telemetry.Meter;
import java.util.Optional;

/**
 * What a device publishes: PUBLISH is judged and dispatched here and now, and answered when all who
 * promise it have it; QoS 2 messages exactly once, by their packet identifiers.
 */
final class Publishing {
  /** How many topics a connection remembers that it may publish to; a power of two. */
  private static final int REMEMBERED = 8;

  private final Protocol protocol;
  private final Connection connection;
  private final Loop loop;
  private final Broker broker;
  private final MqttVersion version;
  private Permit permit;
  private final Origin origin;

  /** The stored session, or null. */
  private final Mailbox mailbox;

  private final int receiveMaximum;
  private final TopicAliases aliases;
  private final Received received = new Received();
  private final Acks acks = new Acks();
  private Topic lastTopic;
  private Topic[] permitted;

  Publishing(Protocol protocol, Permit permit, Origin origin, Mailbox mailbox) {
    this.protocol = protocol;
    this.connection = protocol.connection;
    this.loop = protocol.loop;
    this.broker = protocol.broker;
    this.version = protocol.version();
    this.permit = permit;
    this.origin = origin;
    this.mailbox = mailbox;
    this.receiveMaximum = broker.limits.intValue(Limit.RECEIVE_MAXIMUM);
    this.aliases = new TopicAliases(broker.limits.intValue(Limit.TOPIC_ALIASES));
  }

  /** The session is resumed: packet identifiers of QoS 2 messages that are in use. */
  void resumed(Outcome.Opened session) {
    session.receiving().forEach(received::add);
  }

  /** The client's rights are others from now on. */
  void permit(Permit rights) {
    permit = rights;
    permitted = null;
  }

  /** Why the client may not publish to a topic now, or empty. */
  Optional<String> whyNot(String topic) {
    return permit.whyNotPublish(topic);
  }

  void publish(byte[] buffer, int start, int end) throws MqttException {
    Publish publish = loop.publish;
    publish.parse(buffer, start, end, version);
    int qos = publish.qos();
    MessageLimits.check(publish, broker.limits);
    if (qos > 0 && publish.packetId() == 0) {
      throw new MqttException(ReasonCode.PROTOCOL_ERROR, "packet identifier is 0 [MQTT-2.2.1-3]");
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
    int packetId = publish.packetId();
    if (qos == 2 && received.has(packetId)) {
      again(packetId);
      return;
    }
    loop.counters.received[qos]++;
    if (qos > 0 && acks.acknowledgements() + received.count() >= receiveMaximum) {
      throw new MqttException(
          ReasonCode.RECEIVE_MAXIMUM_EXCEEDED,
          "%d messages are not settled (allowed: %d)"
              .formatted(acks.acknowledgements() + received.count() + 1, receiveMaximum));
    }
    if (!isPermitted(topic)) {
      denied(publish, topic);
      return;
    }
    Route route = loop.dispatcher.route(topic);
    boolean isEvent = broker.eventRoute != null;
    boolean isUnheard = route.isEmpty() && !isEvent;
    if (isUnheard) {
      loop.counters.lost(Loss.NO_SUBSCRIBER, 1);
    }
    if (qos == 0) {
      loop.dispatcher.dispatch(publish, topic, route, origin, null);
      return;
    }
    ReasonCode reason =
        isUnheard && !publish.retain() ? ReasonCode.NO_MATCHING_SUBSCRIBERS : ReasonCode.SUCCESS;
    boolean waits = qos == 2 || route.waits || isEvent || publish.retain() || !acks.isEmpty();
    Acks.Ack ack = waits ? acks.owe(qos, packetId, reason) : null;
    if (qos == 2) {
      receive(packetId, ack);
    }
    loop.dispatcher.dispatch(publish, topic, route, origin, ack);
    if (ack == null) {
      Encoder.ack(connection.out(), version, Packet.PUBACK, packetId, reason);
    } else {
      sendAcks();
    }
  }

  // --- QoS 2 ---

  /** The same message again: it is not delivered again [MQTT-4.3.3-10]. */
  private void again(int packetId) {
    if (!acks.owesReceived(packetId)) {
      acks.owe(2, packetId, ReasonCode.SUCCESS);
      sendAcks();
    }
  }

  /** The identifier is in use: known to the store before PUBREC if the session is stored. */
  private void receive(int packetId, Acks.Ack ack) {
    received.add(packetId);
    if (mailbox != null) {
      ack.await();
      loop.outbox.add(
          new Command.Receive(mailbox.session(), mailbox.epoch(), packetId, true),
          0,
          null,
          new Outbox.Waiter() {
            @Override
            public void applied(Outcome outcome) {
              if (outcome instanceof Outcome.Stale) {
                connection.end(ReasonCode.SESSION_TAKEN_OVER, Unstored.STALE);
              } else {
                arrived(ack);
              }
            }

            @Override
            public void refused(Refusal why) {
              ack.failed(Unstored.refuses(why), Unstored.text(why));
              arrived(ack);
            }

            @Override
            public void unknown() {
              connection.end(ReasonCode.SERVER_UNAVAILABLE, Unstored.UNKNOWN);
            }
          });
    }
  }

  private void arrived(Acks.Ack ack) {
    if (ack.arrived()) {
      connection.sendAcks();
    }
  }

  /** The identifier is free: known to the store too before {@code then}. */
  private void forget(int packetId, Runnable then) {
    loop.outbox.add(
        new Command.Receive(mailbox.session(), mailbox.epoch(), packetId, false),
        connection,
        outcome -> then.run());
  }

  /** PUBREL: the identifier is free again. */
  void released(int packetId) {
    if (!received.remove(packetId)) {
      protocol.refusedAck();
      complete(packetId, ReasonCode.PACKET_IDENTIFIER_NOT_FOUND);
    } else if (mailbox == null) {
      complete(packetId, ReasonCode.SUCCESS);
    } else {
      forget(
          packetId,
          () -> {
            if (!connection.isEnding()) {
              complete(packetId, ReasonCode.SUCCESS);
            }
          });
    }
  }

  private void complete(int packetId, ReasonCode reason) {
    Encoder.ack(connection.out(), version, Packet.PUBCOMP, packetId, reason);
  }

  // --- answers ---

  void sendAcks() {
    acks.settle(this::send);
  }

  private void send(Acks.Ack ack) {
    if (ack.reason().isError()) {
      if (version != MqttVersion.V5) {
        // its PUBACK and PUBREC can only say yes
        connection.end(ack.reason(), ack.why());
        return;
      }
      if (ack.qos() == 2 && received.remove(ack.packetId()) && mailbox != null) {
        // the exchange ends here: no PUBREL follows
        forget(ack.packetId(), () -> {});
      }
    }
    int type = ack.qos() == 1 ? Packet.PUBACK : Packet.PUBREC;
    if (ack.why() == null) {
      Encoder.ack(connection.out(), version, type, ack.packetId(), ack.reason());
    } else {
      PropertyWriter properties = new PropertyWriter();
      protocol.explain(properties, ack.why(), 3);
      Encoder.ack(connection.out(), type, ack.packetId(), ack.reason(), properties);
    }
  }

  // --- rights ---

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
        "publish denied: client={} topic={} reason={}",
        origin.publisher().authenticationName(),
        name,
        why);
    if (publish.qos() == 0 || version != MqttVersion.V5) {
      // no packet can say so: QoS 0 has no answer, 3.1.1 no negative one
      throw new MqttException(ReasonCode.NOT_AUTHORIZED, why);
    }
    if (acks.isEmpty()) {
      PropertyWriter properties = new PropertyWriter();
      protocol.explain(properties, why, 3);
      Encoder.ack(
          connection.out(),
          publish.qos() == 1 ? Packet.PUBACK : Packet.PUBREC,
          publish.packetId(),
          ReasonCode.NOT_AUTHORIZED,
          properties);
    } else {
      acks.owe(publish.qos(), publish.packetId(), ReasonCode.NOT_AUTHORIZED);
    }
  }
}
