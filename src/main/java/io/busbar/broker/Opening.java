package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.config.Limit;
import io.busbar.mqtt.Encoder;
import io.busbar.mqtt.MqttException;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.ReasonCode;
import io.busbar.policy.Permit;
import io.busbar.shard.Command;
import io.busbar.shard.Outcome;
import io.busbar.shard.StoredSubscription;
import io.busbar.shard.Will;
import io.busbar.telemetry.Meter;
import io.busbar.telemetry.Spans;
import io.netty.buffer.ByteBufUtil;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;

/**
 * From CONNECT to CONNACK: what this server does not offer is refused, then the authorization
 * verticle is asked who it is, then the session verticle gives the session name.
 */
final class Opening {
  /** How long a session name may take to change hands, in milliseconds. */
  private static final long SESSION_TIMEOUT = 15_000;

  private static final String NOT_OPENED = "the session did not open";

  /** The Maximum Packet Size of a client that names none. */
  private static final long MAXIMUM = Long.MAX_VALUE;

  /** Bytes of a CONNACK of MQTT 5 without properties. */
  private static final int SMALLEST_CONNACK = 5;

  private final Protocol protocol;
  private final Connection connection;
  private final Loop loop;
  private final Broker broker;
  private final Packet.Connect connect;
  private final Authentication authentication;
  private final long begun = System.nanoTime();

  /** What is told of it, or null: nothing, or nothing any more. */
  private Spans.Span span;

  private String clientId;
  private long expirySeconds;
  private Offer offer;
  private Will will;
  private List<Destination.Subscription> resumed = List.of();
  private Bus.Authenticated known;
  private boolean pending;
  private boolean closed;
  private long epoch = -1;

  Opening(Protocol protocol, Packet.Connect connect) {
    this.protocol = protocol;
    this.connection = protocol.connection;
    this.loop = protocol.loop;
    this.broker = protocol.broker;
    this.connect = connect;
    this.authentication =
        new Authentication(
            protocol,
            connect,
            this::open,
            no -> {
              broker.telemetry.count(Meter.DENIALS, "connect");
              refuse(no.reason(), no.text());
            },
            // the client's AUTH is read, and nothing else may come
            () -> connection.resume(Connection.Pause.OPENING));
  }

  /** What comes next from the client is for the authentication. */
  boolean isChallenged() {
    return authentication.isChallenged();
  }

  /** The client's part of an enhanced authentication. */
  void auth(Packet.Auth auth) throws MqttException {
    authentication.answer(auth);
    connection.pause(Connection.Pause.OPENING);
  }

  Packet.Connect connect() {
    return connect;
  }

  void begin() {
    clientId = connect.clientId();
    Spans spans = broker.telemetry.spans();
    if (spans.areOn()) {
      Spans.Context parent = Spans.Context.of(connect.properties().userProperties());
      span =
          spans.connect(
              parent, clientId, connect.version().level() == 5 ? "5" : "3.1.1", protocol.remote);
    }
    String error = null;
    ReasonCode reason = null;
    boolean v5 = connect.version() == MqttVersion.V5;
    if (!v5 && !connect.cleanStart() && clientId.isEmpty()) {
      reason = ReasonCode.CLIENT_IDENTIFIER_NOT_VALID;
      error = "an empty client id needs clean session [MQTT-3.1.3-8]";
    } else if (ByteBufUtil.utf8Bytes(clientId) > broker.limits.get(Limit.CLIENT_ID_BYTES)) {
      reason = ReasonCode.CLIENT_IDENTIFIER_NOT_VALID;
      error =
          "client id is longer than %s = %d bytes"
              .formatted(Limit.CLIENT_ID_BYTES.key(), broker.limits.get(Limit.CLIENT_ID_BYTES));
    } else if (broker.connections.get() > broker.limits.get(Limit.MAX_CONNECTIONS)
        || broker.pendingConnects.get() >= broker.limits.get(Limit.PENDING_CONNECTS)) {
      boolean another = broker.settings.announced().serverReference().isPresent();
      reason = another ? ReasonCode.USE_ANOTHER_SERVER : ReasonCode.SERVER_BUSY;
      error = "the node has as many connections as it may";
    } else if (broker.pressure.why() != null) {
      reason = ReasonCode.SERVER_BUSY;
      error = broker.pressure.why();
      broker.telemetry.count(Meter.SHED, "connect");
    } else if (broker.connects != null && !broker.connects.take(1, loop.now)) {
      reason = ReasonCode.CONNECTION_RATE_EXCEEDED;
      error = broker.throttled(Limit.CONNECTS);
    }
    if (reason != null) {
      refuse(reason, error);
      return;
    }
    try {
      prepareWill();
    } catch (MqttException e) {
      refuse(e.reason(), "will: " + e.getMessage());
      return;
    }
    boolean assigned = clientId.isEmpty();
    if (assigned) {
      clientId = "auto-" + UUID.randomUUID();
    }
    long most = broker.limits.get(Limit.SESSION_EXPIRY);
    long asked =
        v5
            ? connect.properties().number(Property.SESSION_EXPIRY_INTERVAL, 0)
            : connect.cleanStart() ? 0 : most;
    expirySeconds = Math.min(asked, most);
    offer = new Offer(broker, connect, clientId, assigned, expirySeconds);
    if (v5 && offer.bytes() > connect.properties().number(Property.MAXIMUM_PACKET_SIZE, MAXIMUM)) {
      refuse(ReasonCode.PACKET_TOO_LARGE, "CONNACK is larger than the client's maximum");
      return;
    }
    authenticate();
  }

