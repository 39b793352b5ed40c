package io.busbar.config;

import io.busbar.mqtt.ReasonCode;
import java.util.Optional;

/**
 * The limits table: everything that a client, a message or a queue could grow without bound.
 *
 * <p>Each row has a key (under {@code limits:} in the configuration file), a default, the value of
 * profile {@code azure} (see docs/configuration.md for its source), a unit, a range, and the reason
 * code that a client gets when it goes beyond, where a packet can carry one.
 */
public enum Limit {
  MAX_CONNECTIONS(
      "max-connections",
      100_000,
      100_000,
      "connections",
      1,
      10_000_000,
      ReasonCode.SERVER_BUSY,
      "open connections of a node; beyond, CONNECT is refused"),
  CONNECT_TIMEOUT(
      "connect-timeout",
      10,
      10,
      "s",
      1,
      300,
      null,
      "time for the TLS and WebSocket handshake and again for the whole CONNECT; then the"
          + " connection is closed"),
  CONNECT_BYTES(
      "connect-bytes",
      65_536,
      16_384,
      "bytes",
      1_024,
      1_048_576,
      ReasonCode.PACKET_TOO_LARGE,
      "size of a CONNECT packet"),
  PENDING_CONNECTS(
      "pending-connects",
      10_000,
      10_000,
      "connects",
      1,
      1_000_000,
      ReasonCode.SERVER_BUSY,
      "CONNECTs of a node that wait for authorization, and as many TLS handshakes; beyond, CONNECT is"
          + " refused, and a connection closed before its handshake"),
  MEMORY_WATERMARK(
      "memory-watermark",
      90,
      90,
      "%",
      1,
      100,
      ReasonCode.SERVER_BUSY,
      "of the heap after a collection, or of the buffers; beyond, no new clients are taken until"
          + " nine tenths of it suffice"),
  LAG_WATERMARK(
      "lag-watermark",
      2_000,
      2_000,
      "ms",
      0,
      60_000,
      ReasonCode.SERVER_BUSY,
      "how late event loops are, smoothed over some five seconds; beyond, no new clients are taken"
          + " until it is nine tenths; 0 bounds none"),
  CLIENT_ID_BYTES(
      "client-id-bytes",
      1_024,
      128,
      "bytes",
      23,
      65_535,
      ReasonCode.CLIENT_IDENTIFIER_NOT_VALID,
      "length of a client id"),
  KEEP_ALIVE(
      "keep-alive",
      65_535,
      1_160,
      "s",
      5,
      65_535,
      null,
      "longest keep alive; an MQTT 5 client that asks for more, or for none where this is below"
          + " 65535, is told this as Server Keep Alive"),
  PACKET_BYTES(
      "packet-bytes",
      1_048_576,
      524_288,
      "bytes",
      1_024,
      268_435_460,
      ReasonCode.PACKET_TOO_LARGE,
      "size of a packet from a client"),
  TOPIC_BYTES(
      "topic-bytes",
      4_096,
      256,
      "bytes",
      16,
      65_535,
      ReasonCode.TOPIC_NAME_INVALID,
      "length of a topic name or filter"),
  TOPIC_LEVELS(
      "topic-levels",
      128,
      15,
      "levels",
      2,
      1_024,
      ReasonCode.TOPIC_NAME_INVALID,
      "levels of a topic name or filter"),
  TOPIC_ALIASES(
      "topic-aliases",
      64,
      10,
      "aliases",
      0,
      65_535,
      ReasonCode.TOPIC_ALIAS_INVALID,
      "Topic Alias Maximum announced to MQTT 5 clients"),
  USER_PROPERTIES_BYTES(
      "user-properties-bytes",
      65_536,
      32_768,
      "bytes",
      0,
      1_048_576,
      ReasonCode.QUOTA_EXCEEDED,
      "names and values of all user properties of a PUBLISH together"),
  RECEIVE_MAXIMUM(
      "receive-maximum",
      1_024,
      1_000,
      "messages",
      1,
      65_535,
      ReasonCode.RECEIVE_MAXIMUM_EXCEEDED,
      "QoS 1 and 2 messages of a client that are not settled"),
  INFLIGHT(
      "inflight",
      1_024,
      100,
      "messages",
      1,
      65_535,
      null,
      "QoS 1 and 2 messages to a client that it has not settled; its Receive Maximum may lower"
          + " it"),
  MAXIMUM_QOS(
      "maximum-qos",
      2,
      1,
      "QoS",
      0,
      2,
      ReasonCode.QOS_NOT_SUPPORTED,
      "highest QoS of a PUBLISH or will from a client; subscriptions are granted no more"),
  RETAIN_AVAILABLE(
      "retain-available",
      1,
      1,
      "switch",
      0,
      1,
      ReasonCode.RETAIN_NOT_SUPPORTED,
      "whether clients may retain messages"),
  RETAINED_BYTES(
      "retained-bytes",
      1_048_576,
      65_536,
      "bytes",
      256,
      268_435_460,
      ReasonCode.PACKET_TOO_LARGE,
      "size of the PUBLISH of a message to be retained"),
  RETAINED_MESSAGES(
      "retained-messages",
      10_000_000,
      10_000,
      "messages",
      1,
      100_000_000,
      ReasonCode.QUOTA_EXCEEDED,
      "retained messages of a node; then new topics are refused"),
  RETAINED_TOTAL_BYTES(
      "retained-total-bytes",
      4_294_967_296L,
      671_088_640,
      "bytes",
      65_536,
      1_099_511_627_776L,
      ReasonCode.QUOTA_EXCEEDED,
      "their bytes, 128 added for each"),
  WILL_DELAY(
      "will-delay",
      4_294_967_295L,
      300,
      "s",
      0,
      4_294_967_295L,
      null,
      "longest Will Delay Interval; a longer one is taken as this"),
  SESSION_EXPIRY(
      "session-expiry",
      4_294_967_295L,
      3_600,
      "s",
      0,
      4_294_967_295L,
      null,
      "longest Session Expiry Interval, and that of MQTT 3.1.1 sessions that are not clean;"
          + " 4294967295 never ends, at 0 no session is stored"),
  STORED_SESSIONS(
      "stored-sessions",
      1_000_000,
      10_000,
      "sessions",
      1,
      100_000_000,
      ReasonCode.QUOTA_EXCEEDED,
      "stored sessions of a node; then a CONNECT that needs a new one is refused"),
  CLIENT_SESSIONS(
      "client-sessions",
      0,
      1,
      "sessions",
      0,
      100,
      ReasonCode.QUOTA_EXCEEDED,
      "sessions of one authentication name in the cluster, connected or stored; then a CONNECT under"
          + " another client id is refused. 0 bounds none;"
          + " maximumClientSessionsPerAuthenticationName of the namespace goes before"),
  SHARED_SUBSCRIPTIONS(
      "shared-subscriptions",
      1,
      0,
      "switch",
      0,
      1,
      ReasonCode.SHARED_SUBSCRIPTIONS_NOT_SUPPORTED,
      "whether clients may share subscriptions"),
  SUBSCRIPTION_IDENTIFIERS(
      "subscription-identifiers",
      1,
      0,
      "switch",
      0,
      1,
      ReasonCode.SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED,
      "whether SUBSCRIBE may carry a subscription identifier"),
  ASSIGNED_ALIASES(
      "assigned-aliases",
      64,
      0,
      "aliases",
      0,
      65_535,
      null,
      "topic aliases that the server assigns to a client, as far as its Topic Alias Maximum allows"),
  NEGATIVE_ACKS(
      "negative-acks",
      1,
      0,
      "switch",
      0,
      1,
      ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR,
      "whether a client may answer a message with an error; else that ends its connection"),
  USER_PROPERTIES(
      "user-properties",
      1,
      0,
      "switch",
      0,
      1,
      ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR,
      "whether packets other than PUBLISH and a will may carry user properties"),
  QUEUE_MESSAGES(
      "queue-messages",
      10_000,
      100,
      "messages",
      1,
      10_000_000,
      null,
      "QoS 1 and 2 messages that wait for room in flight, per session; then queue-overflow says"
          + " what happens"),
  QUEUE_BYTES(
      "queue-bytes",
      8_388_608,
      1_048_576,
      "bytes",
      1_024,
      1_073_741_824,
      null,
      "their bytes, per session; then queue-overflow says what happens"),
  OUTBOUND_BYTES(
      "outbound-bytes",
      4_194_304,
      1_048_576,
      "bytes",
      65_536,
      268_435_456,
      null,
      "bytes that wait for a slow receiver's socket; then QoS 0 to it is dropped and QoS 1 queued"),
  OUTBOUND_TOTAL_BYTES(
      "outbound-total-bytes",
      268_435_456,
      268_435_456,
      "bytes",
      1_048_576,
      68_719_476_736L,
      null,
      "bytes that wait in sockets and queues of a node; then each slow receiver is held to a"
          + " sixteenth of outbound-bytes and queue-bytes"),
  FILTERS_PER_SUBSCRIBE(
      "filters-per-subscribe",
      4_096,
      10,
      "filters",
      1,
      65_535,
      ReasonCode.QUOTA_EXCEEDED,
      "topic filters in one SUBSCRIBE or UNSUBSCRIBE"),
  SUBSCRIPTIONS(
      "subscriptions",
      16_384,
      50,
      "subscriptions",
      1,
      1_000_000,
      ReasonCode.QUOTA_EXCEEDED,
      "subscriptions of a session"),
  CONNECTS(
      "connects",
      0,
      200,
      "connects/s",
      0,
      1_000_000_000,
      ReasonCode.CONNECTION_RATE_EXCEEDED,
      "CONNECTs of all clients of a node in a second; 0 bounds none"),
  SESSION_CONNECTS(
      "session-connects",
      0,
      1,
      "connects/s",
      0,
      1_000_000_000,
      ReasonCode.CONNECTION_RATE_EXCEEDED,
      "those for one session, of a client that is known, over ten seconds; 0 bounds none"),
  PASSWORD_CHECKS(
      "password-checks",
      2,
      0,
      "checks",
      0,
      64,
      ReasonCode.NOT_AUTHORIZED,
      "passwords that a node checks at once, each on a thread of its own with up to 64 MiB;"
          + " at 0 clients that have one are not let in"),
  PENDING_PASSWORDS(
      "pending-passwords",
      100,
      100,
      "connects",
      1,
      10_000,
      ReasonCode.SERVER_BUSY,
      "CONNECTs of a node whose passwords are checked, or wait to be; beyond, or after 4 s, they"
          + " are refused"),
  PASSWORD_ATTEMPTS(
      "password-attempts",
      1,
      1,
      "attempts/s",
      0,
      1_000_000,
      ReasonCode.CONNECTION_RATE_EXCEEDED,
      "passwords for one name from one address (of IPv6: one /64), over ten seconds; and ten times"
          + " as many that are wrong from one address for any names. Beyond, none is checked. 0"
          + " bounds none"),
  ISSUER_KEYS(
      "issuer-keys",
      100,
      100,
      "keys",
      1,
      1_000,
      null,
      "keys in the JWK Set of a token issuer; one with more is not taken in"),
  PUBLISH_MESSAGES(
      "publish-messages",
      0,
      1_000,
      "messages/s",
      0,
      1_000_000_000,
      ReasonCode.QUOTA_EXCEEDED,
      "messages from a client in a second; beyond, QoS 1 and 2 are refused (MQTT 3.1.1"
          + " cannot say so: the connection ends) and QoS 0 is dropped. 0 bounds none"),
  PUBLISH_BYTES(
      "publish-bytes",
      0,
      1_048_576,
      "bytes/s",
      0,
      1_000_000_000,
      ReasonCode.QUOTA_EXCEEDED,
      "bytes of their packets; the same happens. 0 bounds none"),
  NODE_PUBLISH_MESSAGES(
      "node-publish-messages",
      0,
      1_000,
      "messages/s",
      0,
      1_000_000_000,
      ReasonCode.QUOTA_EXCEEDED,
      "messages from all clients of a node in a second; the same happens. 0 bounds none"),
  NODE_PUBLISH_BYTES(
      "node-publish-bytes",
      0,
      1_048_576,
      "bytes/s",
      0,
      1_000_000_000,
      ReasonCode.QUOTA_EXCEEDED,
      "bytes of their packets; the same happens. 0 bounds none"),
  DELIVER_MESSAGES(
      "deliver-messages",
      0,
      100,
      "messages/s",
      0,
      1_000_000_000,
      null,
      "messages to a client in a second; beyond, QoS 1 and 2 wait (queue-messages) and"
          + " QoS 0 is dropped. 0 bounds none"),
  DELIVER_BYTES(
      "deliver-bytes",
      0,
      1_048_576,
      "bytes/s",
      0,
      1_000_000_000,
      null,
      "bytes of their packets; the same happens. 0 bounds none"),
  SUBSCRIBES(
      "subscribes",
      0,
      5,
      "requests/s",
      0,
      1_000_000_000,
      ReasonCode.QUOTA_EXCEEDED,
      "SUBSCRIBEs and UNSUBSCRIBEs of a client in a second; beyond, they are refused"
          + " (an UNSUBSCRIBE of MQTT 3.1.1: the connection ends). 0 bounds none"),
  NODE_SUBSCRIBES(
      "node-subscribes",
      0,
      200,
      "requests/s",
      0,
      1_000_000_000,
      ReasonCode.QUOTA_EXCEEDED,
      "those of all clients of a node; the same happens. 0 bounds none"),
  WEBSOCKET_FRAME_BYTES(
      "websocket-frame-bytes",
      1_048_576,
      524_288,
      "bytes",
      1_024,
      16_777_216,
      null,
      "payload of a WebSocket frame; beyond, the connection is closed with status 1009"),
  FORWARD_BYTES(
      "forward-bytes",
      1_048_576,
      1_048_576,
      "bytes",
      65_536,
      67_108_864,
      null,
      "bytes on their way from one event loop to one node; at the bound it stops reading the"
          + " publishers that feed it"),
  EVENT_QUEUE_EVENTS(
      "event-queue-events",
      100_000,
      100_000,
      "events",
      1,
      10_000_000,
      null,
      "events in the queue of an event subscription; beyond, a publish to its topic over HTTP is"
          + " refused, and an MQTT message is not among its events"),
  EVENT_QUEUE_BYTES(
      "event-queue-bytes",
      67_108_864,
      67_108_864,
      "bytes",
      1_048_576,
      68_719_476_736L,
      null,
      "their bytes, 128 added for each"),
  API_REQUESTS(
      "api-requests",
      10_000,
      250,
      "requests/s",
      1,
      1_000_000,
      null,
      "requests of one caller to the management API; beyond, 429"),
  PUSH_TIMEOUT("push-timeout", 30, 30, "s", 1, 30, null, "time for a webhook to take events");

