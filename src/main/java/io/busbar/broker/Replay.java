package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.mqtt.MqttException;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.ReasonCode;
import io.busbar.shard.Command;
import io.busbar.shard.Outcome;
import io.busbar.shard.Retained;
import io.busbar.shard.StoredSubscription;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.HashSet;
import java.util.Set;

/**
 * Retained messages for a connection's new subscriptions (MQTT 5.0 section 3.3.1.3), read in pages:
 * the next one when the device has taken the one before, so that neither it nor the event loop is
 * flooded.
 *
 * <p>A message that was published while a page was on its way is newer than what the page holds of
 * its topic: what the page holds is left out then. To a stored session QoS 1 and 2 go through its
 * inbox, which does the same.
 */
final class Replay {
  /** How long the store may take to answer, in milliseconds. */
  private static final long TIMEOUT = 30_000;

  /** So many topics are remembered while a page is on its way; then it is read again. */
  private static final int REMEMBERED = 65_536;

  private final Loop loop;
  private final Connection connection;

  /** The stored session's side, or null. */
  private final Mailbox mailbox;

  private final ArrayDeque<Reading> readings = new ArrayDeque<>(1);
  private boolean isBusy;

  /** One subscription's retained messages, and where the reading has come to. */
  private static final class Reading {
    final StoredSubscription subscription;
    byte[] after;

    Reading(StoredSubscription subscription, byte[] after) {
      this.subscription = subscription;
      this.after = after;
    }
  }

  Replay(Loop loop, Connection connection, Mailbox mailbox) {
    this.loop = loop;
    this.connection = connection;
    this.mailbox = mailbox;
  }

  /** Adds what a subscription gets, from the start or where a reading was broken off. */
  void add(StoredSubscription subscription, byte[] after) {
    readings.add(new Reading(subscription, after));
  }

  /** A subscription is gone, or made anew. */
  void remove(String name) {
    readings.removeIf(reading -> reading.subscription.name().equals(name));
  }

  /** Reads the next page if there is room for it. */
  void advance() {
    if (isBusy || readings.isEmpty() || connection.isEnding()) {
      return;
    }
    boolean isRoom = mailbox == null ? connection.outgoing().isReady() : mailbox.isEmpty();
    if (!isRoom) {
      return;
    }
    isBusy = true;
    Reading reading = readings.peek();
    Set<ByteBuffer> live = new HashSet<>();
    connection.outgoing().watch(live);
    loop.<Bus.Local>request(Bus.SESSION, question(reading), Bus.local(TIMEOUT))
        .onComplete(
            reply ->
                loop.execute(
                    () -> {
                      loop.counters.busMessages++;
                      connection.outgoing().watch(null);
                      isBusy = false;
                      if (connection.isEnding()) {
                        return;
                      }
                      if (reply.failed()) {
                        connection.end(
                            ReasonCode.SERVER_UNAVAILABLE, "retained messages could not be read");
                      } else {
                        page(reading, ((Bus.RetainedPage) reply.result().body()).page(), live);
                      }
                    }));
  }

  /** What the inbox is to have is for the store to choose: it knows what came by itself. */
  private Bus.ReadRetained question(Reading reading) {
    StoredSubscription subscription = reading.subscription;
    return mailbox != null && subscription.qos() > 0
        ? new Bus.ReadRetained(
            subscription.filter(), reading.after, mailbox.session(), subscription.name())
        : new Bus.ReadRetained(subscription.filter(), reading.after);
  }

  private void page(Reading reading, Retained.Page page, Set<ByteBuffer> live) {
    if (readings.peek() != reading || live.size() > REMEMBERED) {
      advance();
      return;
    }
    reading.after = page.next();
    if (page.next() == null) {
      readings.remove();
    }
    if (mailbox != null && reading.subscription.qos() > 0) {
      isBusy = true;
      enqueue(reading, page);
    }
    for (byte[] packet : page.packets()) {
      deliver(reading.subscription, packet, live);
    }
    advance();
  }

  private void enqueue(Reading reading, Retained.Page page) {
    int size = page.packets().stream().mapToInt(packet -> packet.length).sum();
    loop.outbox.add(
        new Command.Replay(
            mailbox.session(),
            mailbox.epoch(),
            reading.subscription.name(),
            page.packets(),
            page.next()),
        size,
        null,
        // if the store does not take it, the session goes on from this page when it is resumed
        Outbox.Waiter.orEnd(
            connection,
            outcome -> {
              if (outcome instanceof Outcome.Published published) {
                loop.counters.matched += published.sessions();
                loop.counters.pending += published.sessions();
              }
              isBusy = false;
              advance();
            }));
  }

  private void deliver(StoredSubscription subscription, byte[] packet, Set<ByteBuffer> live) {
    try {
      loop.stored.parse(packet, 0, packet.length, MqttVersion.V5);
      int at = loop.stored.topicOffset();
      int length = loop.stored.topicLength();
      int qos = Math.min(loop.stored.qos(), subscription.qos());
      boolean isInbox = mailbox != null && qos > 0;
      if (isInbox || live.contains(ByteBuffer.wrap(packet, at, length))) {
        return;
      }
      int[] ids = subscription.id() == 0 ? Route.NO_IDS : new int[] {subscription.id()};
      Topic topic = loop.topics.find(packet, at, length);
      if (connection.outgoing().deliver(loop.stored, topic, qos, true, ids, null)) {
        loop.counters.sentLater++;
      }
    } catch (MqttException e) {
      throw new IllegalStateException("a packet that was retained", e);
    }
  }
}