  /** Judges the will by the rules of a PUBLISH. */
  private void prepareWill() throws MqttException {
    Packet.Will asked = connect.will();
    if (asked == null) {
      return;
    }
    long maximumQos = broker.limits.get(Limit.MAXIMUM_QOS);
    if (asked.qos() > maximumQos) {
      throw new MqttException(
          ReasonCode.QOS_NOT_SUPPORTED,
          "QoS %d (allowed: at most %d)".formatted(asked.qos(), maximumQos));
    }
    byte[] packet = asked.publish();
    if (asked.retain()) {
      if (broker.limits.get(Limit.RETAIN_AVAILABLE) == 0) {
        throw new MqttException(ReasonCode.RETAIN_NOT_SUPPORTED, "RETAIN is not available");
      }
      if (packet.length > broker.limits.get(Limit.RETAINED_BYTES)) {
        throw new MqttException(
            ReasonCode.QUOTA_EXCEEDED,
            "retained, it has more than %s = %d bytes"
                .formatted(Limit.RETAINED_BYTES.key(), broker.limits.get(Limit.RETAINED_BYTES)));
      }
    }
    byte[] name = asked.topic().getBytes(StandardCharsets.UTF_8);
    loop.topics.find(name, 0, name.length);
    long delay = asked.properties().number(Property.WILL_DELAY_INTERVAL, 0);
    will = new Will(packet, Math.min(delay, broker.limits.get(Limit.WILL_DELAY)));
  }

  /** The client is let in: how long that took. */
  void measure() {
    broker
        .telemetry
        .timer(Meter.CONNECT_TIME, protocol.dialect().tag())
        .record(System.nanoTime() - begun, TimeUnit.NANOSECONDS);
  }

  /** The will, or null. */
  Will will() {
    return will;
  }

  /** The Session Expiry Interval as granted. */
  long expirySeconds() {
    return expirySeconds;
  }

  private void authenticate() {
    pending = true;
    broker.pendingConnects.incrementAndGet();
    authentication.begin(clientId, connect.properties().authenticationData());
  }

  private void open(Bus.Authenticated as) {
    known = as;
    if (span != null) {
      span.who(known.permit().authenticationName());
    }
    if (connection.tracer() != null) {
      connection.tracer().authenticated(known);
    }
    // of clients that are known alone: others could keep one away
    String session = known.permit().authenticationName() + '\0' + clientId;
    if (!broker.sessionConnects.take(session, loop.now)) {
      refuse(ReasonCode.CONNECTION_RATE_EXCEEDED, broker.throttled(Limit.SESSION_CONNECTS));
      return;
    }
    if (will != null) {
      Optional<String> why = whyNoWill(known.permit(), connect.will().topic());
      if (why.isPresent()) {
        refuse(ReasonCode.NOT_AUTHORIZED, "will: " + why.get());
        return;
      }
    }
    connection.awaited(SESSION_TIMEOUT);
    Bus.Open request =
        new Bus.Open(
            clientId,
            known.permit().authenticationName(),
            loop.id,
            connection.key(),
            connect.cleanStart(),
            expirySeconds,
            will,
            window(),
            known.mostSessions());
    loop.<Bus.Local>request(Bus.SESSION, request, Bus.local(SESSION_TIMEOUT))
        .onComplete(
            reply ->
                loop.execute(
                    () -> {
                      loop.counters.busMessages++;
                      if (reply.failed()) {
                        if (!isOver()) {
                          refuse(ReasonCode.SERVER_UNAVAILABLE, NOT_OPENED);
                        }
                      } else if (reply.result().body() instanceof Bus.Refused refused) {
                        if (!isOver()) {
                          end(refused.reason(), refused.text());
                        }
                      } else {
                        opened((Bus.Opened) reply.result().body());
                      }
                    }));
  }

