package io.busbar.broker;

import io.busbar.bus.Budget;
import io.busbar.bus.Bus;
import io.busbar.config.Durability;
import io.busbar.config.Limits;
import io.busbar.config.Settings;
import io.busbar.match.SubscriptionIndex;
import io.busbar.policy.EventMatcher;
import io.busbar.policy.Network;
import io.busbar.telemetry.Meter;
import io.busbar.telemetry.Telemetry;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;

/**
 * What the MQTT verticles of one node share: views that each may read without asking, and the
 * node's budgets. Nothing here is decided; the state belongs to the verticles.
 */
public final class Broker {
  final Settings settings;
  final Limits limits;
  final Telemetry telemetry;
  final String nodeId;
  final int loops;

  /** Whether all nodes have one store: what a node gives to it is there for all of them. */
  final boolean isStoreShared;

  /** Written by the matching verticle alone, read by every loop. */
  final SubscriptionIndex<Destination> index = new SubscriptionIndex<>();

  /** Where all published messages go besides, or null; written by the authorization verticle. */
  volatile EventRoute eventRoute;

  /** Who is told which clients come and go; written by the authorization verticle. */
  volatile Bus.LifeCycle lifeCycle = new Bus.LifeCycle("", EventMatcher.NOBODY, false);

  /** From where clients may come; written by the authorization verticle. */
  volatile Network network = Network.OPEN;

  /** Bytes that wait in sockets and queues. */
  final Budget outbound;

  final AtomicInteger connections = new AtomicInteger();
  final AtomicLong localSubscriptions = new AtomicLong();
  final AtomicInteger pendingConnects = new AtomicInteger();

  /** QoS 1 deliveries that are queued or in flight. */
  final LongAdder pendingDeliveries = new LongAdder();

  /**
   * The shared part of a node.
   *
   * @param nodeId unique in the cluster and over restarts
   * @param loops how many connection verticles there are
   * @param outbound bytes that wait in sockets and queues
   */
  public Broker(Settings settings, Telemetry telemetry, String nodeId, int loops, Budget outbound) {
    this.settings = settings;
    this.limits = settings.limits();
    this.telemetry = telemetry;
    this.nodeId = nodeId;
    this.loops = loops;
    this.isStoreShared =
        settings.cluster().enabled() && settings.storage().durability() == Durability.FSYNC;
    this.outbound = outbound;
    telemetry.gauge(Meter.CONNECTIONS, connections::get);
    telemetry.gauge(Meter.DELIVERIES_PENDING, pendingDeliveries::sum);
    telemetry.gauge(Meter.OUTBOUND_PENDING, outbound::used);
    telemetry.gauge(Meter.FILTERS, index::filters);
    telemetry.gauge(Meter.SUBSCRIPTIONS, localSubscriptions::get);
  }
}
