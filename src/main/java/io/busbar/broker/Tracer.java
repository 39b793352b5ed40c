package io.busbar.broker;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.busbar.bus.Bus;
import io.busbar.bus.Trace;
import io.busbar.mqtt.Decoder;
import io.busbar.mqtt.MqttException;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.PacketFields;
import io.busbar.mqtt.Publish;
import io.busbar.mqtt.ReasonCode;
import io.busbar.policy.Admission;
import io.busbar.shard.Outcome;
import io.busbar.telemetry.Loss;
import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Tells people who look at a client what one of its connections does. A connection has one only
 * while somebody looks. Between CONNECT and authentication nobody knows which client it is: what
 * happens then is held back until that is known. For the connection's event loop.
 */
final class Tracer {
  /** Lines that are held back at most, for each who looks. */
  private static final int MOST_HELD = 32;

  private final Connection connection;
  private final Protocol protocol;
  private final String node;
  private final List<Look> looks = new ArrayList<>(1);
  private final Publish publish = new Publish();
  private String client;
  private String session;

  /** Somebody who looks. */
  private static final class Look {
    final Trace trace;

    /** What is held back, or null if it is known that the client is meant. */
    List<String> held;

    Look(Trace trace, List<String> held) {
      this.trace = trace;
      this.held = held;
    }

    void tell(String line) {
      if (held == null) {
        trace.add(line);
      } else if (held.size() < MOST_HELD) {
        held.add(line);
      }
    }
  }

  Tracer(Connection connection) {
    this.connection = connection;
    this.protocol = connection.protocol();
    this.node = protocol.broker.settings.nodeName();
  }

  /** Somebody looks at this client. */
  void add(Trace trace) {
    looks.add(new Look(trace, null));
  }

  /** Somebody looks at a client that may be this one. */
  void addMaybe(Trace trace) {
    looks.add(new Look(trace, new ArrayList<>(4)));
  }

  /** Somebody does not look any more. */
  void remove(Trace trace) {
    looks.removeIf(look -> look.trace == trace);
  }

  boolean has(Trace trace) {
    return looks.stream().anyMatch(look -> look.trace == trace);
  }

  boolean isEmpty() {
    return looks.isEmpty();
  }

  /** What the connection's session is called. */
  void session(String name) {
    session = name;
  }

  // --- packets ---

  /** A whole packet of the client, before it is handled. */
  void received(byte[] buffer, int start, int end) {
    Map<String, Object> judged =
        (buffer[start] & 0xf0) >> 4 == Packet.PUBLISH ? judge(buffer, start, end) : Map.of();
    packet("in", buffer, start, end, judged);
  }

  /** Whether a PUBLISH is allowed, and which topic its alias stands for. */
  private Map<String, Object> judge(byte[] buffer, int start, int end) {
    Map<String, Object> judged = new LinkedHashMap<>();
    Publishing publishing = protocol.publishing();
    if (publishing == null) {
      return judged;
    }
    try {
      publish.parse(buffer, start, end, protocol.version());
    } catch (MqttException e) {
      return judged; // the connection ends for it, and that is told
    }
    byte[] known = publish.topicLength() == 0 ? publishing.topic(publish.topicAlias()) : null;
    if (known != null) {
      publish.resolve(known);
      judged.put("aliasedTopic", PacketFields.cut(publish.topic()));
    }
    if (publish.topicLength() > 0) {
      Optional<String> why = publishing.whyNot(publish.topic());
      judged.put("allowed", why.isEmpty());
      why.ifPresent(no -> judged.put("text", no));
    }
    return judged;
  }

  /** A run of whole packets for the client. */
  void sent(ByteBuf run) {
    byte[] bytes = new byte[run.readableBytes()];
    run.getBytes(run.readerIndex(), bytes);
    try {
      for (int at = 0; at < bytes.length; ) {
        int length = Decoder.packetLength(bytes, at, bytes.length);
        if (length == Decoder.INCOMPLETE || length > bytes.length - at) {
          throw new MqttException(ReasonCode.MALFORMED_PACKET, "the last packet is not whole");
        }
        packet("out", bytes, at, at + length, Map.of());
        at += length;
      }
    } catch (MqttException e) {
      // it is sent all the same: only whoever looks misses it
      tell("not readable", e.getMessage(), null);
    }
  }

  private void packet(String way, byte[] buffer, int start, int end, Map<String, Object> more) {
    for (Look look : looks) {
      PacketFields packet =
          PacketFields.of(buffer, start, end, protocol.version(), look.trace.whom().payload());
      Map<String, Object> told = new LinkedHashMap<>();
      told.put("way", way);
      if (!packet.fields().isEmpty()) {
        told.put("fields", packet.fields());
      }
      told.putAll(more);
      look.tell(line(packet.type(), told));
    }
  }

  // --- what is decided ---

