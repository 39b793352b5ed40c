package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.config.EventQueues;
import io.busbar.config.Limit;
import io.busbar.event.LifeCycleEvent;
import io.busbar.event.LifeCycleEvent.Disconnection;
import io.busbar.mqtt.Decoder;
import io.busbar.mqtt.Encoder;
import io.busbar.mqtt.MqttException;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.ReasonCode;
import io.busbar.policy.Admission;
import io.busbar.policy.Permit;
import io.busbar.session.Acks;
import io.busbar.shard.Command;
import io.busbar.shard.Effect;
import io.busbar.shard.Outcome;
import io.busbar.telemetry.Meter;
import io.netty.buffer.ByteBufUtil;
import java.time.Duration;
import java.time.Instant;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a device's packets mean, from CONNECT to DISCONNECT: checks them, asks the verticles that
 * decide, and tells the {@link Connection} what to send. The opening is {@link Opening}'s, what it
 * publishes {@link Publishing}'s, subscriptions are {@link Subscriptions}'.
 */
final class Protocol {
  /** Why a connection has not the session that it wanted. */
  static final String OVERTAKEN = "another connection took the session name";

  private static final Logger LOG = LoggerFactory.getLogger(Connection.class);

  /** So much of a client id stands in a log line. */
  private static final int LOGGED = 80;

  /** Why a CONNECT is refused because of who sent it: those are written down in the audit. */
  private static final Set<ReasonCode> OF_THE_CLIENT =
      EnumSet.of(
          ReasonCode.NOT_AUTHORIZED,
          ReasonCode.BAD_USER_NAME_OR_PASSWORD,
          ReasonCode.BAD_AUTHENTICATION_METHOD);

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
  private final boolean isWebSocket;
  private MqttVersion version = MqttVersion.V3_1_1;
  private String endReason = "connection_lost";

  private Opening opening;

  /** While the client authenticates again; else null. */
  private Authentication authentication;

  private Bus.Publisher publisher;
  private Origin origin;
  private boolean problemInformation = true;
  private long silence = Long.MAX_VALUE;
  private Publishing publishing;
  private Subscriptions subscriptions;

  /** The stored session's inbox; null while the session is not stored. */
  private Mailbox mailbox;

  private Replay replay;

  /** What the client was let in by, or null where nobody is judged. */
  private Admission.Granted granted;

  /** When what proves who it is expires, on the loop's clock. */
  private long provenUntil = Long.MAX_VALUE;

  /** Whether it has no rights any more: its will is not published either. */
  private boolean isRefused;

  /** Whether the client ended the connection and wants no will published. */
  private boolean isNormal;

  /** Why the client has gone, or will have. */
  private Disconnection disconnection = Disconnection.CONNECTION_LOST;

  /** What orders the client's connections, for who is told of them. */
  private long sequence;

  /** The Session Expiry Interval of its DISCONNECT, or -1. */
  private long lastExpiry = -1;

  Protocol(Connection connection, Loop loop, String remote, boolean isWebSocket) {
    this.isWebSocket = isWebSocket;
    this.connection = connection;
    this.loop = loop;
    this.broker = loop.broker;
    this.remote = remote;
  }

  // --- framing ---