  private final String key;
  private final long open;
  private final long azure;
  private final String unit;
  private final long least;
  private final long most;
  private final ReasonCode reason;
  private final String meaning;

  Limit(
      String key,
      long open,
      long azure,
      String unit,
      long least,
      long most,
      ReasonCode reason,
      String meaning) {
    this.key = key;
    this.open = open;
    this.azure = azure;
    this.unit = unit;
    this.least = least;
    this.most = most;
    this.reason = reason;
    this.meaning = meaning;
  }

  /** The key under {@code limits:}. */
  public String key() {
    return key;
  }

  /** The value in a profile where the configuration sets none. */
  public long value(Profile profile) {
    return profile == Profile.AZURE ? azure : open;
  }

  /** The unit of the value, for people. */
  public String unit() {
    return unit;
  }

  /** The smallest value that may be configured. */
  public long least() {
    return least;
  }

  /** The largest value that may be configured. */
  public long most() {
    return most;
  }

  /** What a client is told that goes beyond, where a packet can carry a code. */
  public Optional<ReasonCode> reason() {
    return Optional.ofNullable(reason);
  }

  /** What is bounded and what happens at the bound. */
  public String meaning() {
    return meaning;
  }

  /** The row of a key. */
  public static Optional<Limit> of(String key) {
    for (Limit limit : values()) {
      if (limit.key.equals(key)) {
        return Optional.of(limit);
      }
    }
    return Optional.empty();
  }
}