  private static Optional<String> whyNoWill(Permit permit, String topic) {
    return topic.startsWith("$")
        ? Optional.of("topics that begin with $ are the server's own")
        : permit.whyNotPublish(topic);
  }

  /** QoS 1 and 2 messages to the client that may be in flight. */
  private int window() {
    long asked = connect.properties().number(Property.RECEIVE_MAXIMUM, 65_535);
    return (int) Math.min(asked, broker.limits.get(Limit.INFLIGHT));
  }

  private void opened(Bus.Opened opened) {
    epoch = opened.epoch();
    Outcome.Opened stored =
        opened.session().epoch() == 0 ? null : covered(known.permit(), opened.session());
    if (isOver()) {
      release();
      if (stored != null) {
        giveBack(stored);
      }
      return;
    }
    List<Destination.Subscription> direct =
        stored == null ? List.of() : Subscriptions.of(stored, loop, connection, clientId);
    if (direct.isEmpty()) {
      accept(stored);
      return;
    }
    // what the session's inbox does not hold, QoS 0, comes from the index of this node
    loop.<Bus.Local>request(Bus.MATCHING, new Bus.Subscribe(direct), Bus.local(SESSION_TIMEOUT))
        .onComplete(
            reply ->
                loop.execute(
                    () -> {
                      loop.counters.busMessages++;
                      if (!isOver() && reply.succeeded()) {
                        resumed = direct;
                        accept(stored);
                        return;
                      }
                      loop.send(Bus.MATCHING, new Bus.Unsubscribe(direct), Bus.local());
                      giveBack(stored);
                      if (!isOver()) {
                        refuse(ReasonCode.SERVER_UNAVAILABLE, "the subscriptions are not known");
                      }
                    }));
  }

  /** Whether it was refused meanwhile, or its connection is gone. */
  private boolean isOver() {
    return closed || connection.isEnding();
  }

  /** A stored session without the subscriptions to which its client has no right any more. */
  private Outcome.Opened covered(Permit permit, Outcome.Opened stored) {
    List<String> lost =
        stored.subscriptions().stream()
            .filter(subscription -> !permit.maySubscribe(subscription.filter()))
            .map(StoredSubscription::name)
            .toList();
    if (lost.isEmpty()) {
      return stored;
    }
    loop.broker
        .telemetry
        .audit()
        .denied(
            "subscriptions removed",
            permit.authenticationName(),
            "client",
            permit.authenticationName(),
            "session",
            clientId,
            "remote",
            protocol.remote,
            "filters",
            lost);
    loop.outbox.addUntilTaken(new Command.Unsubscribe(clientId, stored.epoch(), lost));
    return new Outcome.Opened(
        stored.present(),
        stored.epoch(),
        stored.subscriptions().stream().filter(one -> !lost.contains(one.name())).toList(),
        stored.receiving(),
        stored.replays().stream()
            .filter(one -> !lost.contains(one.subscription().name()))
            .toList());
  }

  /** The session is not served after all: as if its connection had ended after CONNACK. */
  private void giveBack(Outcome.Opened stored) {
    loop.outbox.addUntilTaken(new Command.Close(clientId, stored.epoch(), -1, false, 0));
  }

  /** The subscriptions that were in the index before CONNACK. */
  List<Destination.Subscription> resumed() {
    return resumed;
  }

  private void accept(Outcome.Opened stored) {
    settled(null);
    var asked = connect.properties();
    long aliases =
        Math.min(
            asked.number(Property.TOPIC_ALIAS_MAXIMUM, 0),
            broker.limits.get(Limit.ASSIGNED_ALIASES));
    connection.opened(
        new Outgoing.Receiver(
            window(),
            asked.number(Property.MAXIMUM_PACKET_SIZE, MAXIMUM),
            (int) aliases,
            stored != null));
    boolean present = stored != null && stored.present();
    acknowledge(present);
    Bus.Publisher publisher =
        new Bus.Publisher(known.permit().authenticationName(), clientId, connection.key());
    protocol.opened(known, publisher, offer.keepAlive(), stored, epoch);
    if (connection.tracer() != null) {
      connection.tracer().opened(stored);
    }
    connection.resume(Connection.Pause.OPENING);
  }

  private void acknowledge(boolean isPresent) {
    PropertyWriter properties = new PropertyWriter();
    if (connect.version() == MqttVersion.V5) {
      offer.describe(properties, known.permit().authenticationName());
      authentication.describe(properties, known.data());
    }
    Encoder.connack(connection.out(), connect.version(), isPresent, ReasonCode.SUCCESS, properties);
  }