  /**
   * Whether a packet is handled now. While a CONNECT is being judged all wait, while a subscription
   * is on its way to the index what is published waits: it comes after.
   */
  boolean isReady(byte first) {
    if (state == State.OPEN && (first & 0xf0) >> 4 == Packet.PUBLISH && subscriptions.isBusy()) {
      connection.pause(Connection.Pause.SUBSCRIBING);
      return false;
    }
    return state != State.OPENING || opening.isChallenged();
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
    if (state != State.OPEN) {
      limit = Limit.CONNECT_BYTES;
    }
    if (state == State.NEW) {
      if ((first & 0xf0) >> 4 != Packet.CONNECT) {
        throw new MqttException(
            ReasonCode.PROTOCOL_ERROR, "the first packet is not CONNECT [MQTT-3.1.0-1]");
      }
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
      publishing.publish(buffer, start, end);
      return;
    }
    if (state == State.OPENING && type != Packet.AUTH && type != Packet.DISCONNECT) {
      throw new MqttException(
          ReasonCode.PROTOCOL_ERROR,
          "packet type %d before CONNACK (allowed: AUTH, DISCONNECT) [MQTT-3.1.2-30]"
              .formatted(type));
    }
    Packet packet = loop.decoder.decode(buffer, start, end, version);
    checkUserProperties(packet);
    if (state == State.NEW) {
      Packet.Connect connect = (Packet.Connect) packet;
      version = connect.version();
      if (!loop.traces.isEmpty()) {
        loop.traces.connects(connection, connect, buffer, start, end);
      }
      state = State.OPENING;
      connection.pause(Connection.Pause.OPENING);
      opening = new Opening(this, connect);
      opening.begin();
      return;
    }
    if (packet instanceof Packet.Disconnect disconnect) {
      disconnect(disconnect);
    } else if (packet instanceof Packet.Auth auth) {
      auth(auth);
    } else if (packet instanceof Packet.Ack ack) {
      ack(ack);
    } else if (packet instanceof Packet.Subscribe subscribe) {
      subscriptions.subscribe(subscribe);
    } else if (packet instanceof Packet.Unsubscribe unsubscribe) {
      subscriptions.unsubscribe(unsubscribe);
    } else if (packet instanceof Packet.Ping ping && ping.type() == Packet.PINGREQ) {
      Encoder.pingresp(connection.out());
    } else {
      throw new MqttException(
          ReasonCode.PROTOCOL_ERROR, "a client may not send packet type " + type + " now");
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

  /** Says which other server to use, if that is the reason and the packet may be so large. */
  void refer(PropertyWriter properties, ReasonCode reason, int rest, long largest) {
    Optional<String> other = broker.settings.announced().serverReference();
    if (reason == ReasonCode.USE_ANOTHER_SERVER
        && other.isPresent()
        && rest + 3L + 9L + other.get().length() <= largest) {
      properties.string(Property.SERVER_REFERENCE, other.get());
    }
  }

  /**
   * Adds a reason string, if clients are told any, and the packet then keeps the maximum packet
   * size [MQTT-3.2.2-19].
   */
  void addReason(PropertyWriter properties, String why, int rest, long largest) {
    // with it: its identifier and length; the packet's type, length and property length at most
    boolean isTold = why != null && broker.settings.announced().reasonStrings();
    if (isTold && rest + properties.size() + 3L + 9L + ByteBufUtil.utf8Bytes(why) <= largest) {
      properties.string(Property.REASON_STRING, why);
    }
  }

  private void checkUserProperties(Packet packet) throws MqttException {
    if (!packet.properties().userProperties().isEmpty()
        && broker.limits.get(Limit.USER_PROPERTIES) == 0) {
      throw new MqttException(
          ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR,
          "user properties are allowed in PUBLISH and wills only");
    }
  }

  private void disconnect(Packet.Disconnect disconnect) throws MqttException {
    if (!disconnect.reason().isForClients()) {
      throw new MqttException(
          ReasonCode.PROTOCOL_ERROR,
          "reason code 0x%02x is for servers to disconnect with [MQTT-3.14.2-1]"
              .formatted(disconnect.reason().code()));
    }
    long expiry = disconnect.properties().number(Property.SESSION_EXPIRY_INTERVAL, -1);
    if (expiry > 0 && opening.expirySeconds() == 0) {
      throw new MqttException(
          ReasonCode.PROTOCOL_ERROR,
          "DISCONNECT raises the session expiry interval from 0 [MQTT-3.14.2-2]");
    }
    lastExpiry = Math.min(expiry, broker.limits.get(Limit.SESSION_EXPIRY));
    isNormal = disconnect.reason() == ReasonCode.SUCCESS;
    saidGoodbye();
    connection.end();
  }

  /** The client ends the connection itself. */
  void saidGoodbye() {
    endReason = "client_disconnect";
    disconnection = Disconnection.CLIENT_INITIATED_DISCONNECT;
  }

  /** Nobody may come from its address any more. */
  void forbidden() {
    deny("clients may not come from this address any more", Disconnection.IP_FORBIDDEN);
  }

  // --- enhanced authentication (section 4.12) ---

  private void auth(Packet.Auth auth) throws MqttException {
    if (state == State.OPENING) {
      opening.auth(auth);
    } else if (authentication != null) {
      authentication.answer(auth);
    } else {
      authentication =
          new Authentication(
              this,
              opening.connect(),
              this::authenticated,
              no -> deny(no.text(), Disconnection.CLIENT_AUTHENTICATION_ERROR),
              () -> {});
      authentication.requireMethod(auth);
      if (auth.reason() != ReasonCode.REAUTHENTICATE) {
        throw new MqttException(
            ReasonCode.PROTOCOL_ERROR,
            "AUTH with reason 0x%02x (allowed: 0x19 to authenticate again)"
                .formatted(auth.reason().code()));
      }
      authentication.begin(publisher.clientId(), auth.properties().authenticationData());
    }
  }

  /** The client has proved again who it is: its rights may be others now. */
  private void authenticated(Bus.Authenticated known) {
    Permit rights = known.permit();
    if (!rights.authenticationName().equals(publisher.authenticationName())) {
      deny("authenticated again as another client", Disconnection.CLIENT_AUTHENTICATION_ERROR);
      return;
    }
    granted(known);
    if (use(rights)) {
      authentication.succeed(known.data());
      authentication = null;
    }
  }

  private void granted(Bus.Authenticated known) {
    granted = known.granted();
    if (granted != null && granted.until() != null) {
      long left = Duration.between(Instant.now(), granted.until()).toMillis();
      provenUntil = loop.now + Math.max(0, left);
    }
    if (granted != null) {
      loop.rejudging.opened(connection, known.revision());
    }
  }

  /** What the client was let in by, once it is; or null. */
  Admission.Granted granted() {
    return state == State.OPEN ? granted : null;
  }

  /** The policy has changed, or the registry. */
  void judged(Admission now) {
    if (now instanceof Admission.Granted again) {
      granted = again;
      use(again.permit());
    } else {
      Admission.Refused no = (Admission.Refused) now;
      isRefused = true;
      denied(no.text());
    }
  }

  /** The client's rights are these from now on; false if the connection ends for that. */
  private boolean use(Permit rights) {
    publishing.permit(rights);
    Optional<String> why = subscriptions.permit(rights);
    why.ifPresent(this::denied);
    return why.isEmpty();
  }

  private void denied(String why) {
    broker.telemetry.count(Meter.DENIALS, "connection");
    deny(
        why,
        isRefused
            ? Disconnection.CLIENT_AUTHENTICATION_ERROR
            : Disconnection.CLIENT_AUTHORIZATION_ERROR);
  }

  /** Whoever is connected may not be any more. */
  private void deny(String why, Disconnection called) {
    denied("connection ended", null, null, why);
    end(ReasonCode.NOT_AUTHORIZED, why, called);
  }

  /** Writes down what a connected client was denied: {@code value} is a {@code kind}, or null. */
  void denied(String event, String kind, String value, String why) {
    broker
        .telemetry
        .audit()
        .denied(
            event,
            publisher.authenticationName(),
            "client",
            publisher.authenticationName(),
            "session",
            publisher.clientId(),
            "remote",
            remote,
            kind,
            value,
            "reason",
            why);
  }

  // --- acknowledgements ---

  private void ack(Packet.Ack ack) throws MqttException {
    int id = ack.packetId();
    Outgoing outgoing = connection.outgoing();
    switch (ack.type()) {
      case Packet.PUBACK -> {
        if (ack.reason().isError() && broker.limits.get(Limit.NEGATIVE_ACKS) == 0) {
          throw new MqttException(
              ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR,
              "PUBACK with reason 0x%02x (allowed: success)".formatted(ack.reason().code()));
        }
        settled(id, outgoing.acknowledged(id));
      }
      case Packet.PUBREC -> {
        if (ack.reason().isError()) {
          settled(id, outgoing.rejected(id));
        } else if (!outgoing.received(id)) {
          refusedAck();
          release(id, ReasonCode.PACKET_IDENTIFIER_NOT_FOUND);
        } else if (mailbox == null) {
          release(id, ReasonCode.SUCCESS);
        } else {
          mailbox.received(id);
        }
      }
      case Packet.PUBREL -> publishing.released(id);
      default -> settled(id, outgoing.completed(id));
    }
  }

  private void release(int packetId, ReasonCode reason) {
    Encoder.ack(connection.out(), version, Packet.PUBREL, packetId, reason);
  }

  private void settled(int packetId, boolean wasInFlight) {
    if (!wasInFlight) {
      refusedAck();
    } else if (mailbox != null) {
      mailbox.settled(packetId);
    }
  }

  /** An acknowledgement of nothing that is in flight. */
  void refusedAck() {
    broker.telemetry.count(Meter.PACKETS_REFUSED, tag(ReasonCode.PACKET_IDENTIFIER_NOT_FOUND));
  }

  // --- opening and end ---

  /**
   * The device is let in.
   *
   * @param stored its session in the store, or null if it ends with the connection
   * @param number higher than that of any connection that the client had before
   */
  void opened(
      Bus.Authenticated known,
      Bus.Publisher who,
      long keepAliveSeconds,
      Outcome.Opened stored,
      long number) {
    final Permit rights = known.permit();
    publisher = who;
    sequence = number;
    problemInformation =
        opening.connect().properties().number(Property.REQUEST_PROBLEM_INFORMATION, 1) == 1;
    silence = keepAliveSeconds == 0 ? Long.MAX_VALUE : keepAliveSeconds * 1_500;
    if (stored != null) {
      mailbox = new Mailbox(loop, connection, who.clientId(), stored.epoch());
    }
    long epoch = stored == null ? 0 : stored.epoch();
    origin = new Origin(who, version, connection, epoch, 0);
    replay = new Replay(loop, connection, mailbox);
    publishing = new Publishing(this, rights, origin, mailbox);
    subscriptions = new Subscriptions(this, rights, mailbox, replay);
    state = State.OPEN;
    if (!loop.traces.isEmpty()) {
      loop.traces.opened(connection);
    }
    granted(known);
    broker.telemetry.count(Meter.CONNECTS, "success", dialect().tag());
    broker.clients(dialect()).incrementAndGet();
    opening.measure();
    tell(null);
    LOG.debug(
        "connected: client={} session={} remote={}",
        who.authenticationName(),
        who.clientId(),
        remote);
    if (stored != null) {
      publishing.resumed(stored);
      subscriptions.resumed(stored, opening.resumed());
      mailbox.advance();
    }
  }

  /** The device has taken what there was: more may come. */
  void drained() {
    if (mailbox != null) {
      mailbox.advance();
    }
    if (replay != null) {
      replay.advance();
    }
  }

  /** A delivery is in the inbox of the connection's session. */
  void bell(Effect.Bell bell) {
    if (mailbox != null) {
      mailbox.bell(bell.epoch(), bell.delivery());
    }
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
      end(e.reason(), e.getMessage(), ofClient(e.reason()));
    } else if (state == State.OPENING) {
      opening.refuse(e.reason(), e.getMessage());
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

  /** What it is called if a client did that. */
  private static Disconnection ofClient(ReasonCode reason) {
    return switch (reason) {
      case NOT_AUTHORIZED -> Disconnection.CLIENT_AUTHORIZATION_ERROR;
      case QUOTA_EXCEEDED, MESSAGE_RATE_TOO_HIGH -> Disconnection.QUOTA_EXCEEDED;
      default -> Disconnection.CLIENT_ERROR;
    };
  }

  /** What it is called if the server ends the connection. */
  private static Disconnection ofServer(ReasonCode reason) {
    return switch (reason) {
      case SESSION_TAKEN_OVER -> Disconnection.SESSION_TAKEN_OVER;
      case KEEP_ALIVE_TIMEOUT -> Disconnection.CLIENT_ERROR;
      case NOT_AUTHORIZED -> Disconnection.CLIENT_AUTHORIZATION_ERROR;
      case QUOTA_EXCEEDED -> Disconnection.SESSION_OVERFLOW;
      case SERVER_SHUTTING_DOWN, ADMINISTRATIVE_ACTION, USE_ANOTHER_SERVER, SERVER_MOVED ->
          Disconnection.SERVER_INITIATED_DISCONNECT;
      default -> Disconnection.SERVER_ERROR;
    };
  }

  /** Tells who wants to know that the client has come, or why it has gone. */
  private void tell(Disconnection why) {
    Bus.LifeCycle to = broker.lifeCycle;
    if (!to.isTold()) {
      return;
    }
    boolean isRegistered =
        granted != null
            && (granted.credential() instanceof Admission.Credential.Certificate
                || granted.credential() instanceof Admission.Credential.Password);
    LifeCycleEvent event =
        LifeCycleEvent.session(
            to.namespace(),
            UUID.randomUUID().toString(),
            Instant.now(),
            new LifeCycleEvent.Session(
                publisher.authenticationName(),
                publisher.clientId(),
                isRegistered ? granted.client().name() : null,
                sequence),
            why);
    EventQueues.enqueue(to.told(), event).ifPresent(loop.outbox::addUnlessFull);
    // later: this may be in the middle of another message
    loop.execute(() -> loop.dispatcher.tell(EventQueues.message(event)));
  }

  /** Ends the connection; an MQTT 5 client is told why. */
  void end(ReasonCode reason, String why) {
    end(reason, why, ofServer(reason));
  }

  private void end(ReasonCode reason, String why, Disconnection called) {
    if (connection.isEnding()) {
      return;
    }
    if (state == State.OPENING && opening != null) {
      opening.end(reason, why);
      return;
    }
    if (connection.tracer() != null) {
      connection.tracer().tell("ends", why, reason);
    }
    endReason = tag(reason);
    disconnection = called;
    if (state == State.OPEN && version == MqttVersion.V5) {
      PropertyWriter properties = new PropertyWriter();
      refer(properties, reason, 1, connection.outgoing().largestToSend());
      addReason(properties, why, 1, connection.outgoing().largestToSend());
      // what only CONNACK may say is said in general terms [MQTT-3.14.2-1]
      boolean isTold = reason.isFor(Packet.DISCONNECT);
      Encoder.disconnect(
          connection.out(), version, isTold ? reason : ReasonCode.UNSPECIFIED_ERROR, properties);
    }
    connection.end();
  }

  /** Another connection took the session before this one was let in. */
  void overtaken() {
    long largest =
        opening.connect().properties().number(Property.MAXIMUM_PACKET_SIZE, Long.MAX_VALUE);
    PropertyWriter properties = new PropertyWriter();
    addReason(properties, OVERTAKEN, 1, largest);
    Encoder.disconnect(connection.out(), version, ReasonCode.SESSION_TAKEN_OVER, properties);
    refused(ReasonCode.SESSION_TAKEN_OVER, OVERTAKEN);
  }

  /** The CONNECT was refused, with an answer. */
  void refused(ReasonCode reason, String why) {
    if (connection.tracer() != null) {
      connection.tracer().refused(reason, why);
    }
    endReason = tag(reason);
    broker.telemetry.count(Meter.CONNECTS, tag(reason), dialect().tag());
    if (OF_THE_CLIENT.contains(reason)) {
      // names are anybody's: who is denied is counted by where it comes from
      String host = remote.substring(0, Math.max(0, remote.lastIndexOf(':')));
      Packet.Connect connect = opening.connect();
      broker
          .telemetry
          .audit()
          .denied(
              "connect refused",
              host,
              "client",
              connect.userName(),
              "session",
              connect.clientId(),
              "remote",
              remote,
              "code",
              tag(reason),
              "reason",
              why);
    } else {
      loop.limitedLog.info(
          "connect refused: remote={} session={} reason={} cause={}",
          remote,
          shortened(opening.connect().clientId()),
          tag(reason),
          why);
    }
    connection.end();
  }

  /** A client may name itself as long as its CONNECT is; a log line may not be. */
  private static String shortened(String clientId) {
    return clientId.length() <= LOGGED ? clientId : clientId.substring(0, LOGGED) + "…";
  }

  /** The channel failed. */
  void broken(Throwable cause) {
    LOG.debug("connection broken: remote={} cause={}", remote, cause.toString());
  }

  /** Neither CONNECT, nor the answer to it, nor the end of the farewell came in time. */
  void timedOut() {
    if (state == State.OPENING && !connection.isEnding()) {
      opening.timedOut();
    }
    if (state != State.OPEN && !connection.isEnding()) {
      endReason = "connect_timeout";
      broker.telemetry.count(Meter.PACKETS_REFUSED, endReason);
    }
  }

  /** The channel is closed. */
  void closed() {
    broker.telemetry.count(Meter.DISCONNECTS, endReason);
    if (state == State.OPEN) {
      tell(disconnection);
      broker.clients(dialect()).decrementAndGet();
    }
    if (state == State.OPEN && mailbox == null) {
      broker.telemetry.count(Meter.SESSIONS_ENDED, "connection");
    }
    if (subscriptions != null) {
      subscriptions.closed();
    }
    if (mailbox != null) {
      mailbox.settle();
      loop.outbox.addUntilTaken(
          new Command.Close(
              mailbox.session(), mailbox.epoch(), lastExpiry, isNormal, mailbox.sentUpTo()));
      // at once: whoever takes the session over finds it as it was left
      loop.outbox.send();
    } else if (state == State.OPEN && opening.will() != null && !isNormal) {
      Origin gone = new Origin(publisher, MqttVersion.V5, null, 0, 0);
      byte[] will = opening.will().packet();
      if (isRefused) {
        loop.dispatcher.deniedWill(gone, "it may not do anything any more");
      } else {
        publishing
            .whyNot(opening.connect().will().topic())
            .ifPresentOrElse(
                why -> loop.dispatcher.deniedWill(gone, why),
                () -> loop.execute(() -> loop.dispatcher.will(will, gone)));
      }
    }
    if (opening != null) {
      opening.closed();
    }
    if (connection.tracer() != null) {
      connection.tracer().tell("closed", endReason.replace('_', ' '), null);
      connection.trace(null);
    }
  }

  /** Each second: keep alive (section 3.1.2.10). */
  void sweep(long now, long lastRead) {
    if (state == State.OPEN && now - lastRead > silence) {
      end(ReasonCode.KEEP_ALIVE_TIMEOUT, "nothing came for one and a half times the keep alive");
    } else if (state == State.OPEN && now >= provenUntil && !connection.isEnding()) {
      isRefused = true;
      denied("what proves who the client is has expired at " + granted.until());
    }
  }

  /** Sends the acknowledgements that have nothing to wait for any more. */
  void sendAcks() {
    publishing.sendAcks();
  }

  /** A message was not taken. */
  void notTaken(Acks.Ack ack) {
    publishing.notTaken(ack);
  }

  /** The client's CONNECT, once it was read; or null. */
  Packet.Connect connect() {
    return opening == null ? null : opening.connect();
  }

  /** What the client publishes, once it is let in; or null. */
  Publishing publishing() {
    return publishing;
  }

  /** Whether its session is stored. */
  boolean isStored() {
    return mailbox != null;
  }

  MqttVersion version() {
    return version;
  }

  /** What it speaks, once its CONNECT was read. */
  Dialect dialect() {
    return Dialect.of(version, isWebSocket);
  }

  Bus.Publisher publisher() {
    return publisher;
  }

  static String tag(ReasonCode reason) {
    return reason.name().toLowerCase(Locale.ROOT);
  }
}
