package io.busbar.telemetry;

import java.util.List;

/** The meters of Busbar; docs/metrics.md lists the same, which a test checks. */
public enum Meter {
  CONNECTIONS(
      "busbar.connections", Kind.GAUGE, "open connections, those in their handshake included"),
  HANDSHAKES("busbar.handshakes", Kind.GAUGE, "TLS handshakes that wait or are under way"),
  OVERLOADED(
      "busbar.overloaded",
      Kind.GAUGE,
      "1 while the node takes no new clients: it is short of memory or late"),
  LOOP_LAG(
      "busbar.loop.lag",
      Kind.GAUGE,
      "seconds that the latest event loop is behind its timers, smoothed over five"),
  CONNECTS("busbar.connects", Kind.COUNTER, "CONNECTs answered", "result"),
  DISCONNECTS("busbar.disconnects", Kind.COUNTER, "connections ended", "reason"),
  PACKETS_REFUSED(
      "busbar.packets.refused",
      Kind.COUNTER,
      "packets that were malformed or beyond a limit",
      "reason"),
  PUBLISHES_RECEIVED("busbar.publishes.received", Kind.COUNTER, "PUBLISH from clients", "qos"),
  PUBLISHES_SENT("busbar.publishes.sent", Kind.COUNTER, "PUBLISH to clients", "qos"),
  BYTES_RECEIVED("busbar.bytes.received", Kind.COUNTER, "bytes from clients"),
  BYTES_SENT("busbar.bytes.sent", Kind.COUNTER, "bytes to clients"),
  DELIVERIES_MATCHED(
      "busbar.deliveries.matched",
      Kind.COUNTER,
      "messages times matching sessions of this node: settled, sent, handed on, queued, in flight or lost"),
  DELIVERIES_SETTLED(
      "busbar.deliveries.settled",
      Kind.COUNTER,
      "QoS 1 and 2 deliveries settled, or handed on to another member of a share"),
  DELIVERIES_PENDING(
      "busbar.deliveries.pending", Kind.GAUGE, "QoS 1 and 2 deliveries queued or in flight"),
  OUTBOUND_PENDING(
      "busbar.outbound.pending.bytes",
      Kind.GAUGE,
      "bytes that wait in sockets and queues, bounded by outbound-total-bytes"),
  LOST("busbar.lost", Kind.COUNTER, "messages not delivered: the loss ledger", "reason"),
  SUBSCRIPTIONS("busbar.subscriptions", Kind.GAUGE, "subscriptions of this node's connections"),
  FILTERS("busbar.filters", Kind.GAUGE, "distinct filters in the index, other nodes' included"),
  SESSIONS_STORED("busbar.sessions.stored", Kind.GAUGE, "stored sessions, connected or not"),
  RETAINED("busbar.retained", Kind.GAUGE, "retained messages"),
  STORE_COMMIT(
      "busbar.store.commit",
      Kind.TIMER,
      "from a batch's way into the store until it is as safe as durability says"),
  STORE_REFUSED(
      "busbar.store.refused",
      Kind.COUNTER,
      "commands that the store refused; what needed no room was tried again",
      "reason"),
  STORE_SYNC("busbar.store.sync", Kind.TIMER, "one sync of the journal; only where there is one"),
  STORE_JOURNAL_BYTES(
      "busbar.store.journal.bytes",
      Kind.GAUGE,
      "bytes of the journal's files; only where there is one"),
  STORE_FULL(
      "busbar.store.full",
      Kind.GAUGE,
      "1 while the store has no room for more; only where there is a journal"),
  STORE_VOTERS(
      "busbar.store.voters",
      Kind.GAUGE,
      "nodes that decide in the store, as far as this one knows; only where nodes share one"),
  STORE_LEADS(
      "busbar.store.leads",
      Kind.GAUGE,
      "1 while this node leads the store; only where nodes share one"),
  STORE_SERVES(
      "busbar.store.serves",
      Kind.GAUGE,
      "1 while this node holds a lease, 0 while it may not serve devices; only where nodes share one"),
  STORE_CHANNEL(
      "busbar.store.channel",
      Kind.COUNTER,
      "what happened on the connections between the nodes' stores: frames, bytes, what was dropped or refused",
      "what"),
  NODES("busbar.nodes", Kind.GAUGE, "nodes in the cluster, this one included"),
  FORWARDS_SENT("busbar.forwards.sent", Kind.COUNTER, "messages sent to other nodes"),
  FORWARDS_RECEIVED("busbar.forwards.received", Kind.COUNTER, "messages received from other nodes"),
  DENIALS("busbar.denials", Kind.COUNTER, "operations denied by the policy", "operation"),
  SHED(
      "busbar.shed",
      Kind.COUNTER,
      "connections closed before their handshake, and CONNECTs refused, to spare who is connected",
      "what"),
  THROTTLED(
      "busbar.throttled", Kind.COUNTER, "what clients wanted beyond a limit for a second", "limit"),
  NAMESPACE_LOADS(
      "busbar.namespace.loads",
      Kind.COUNTER,
      "changed namespace files, taken in or refused as a whole",
      "result"),
  REVOCATION_LOADS(
      "busbar.revocation.loads",
      Kind.COUNTER,
      "lists of revoked certificates, taken in or refused",
      "result"),
  REVOCATION_LOOKUPS(
      "busbar.revocation.lookups",
      Kind.COUNTER,
      "certificates that others were asked about whom they name, by what came of it",
      "result"),
  WEBHOOK_AUTHENTICATIONS(
      "busbar.webhook.authentications",
      Kind.COUNTER,
      "clients that a webhook was asked for, by what came of it",
      "result"),
  PASSWORDS(
      "busbar.passwords",
      Kind.COUNTER,
      "CONNECTs of clients that passwords are asked of, by what came of it",
      "result"),
  API_REQUESTS(
      "busbar.api.requests", Kind.COUNTER, "requests of the management API answered", "status"),
  BUS_MESSAGES("busbar.bus.messages", Kind.COUNTER, "messages taken from the bus", "verticle"),
  EVENTS_DELIVERED(
      "busbar.events.delivered",
      Kind.COUNTER,
      "events that a webhook or Kafka took",
      "subscription"),
  EVENTS_RETRIED(
      "busbar.events.retried",
      Kind.COUNTER,
      "events that were not taken and are tried again",
      "subscription"),
  EVENTS_DEAD_LETTERED(
      "busbar.events.dead.lettered",
      Kind.COUNTER,
      "events that nobody took, put where dead letters go",
      "subscription"),
  EVENTS_PENDING(
      "busbar.events.pending",
      Kind.GAUGE,
      "events in the queues of subscriptions and dead letters");

  /** How a meter moves. */
  public enum Kind {
    COUNTER,
    GAUGE,
    /** How often, and how long it took: shown as seconds, with a histogram. */
    TIMER
  }

  private final String id;
  private final Kind kind;
  private final String meaning;

  @SuppressWarnings("ImmutableEnumChecker") // List.of is immutable
  private final List<String> tags;

  Meter(String id, Kind kind, String meaning, String... tags) {
    this.id = id;
    this.kind = kind;
    this.meaning = meaning;
    this.tags = List.of(tags);
  }

  /** The Micrometer name; Prometheus shows underscores and, for counters, {@code _total}. */
  public String id() {
    return id;
  }

  /** How it moves. */
  public Kind kind() {
    return kind;
  }

  /** What is counted. */
  public String meaning() {
    return meaning;
  }

  /** The tag keys. */
  public List<String> tags() {
    return tags;
  }
}