  /** Answers a CONNECT, or what followed it, with an error. */
  void refuse(ReasonCode reason, String why) {
    settled(reason.name());
    if (connect.version() == MqttVersion.V5) {
      PropertyWriter properties = new PropertyWriter();
      long largest = connect.properties().number(Property.MAXIMUM_PACKET_SIZE, MAXIMUM);
      protocol.refer(properties, reason, 2, largest);
      // whether there is such a client is not for whoever guesses
      boolean isGuess = reason == ReasonCode.BAD_USER_NAME_OR_PASSWORD;
      String told = isGuess ? "the user name or the password is wrong" : why;
      protocol.addReason(properties, told, 2, largest);
      if (largest >= SMALLEST_CONNACK) {
        Encoder.connack(connection.out(), MqttVersion.V5, false, reason, properties);
      }
    } else if (reason.connectReturnCode() != 0) {
      Encoder.connack(connection.out(), connect.version(), false, reason, null);
    }
    protocol.refused(reason, why);
  }

  /**
   * The server ends a connection that was not let in yet. Whoever sent a whole CONNECT gets a
   * CONNACK, with the next best reason where that packet cannot carry this one.
   */
  void end(ReasonCode reason, String why) {
    if (reason == ReasonCode.SESSION_TAKEN_OVER && connect.version() == MqttVersion.V5) {
      overtaken();
    } else if (reason == ReasonCode.SESSION_TAKEN_OVER) {
      refuse(ReasonCode.SERVER_UNAVAILABLE, Protocol.OVERTAKEN);
    } else if (reason.isFor(Packet.CONNACK)) {
      refuse(reason, why);
    } else {
      refuse(ReasonCode.SERVER_UNAVAILABLE, why);
    }
  }

  /**
   * Another connection has the session: this one is told so as if it had been let in for a moment,
   * since no CONNACK can say it. There is a session, the other connection's, so a client that goes
   * on with one keeps what it knows of it.
   */
  private void overtaken() {
    settled(ReasonCode.SESSION_TAKEN_OVER.name());
    acknowledge(!connect.cleanStart());
    protocol.overtaken();
  }

  /** The session did not open in time. Whoever does not answer a challenge is told nothing. */
  void timedOut() {
    if (!isChallenged()) {
      refuse(ReasonCode.SERVER_UNAVAILABLE, NOT_OPENED);
    }
  }

  /** The connection is closed: whatever is on its way comes too late. */
  void closed() {
    closed = true;
    settled("the connection closed");
    if (epoch >= 0) {
      release();
    }
  }

  private void release() {
    loop.send(Bus.SESSION, new Bus.Closed(clientId, epoch), Bus.local());
  }

  /** It is decided; {@code failure} says why it was not let in. */
  private void settled(String failure) {
    if (pending) {
      pending = false;
      broker.pendingConnects.decrementAndGet();
    }
    if (span != null) {
      if (failure == null) {
        span.end();
      } else {
        span.fail(failure);
      }
      span = null;
    }
  }

  /**
   * Answers a first packet that could not be read or is none that may come first: with a CONNACK
   * where it is a CONNECT of a version that has a code for it, else by closing.
   */
  static void refuseUnread(Connection connection, MqttException e, byte[] buffer, int at, int end) {
    int level = levelOf(buffer, at, end);
    ReasonCode reason = e.reason();
    if (level >= 5) {
      // no reason string: how large a packet the client takes was not read [MQTT-3.2.2-19]
      PropertyWriter none = new PropertyWriter();
      Encoder.connack(connection.out(), MqttVersion.V5, false, reason, none);
    } else if (level >= 0 && reason.connectReturnCode() != 0) {
      Encoder.connack(connection.out(), MqttVersion.V3_1_1, false, reason, null);
    }
    connection.end();
  }

  /** The protocol level of what looks like a CONNECT, or -1. */
  private static int levelOf(byte[] buffer, int at, int arrived) {
    if (at >= arrived || buffer[at] != Packet.CONNECT << 4) {
      return -1;
    }
    int i = at + 1;
    int length = 0;
    for (int shift = 0; i < arrived && shift < 28; shift += 7, i++) {
      length |= (buffer[i] & 0x7f) << shift;
      if (buffer[i] >= 0) {
        break;
      }
    }
    i++;
    // what follows a short CONNECT is not part of it
    int end = Math.min(arrived, i + length);
    if (i + 2 > end) {
      return -1;
    }
    int nameLength = ((buffer[i] & 0xff) << 8) | (buffer[i + 1] & 0xff);
    int levelAt = i + 2 + nameLength;
    boolean named =
        (nameLength == 4 && levelAt < end && buffer[i + 2] == 'M' && buffer[i + 5] == 'T')
            || (nameLength == 6 && levelAt < end && buffer[i + 2] == 'M' && buffer[i + 7] == 'p');
    return named ? buffer[levelAt] & 0x7f : -1;
  }
}