  /** Something happened; text and reason may be null. */
  void tell(String what, String text, ReasonCode reason) {
    Map<String, Object> more = new LinkedHashMap<>();
    if (reason != null) {
      more.put("reason", PacketFields.reason(reason.code()));
    }
    if (text != null) {
      more.put("text", text);
    }
    String line = line(what, more);
    looks.forEach(look -> look.tell(line));
  }

  private String line(String what, Map<String, ?> more) {
    Map<String, Object> of = new LinkedHashMap<>();
    if (client != null) {
      of.put("client", PacketFields.cut(client));
    }
    if (session != null) {
      of.put("session", PacketFields.cut(session));
    }
    return Trace.line(node, of, what, more);
  }

  /** It is known which client this is: who meant another one does not look any more. */
  private void isClient(String name) {
    for (Look look : List.copyOf(looks)) {
      if (look.held == null) {
        continue;
      }
      if (look.trace.whom().is(name, null)) {
        look.held.forEach(look.trace::add);
        look.held = null;
      } else {
        looks.remove(look);
      }
    }
    if (looks.isEmpty()) {
      connection.trace(null);
    }
  }

  /** The client is who it says. */
  void authenticated(Bus.Authenticated known) {
    client = known.permit().authenticationName();
    isClient(client);
    tell("authenticated", how(known.granted()), null);
  }

  private static String how(Admission.Granted granted) {
    if (granted == null) {
      return "by nothing: this node is open to all, or its method knows no registry";
    }
    Admission.Credential by = granted.credential();
    if (by instanceof Admission.Credential.Certificate certificate) {
      return certificate.issuer() == null
          ? "by its certificate's thumbprint"
          : "by its certificate, for which '%s' vouches".formatted(certificate.issuer().name());
    } else if (by instanceof Admission.Credential.Password) {
      return "by its password";
    } else if (by instanceof Admission.Credential.Token token) {
      return "by a token: " + token.method();
    }
    return "by the webhook";
  }

  /** CONNECT is refused: who may have been meant by it is who it said it is. */
  void refused(ReasonCode reason, String why) {
    Packet.Connect connect = protocol.connect();
    String said = connect.userName() == null ? connect.clientId() : connect.userName();
    isClient(client == null ? said : client);
    tell("refused", why, reason);
  }

  /** The session is the connection's. */
  void opened(Outcome.Opened stored) {
    session = protocol.publisher().clientId();
    String text = "a new session, which ends with the connection";
    if (stored != null && stored.present()) {
      text =
          "a stored session, resumed with %d subscriptions"
              .formatted(stored.subscriptions().size());
    } else if (stored != null) {
      text = "a new session, stored";
    }
    tell("session", text, null);
  }

  /** Somebody begins to look at a client that is connected. */
  void connected() {
    client = protocol.publisher().authenticationName();
    session = protocol.publisher().clientId();
    tell(
        "connected",
        "%s from %s, keep alive %d s, session %s"
            .formatted(
                protocol.dialect().tag(),
                protocol.remote,
                protocol.connect().keepAlive(),
                protocol.isStored() ? "stored" : "not stored"),
        null);
  }

  /** What a filter of a SUBSCRIBE comes to. */
  void subscribes(String filter, ReasonCode code, String why) {
    String quoted = "'" + PacketFields.cut(filter) + "'";
    if (code.isError()) {
      tell("subscription refused", why == null ? quoted : quoted + ": " + why, code);
    } else {
      tell("subscription granted", quoted + " at QoS " + code.code(), null);
    }
  }

  // --- what waits ---

  /** A message waits until the client takes more. */
  void queued(byte[] packet) {
    message("queued", null, packet, protocol.version());
  }

  /** Messages that waited are not delivered: too many do. */
  void dropped(int messages) {
    tell("dropped", "%d that waited: the queue is full".formatted(messages), null);
  }

  /** The client does not get a message. */
  void lost(Loss loss, Topic topic) {
    tell(
        "dropped",
        "'%s': %s".formatted(PacketFields.cut(new String(topic.name, UTF_8)), loss.tag()),
        null);
  }

  /** The same of a message that waited, as it is kept. */
  void lost(Loss loss, byte[] packet, MqttVersion version) {
    message("dropped", loss.tag(), packet, version);
  }

  private void message(String what, String text, byte[] packet, MqttVersion version) {
    looks.forEach(
        look -> look.tell(line(what, message(packet, version, look.trace.whom().payload(), text))));
  }

  /** A message that waits, as it is told of. */
  static Map<String, Object> message(byte[] packet, MqttVersion version, int payload, String text) {
    Map<String, Object> more = new LinkedHashMap<>();
    if (packet != null) {
      Map<String, Object> fields =
          PacketFields.of(packet, 0, packet.length, version, payload).fields();
      // it has none yet
      fields.remove("packetId");
      more.put("fields", fields);
    }
    if (text != null) {
      more.put("text", text);
    }
    return more;
  }
}
