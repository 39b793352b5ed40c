package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.mqtt.ReasonCode;
import io.busbar.shard.Effect;
import io.busbar.telemetry.Loss;
import io.busbar.telemetry.Meter;
import io.vertx.core.Future;
import io.vertx.core.eventbus.EventBus;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;

/**
 * What the store's entries want done: gathered while they are applied, then sent, each kind in one
 * message per receiver. For the session verticle's thread.
 */
final class Effects implements Consumer<Effect> {
  /** How long the index may take to know an interest, in milliseconds. */
  private static final long TIMEOUT = 30_000;

  /** The loop that publishes wills and finds new members of shared subscriptions. */
  private static final int ANY_LOOP = 0;

  private final EventBus bus;
  private final Broker broker;
  private final LongAdder handedOn;
  private final Consumer<Effect.Watched> looked;
  private final List<List<Effect.Bell>> bells = new ArrayList<>();
  private Owed owed = new Owed();

  /** What follows the last change that the index has not answered, or null. */
  private Owed last;

  /** Completes when the index knows all that was sent. */
  private Future<Void> sent = Future.succeededFuture();

  private List<Bus.Local> interest = new ArrayList<>();
  private List<Effect.Changed> changes = new ArrayList<>();
  private Set<String> ready = new HashSet<>();

  /** What is to be published: who subscribed before it was due gets it. */
  private static final class Owed {
    final List<Effect.WillDue> wills = new ArrayList<>();
    final List<Effect.Repick> repicks = new ArrayList<>();
  }

  /**
   * Nothing yet.
   *
   * @param looked is told what becomes of messages for sessions that somebody looks at
   */
  Effects(EventBus bus, Broker broker, Consumer<Effect.Watched> looked) {
    this.bus = bus;
    this.looked = looked;
    this.broker = broker;
    this.handedOn = broker.telemetry.adder(Meter.DELIVERIES_SETTLED);
    for (int i = 0; i < broker.loops; i++) {
      bells.add(new ArrayList<>());
    }
  }

  @Override
  public void accept(Effect effect) {
    if (effect instanceof Effect.Bell bell) {
      bells.get(bell.location().loop()).add(bell);
    } else if (effect instanceof Effect.WillDue will) {
      owed.wills.add(will);
    } else if (effect instanceof Effect.Repick repick) {
      owed.repicks.add(repick);
      handedOn.increment();
      settled(1);
    } else if (effect instanceof Effect.Interest changed) {
      interest(new Destination.Stored(changed.filter()), changed.added());
    } else if (effect instanceof Effect.ShareInterest changed) {
      interest(new Destination.Pool(changed.share(), changed.filter()), changed.added());
    } else if (effect instanceof Effect.Lost lost) {
      broker.telemetry.lost(loss(lost.loss()), lost.deliveries());
      boolean isDelivery = lost.loss().compareTo(Effect.Loss.EVENT_QUEUE_FULL) < 0;
      settled(isDelivery ? lost.deliveries() : 0);
    } else if (effect instanceof Effect.Ended ended) {
      ended(ended);
    } else if (effect instanceof Effect.Changed changed) {
      changes.add(changed);
    } else if (effect instanceof Effect.Ready queue) {
      ready.add(queue.queue());
    } else if (effect instanceof Effect.Watched watched) {
      looked.accept(watched);
    } else if (effect instanceof Effect.Left) {
      for (int loop = 0; loop < broker.loops; loop++) {
        bus.send(Bus.loop(loop), new Bus.Disowned(), Bus.local());
      }
    }
  }

  /** Deliveries that are not pending in an inbox any more. */
  private void settled(int deliveries) {
    broker.pendingDeliveries.add(-deliveries);
  }

  private static Loss loss(Effect.Loss loss) {
    return switch (loss) {
      case QUEUE_FULL -> Loss.QUEUE_FULL;
      case EXPIRED -> Loss.EXPIRED;
      case SESSION_ENDED -> Loss.SESSION_ENDED;
      case EVENT_QUEUE_FULL -> Loss.EVENT_QUEUE_FULL;
      case EVENT_EXPIRED -> Loss.EVENT_EXPIRED;
      case EVENT_UNDELIVERED -> Loss.EVENT_UNDELIVERED;
      case EVENT_REJECTED -> Loss.EVENT_REJECTED;
      case EVENT_QUEUE_GONE -> Loss.EVENT_QUEUE_GONE;
    };
  }

  private void interest(Bus.Subscriber destination, boolean added) {
    List<Bus.Subscriber> one = List.of(destination);
    interest.add(added ? new Bus.Subscribe(one) : new Bus.Unsubscribe(one));
  }

  private void ended(Effect.Ended ended) {
    String reason = ended.reason().name().toLowerCase(Locale.ROOT);
    broker.telemetry.count(Meter.SESSIONS_ENDED, reason);
    if (ended.location() != null && ended.reason() != Effect.Reason.CLEAN_START) {
      ReasonCode code =
          ended.reason() == Effect.Reason.OVERFLOW
              ? ReasonCode.QUOTA_EXCEEDED
              : ReasonCode.ADMINISTRATIVE_ACTION;
      bus.send(
          Bus.loop(ended.location().loop()),
          new Bus.Evict(ended.location().connection(), code),
          Bus.local());
    }
  }

  /**
   * Sends what was gathered; completes when the index knows that, and all that was sent before:
   * whoever waits may wait for what another one has sent.
   */
  Future<Void> send() {
    for (int loop = 0; loop < bells.size(); loop++) {
      if (!bells.get(loop).isEmpty()) {
        bus.send(Bus.loop(loop), new Bus.Bells(bells.get(loop)), Bus.local());
        bells.set(loop, new ArrayList<>());
      }
    }
    if (!changes.isEmpty()) {
      bus.send(Bus.AUTHORIZATION, new Bus.Changed(changes), Bus.local());
      changes = new ArrayList<>();
    }
    if (!ready.isEmpty()) {
      bus.publish(Bus.EVENTS, new Bus.Ready(ready), Bus.local());
      ready = new HashSet<>();
    }
    if (interest.isEmpty()) {
      publishInTurn();
      return sent;
    }
    List<Future<?>> known = new ArrayList<>();
    for (Bus.Local change : interest) {
      known.add(bus.request(Bus.MATCHING, change, Bus.local(TIMEOUT)));
    }
    interest = new ArrayList<>();
    Owed after = owed;
    owed = new Owed();
    last = after;
    if (!sent.isComplete()) {
      known.add(sent);
    }
    Future<Void> now =
        Future.all(known)
            .onComplete(
                all -> {
                  if (last == after) {
                    last = null;
                  }
                  publish(after);
                })
            .mapEmpty();
    sent = now;
    // one that failed is not waited for again: who waited for it was told
    now.onFailure(
        e -> {
          if (sent == now) {
            sent = Future.succeededFuture();
          }
        });
    return now;
  }

  /** Not before the index has answered what it was told earlier. */
  private void publishInTurn() {
    if (last == null) {
      publish(owed);
    } else {
      last.wills.addAll(owed.wills);
      last.repicks.addAll(owed.repicks);
    }
    owed = new Owed();
  }

  private void publish(Owed what) {
    if (!what.wills.isEmpty()) {
      bus.send(Bus.loop(ANY_LOOP), new Bus.Wills(what.wills), Bus.local());
    }
    if (!what.repicks.isEmpty()) {
      bus.send(Bus.loop(ANY_LOOP), new Bus.Repicks(what.repicks), Bus.local());
    }
  }
}
