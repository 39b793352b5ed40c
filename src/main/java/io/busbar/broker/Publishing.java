package io.busbar.broker;

import io.busbar.bus.Wire;
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
import io.busbar.shard.Sending;
import io.busbar.telemetry.Loss;
import io.busbar.telemetry.Meter;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongConsumer;

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

  /** Where the client's counts begin ({@link Dialect#base}). */
  private final int base;

  private Permit permit;
  private final Origin origin;

  /** The stored session, or null. */
  private final Mailbox mailbox;

  private final int receiveMaximum;

  /** How much the client may publish in a second, or null. */
  private final Throttle throttle;

  private final TopicAliases aliases;
  private final Received received = new Received();

  /**
   * What QoS 2 messages are called that were sent to other nodes before the session was resumed.
   */
  private final Map<Integer, Sending> sentBefore = new HashMap<>(0);

  private final Acks acks = new Acks();
  private Topic lastTopic;
  private Topic[] permitted;

  Publishing(Protocol protocol, Permit permit, Origin origin, Mailbox mailbox) {
    this.protocol = protocol;
    this.connection = protocol.connection;
    this.loop = protocol.loop;
    this.broker = protocol.broker;
    this.version = protocol.version();
    this.base = protocol.dialect().base();
    this.permit = permit;
    this.origin = origin;
    this.mailbox = mailbox;
    this.receiveMaximum = broker.limits.intValue(Limit.RECEIVE_MAXIMUM);
    this.throttle =
        Throttle.of(broker.limits, Limit.PUBLISH_MESSAGES, Limit.PUBLISH_BYTES, loop.now);
    this.aliases = new TopicAliases(broker.limits.intValue(Limit.TOPIC_ALIASES));
  }

  /** The session is resumed: packet identifiers of QoS 2 messages that are in use. */
  void resumed(Outcome.Opened session) {
    for (Outcome.Receiving one : session.receiving()) {
      received.add(one.packetId());
      if (one.sending() != null) {
        sentBefore.put(one.packetId(), one.sending());
      }
    }
  }

  /** The client's rights are others from now on. */
  void permit(Permit rights) {
    permit = rights;
    permitted = null;
  }

  /** Why the client may not publish to a topic now, or empty. */
  Optional<String> whyNot(String topic) {
    return topic.startsWith("$")
        ? Optional.of("topics that begin with $ are the server's own")
        : permit.whyNotPublish(topic);
  }

  /** The topic that an alias of the client stands for, or null. */
  byte[] topic(int alias) {
    return aliases.topic(alias);
  }

  void publish(byte[] buffer, int start, int end) throws MqttException {
    try {
      take(buffer, start, end);
    } catch (MqttException e) {
      loop.counters.refused(protocol.dialect(), buffer[start], e.reason());
      throw e;
    }
  }

  private void take(byte[] buffer, int start, int end) throws MqttException {
    int place = base + (buffer[start] & Dialect.PUBLISH_FLAGS);
    loop.counters.received[place]++;
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
      loop.counters.received[place]--;
      again(publish, topic);
      return;
    }
    if (qos > 0 && acks.acknowledgements() + received.count() >= receiveMaximum) {
      throw new MqttException(
          ReasonCode.RECEIVE_MAXIMUM_EXCEEDED,
          "%d messages are not settled (allowed: %d)"
              .formatted(acks.acknowledgements() + received.count() + 1, receiveMaximum));
    }
    Limit reached = reached(end - start);
    if (reached != null) {
      throttled(publish, reached);
      return;
    }
    if (!isPermitted(topic)) {
      denied(publish);
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
    Acks.Ack ack = waits ? acks.owe(qos, publish.retain(), packetId, reason, loop.nanos) : null;
    if (qos == 2) {
      received.add(packetId);
    }
    if (qos == 2 && mailbox != null) {
      receive(publish, topic, route, ack);
    } else {
      loop.dispatcher.dispatch(publish, topic, route, origin, ack);
    }
    if (ack == null) {
      Encoder.ack(connection.out(), version, Packet.PUBACK, packetId, reason);
      loop.counters.acknowledged[place]++;
    } else {
      sendAcks();
    }
  }

  // --- QoS 2 ---

  /**
   * The same message again: nobody gets it twice [MQTT-4.3.3-10]. Who was to have it from the node
   * that the client was connected to before gets it now, if it did not come from there.
   */
  private void again(Publish publish, Topic topic) {
    int packetId = publish.packetId();
    if (acks.owesReceived(packetId)) {
      return;
    }
    Acks.Ack ack = acks.owe(2, publish.retain(), packetId, ReasonCode.SUCCESS, loop.nanos);
    Sending sending = sentBefore.get(packetId);
    if (sending != null && isPermitted(topic)) {
      Route route = loop.dispatcher.route(topic);
      loop.dispatcher.again(publish, topic, route, connection, ack, sending);
    }
    sendAcks();
  }

  /**
   * A message of a stored session: its identifier is known to the store before PUBREC. Where other
   * nodes have that store, nobody gets the message before: its publisher might send it again at one
   * that does not know it.
   */
  private void receive(Publish publish, Topic topic, Route route, Acks.Ack ack) {
    boolean areToKnow =
        broker.isStoreShared
            && broker.forms.getAsInt() >= Wire.Introduction.WITH_SENDINGS
            && broker.has(Safeguard.SENDINGS);
    Sending sending = areToKnow ? loop.nextSending() : null;
    int packetId = publish.packetId();
    LongConsumer known = number -> {};
    ack.await();
    if (areToKnow) {
      known = loop.dispatcher.dispatchOnceKnown(publish, topic, route, origin, ack);
    } else {
      loop.dispatcher.dispatch(publish, topic, route, origin, ack);
    }
    loop.outbox.add(
        new Command.Receive(mailbox.session(), mailbox.epoch(), packetId, true, sending),
        areToKnow ? publish.packetLength() : 0,
        connection,
        new Known(sending == null ? 0 : sending.number(), known, ack));
  }

  /** What follows when the store knows an identifier. */
  private final class Known implements Outbox.Waiter {
    private final long number;
    private final LongConsumer then;
    private final Acks.Ack ack;

    Known(long number, LongConsumer then, Acks.Ack ack) {
      this.number = number;
      this.then = then;
      this.ack = ack;
    }

    @Override
    public void applied(Outcome outcome) {
      if (outcome instanceof Outcome.Stale) {
        connection.end(ReasonCode.SESSION_TAKEN_OVER, Unstored.STALE);
      } else {
        then.accept(number);
        arrived(ack);
      }
    }

    @Override
    public void refused(Refusal why) {
      ack.failed(Unstored.refuses(why), Unstored.text(why));
      arrived(ack);
      notTaken(ack);
    }

    @Override
    public void unknown() {
      // if it is known after all, then also that others were to have the message from here
      then.accept(number);
      connection.end(ReasonCode.SERVER_UNAVAILABLE, Unstored.UNKNOWN);
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
        new Command.Receive(mailbox.session(), mailbox.epoch(), packetId, false, null),
        connection,
        outcome -> then.run());
  }

  /** PUBREL: the identifier is free again. */
  void released(int packetId) {
    sentBefore.remove(packetId);
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

  /**
   * A message was not taken. A client that cannot be told no sends it again on another connection:
   * what came after it on this one must not be taken before.
   */
  void notTaken(Acks.Ack ack) {
    if (version != MqttVersion.V5 && !connection.isEnding()) {
      send(ack);
    }
  }

  private void send(Acks.Ack ack) {
    int flags = (ack.qos() << 1) + (ack.retain() ? 1 : 0);
    if (!ack.reason().isError()) {
      loop.counters.acknowledged(base + flags, loop.nanos - ack.since());
    } else {
      loop.counters.refused(protocol.dialect(), flags, ack.reason());
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

  private void denied(Publish publish) throws MqttException {
    String name = publish.topic();
    String why = whyNot(name).orElse("denied");
    loop.counters.lost(Loss.NOT_AUTHORIZED, 1);
    broker.telemetry.count(Meter.DENIALS, "publish");
    protocol.denied("publish denied", "topic", name, why);
    if (publish.qos() == 0 || version != MqttVersion.V5) {
      // no packet can say so: QoS 0 has no answer, 3.1.1 no negative one
      throw new MqttException(ReasonCode.NOT_AUTHORIZED, why);
    }
    refuse(publish, ReasonCode.NOT_AUTHORIZED, why);
  }

  private void refuse(Publish publish, ReasonCode reason, String why) {
    Acks.Ack ack =
        acks.owe(publish.qos(), publish.retain(), publish.packetId(), reason, loop.nanos);
    ack.failed(reason, why);
    sendAcks();
  }

  // --- rates ---

  /** Which limit of a second a packet is beyond, or null: then it is counted. */
  private Limit reached(int length) {
    Throttle all = broker.publishing;
    Limit reached = throttle == null ? null : throttle.reached(loop.now);
    if (reached == null && all != null) {
      reached = all.reached(loop.now);
    }
    if (reached == null && throttle != null) {
      throttle.passed(length);
    }
    if (reached == null && all != null) {
      all.passed(length);
    }
    return reached;
  }

  private void throttled(Publish publish, Limit limit) throws MqttException {
    String why = broker.throttled(limit);
    if (connection.tracer() != null) {
      connection.tracer().tell("publish refused", why, null);
    }
    loop.counters.lost(Loss.PUBLISHER_THROTTLED, 1);
    loop.limitedLog.warn(
        "publish throttled: client={} session={} reason={}",
        origin.publisher().authenticationName(),
        origin.publisher().clientId(),
        why);
    if (publish.qos() > 0 && version != MqttVersion.V5) {
      throw new MqttException(ReasonCode.MESSAGE_RATE_TOO_HIGH, why);
    }
    if (publish.qos() > 0) {
      refuse(publish, ReasonCode.QUOTA_EXCEEDED, why);
    } else {
      loop.counters.refused(
          protocol.dialect(), publish.retain() ? 1 : 0, ReasonCode.QUOTA_EXCEEDED);
    }
  }
}
