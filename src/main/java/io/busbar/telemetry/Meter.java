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
  TRACES("busbar.traces", Kind.GAUGE, "clients that somebody looks at with busbar trace"),
  CLIENTS("busbar.clients", Kind.GAUGE, "clients that are let in", "protocol"),
  CONNECTS("busbar.connects", Kind.COUNTER, "CONNECTs answered", "result", "protocol"),
  CONNECT_TIME(
      "busbar.connect.time",
      Kind.TIMER,
      "from a whole CONNECT until it is answered with success",
      "protocol"),
  DISCONNECTS("busbar.disconnects", Kind.COUNTER, "connections ended", "reason"),
  PACKETS_REFUSED(
      "busbar.packets.refused",
      Kind.COUNTER,
      "packets that were malformed or beyond a limit",
      "reason"),
  PUBLISHES_RECEIVED(
      "busbar.publishes.received",
      Kind.COUNTER,
      "PUBLISH from clients, those that were refused included",
      "qos",
      "protocol",
      "retain"),
  PUBLISHES_REFUSED(
      "busbar.publishes.refused",
      Kind.COUNTER,
      "those of them that were refused or dropped",
      "qos",
      "protocol",
      "retain",
      "reason"),
  PUBLISH_TIME(
      "busbar.publish.time",
      Kind.HISTOGRAM,
      "from the read of a QoS 1 or 2 PUBLISH until PUBACK or PUBREC with success",
      "qos",
      "protocol",
      "retain"),
  PUBLISHES_SENT(
      "busbar.publishes.sent", Kind.COUNTER, "PUBLISH to clients", "qos", "protocol", "retain"),
  DELIVER_TIME(
      "busbar.deliver.time",
      Kind.HISTOGRAM,
      "from the read of a PUBLISH until it is written to a subscriber's socket, where neither a store nor a queue is between"),
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
  SUBSCRIPTION_REQUESTS(
      "busbar.subscription.requests",
      Kind.COUNTER,
      "SUBSCRIBE and UNSUBSCRIBE packets answered",
      "operation",
      "protocol",
      "result"),
  SUBSCRIPTION_OPERATIONS(
      "busbar.subscription.operations",
      Kind.COUNTER,
      "filters of those packets",
      "operation",
      "protocol",
      "result"),
  FILTERS("busbar.filters", Kind.GAUGE, "distinct filters in the index, other nodes' included"),
  SESSIONS_STORED("busbar.sessions.stored", Kind.GAUGE, "stored sessions, connected or not"),
  SESSIONS_ENDED(
      "busbar.sessions.ended", Kind.COUNTER, "sessions that ended, by what ended them", "reason"),
  RETAINED("busbar.retained", Kind.GAUGE, "retained messages"),
  RETAINED_BYTES("busbar.retained.bytes", Kind.GAUGE, "their bytes"),
  RETAINED_EXPIRED(
      "busbar.retained.expired",
      Kind.COUNTER,
      "retained messages whose Message Expiry Interval passed; each node counts for the whole store it has"),
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
  TOKENS(
      "busbar.tokens",
      Kind.COUNTER,
      "tokens that clients and publishers over HTTP sent, by what came of it",
      "result"),
  ISSUER_KEYS(
      "busbar.issuer.keys",
      Kind.COUNTER,
      "fetches of the keys that issuers of tokens publish, taken in or refused",
      "result"),
  SPANS("busbar.spans", Kind.COUNTER, "spans that the collector took, or did not", "result"),
  LOOP_CPU(
      "busbar.loop.cpu.seconds",
      Kind.COUNTER,
      "processor time of an event loop's thread: its rate is the busy share of the loop",
      "loop"),
  LOOP_LAG(
      "busbar.loop.lag",
      Kind.TIMER,
      "how much later than it should an event loop came to a task, eight times a second",
      "loop"),
  API_REQUESTS(
      "busbar.api.requests", Kind.COUNTER, "requests of the management API answered", "status"),
  BUS_MESSAGES("busbar.bus.messages", Kind.COUNTER, "messages taken from the bus", "verticle"),
  MESSAGES_ROUTED(
      "busbar.messages.routed",
      Kind.COUNTER,
      "MQTT messages given to the topic that routing names, by what came of it",
      "result"),
  EVENTS_MATCHED(
      "busbar.events.matched", Kind.COUNTER, "events times the subscriptions they match", "topic"),
  EVENTS_UNMATCHED(
      "busbar.events.unmatched", Kind.COUNTER, "events that match no subscription", "topic"),
  EVENTS_PUBLISHED(
      "busbar.events.published",
      Kind.COUNTER,
      "events published over HTTP; a request that cannot be read is one",
      "topic",
      "result"),
  EVENTS_HANDLED(
      "busbar.events.handled",
      Kind.COUNTER,
      "events received, acknowledged, released, rejected or renewed over HTTP; a request that fails as a whole is one",
      "subscription",
      "operation",
      "result"),
  EVENTS_TIME(
      "busbar.events.time",
      Kind.TIMER,
      "from a whole request for events over HTTP until its answer with success",
      "operation"),
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
    TIMER,
    /** The same of what happens too often for a timer; without a maximum. */
    HISTOGRAM
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
