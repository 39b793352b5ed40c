package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.bus.Wire;
import io.busbar.config.Limit;
import io.busbar.config.Limits;
import io.busbar.mqtt.ReasonCode;
import io.busbar.shard.Bounds;
import io.busbar.shard.Command;
import io.busbar.shard.Delivery;
import io.busbar.shard.Location;
import io.busbar.shard.Outcome;
import io.busbar.shard.Retained;
import io.busbar.store.MemoryStore;
import io.busbar.store.Store;
import io.busbar.telemetry.Meter;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.VerticleBase;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.eventbus.Message;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;

/**
 * Owns the sessions of this node. Of each name: which connection has it, under which epoch; whoever
 * opens a session gets its name after the connection that had it, here or on another node, is
 * closed. And the store: its entries come here from the loops, its effects go out from here.
 * Deployed as a worker.
 */
public final class SessionVerticle extends VerticleBase {
  /** How long a loop may take to close a connection, and another node to answer, in ms. */
  private static final long TIMEOUT = 6_000;

  /** How often the store is asked for what is due, in ms. */
  private static final long TICK = 100;

  private final Broker broker;
  private final boolean clustered;
  private final Map<String, Holder> holders = new HashMap<>();
  private List<String> members;
  private LongAdder busMessages;
  private long lastEpoch;
  private Store store;
  private Effects effects;
  private long ticks;

  /** As of the last tick, for the meters. */
  private volatile int stored;

  private volatile int retained;

  /** Who has a session name. */
  private record Holder(long epoch, String authenticationName, int loop, long connection) {}

  /** The verticle of a node; {@code members} are the nodes that are there at the start. */
  public SessionVerticle(Broker broker, boolean clustered, List<String> members) {
    this.broker = broker;
    this.clustered = clustered;
    this.members = List.copyOf(members);
  }

  @Override
  public Future<?> start() {
    busMessages = broker.telemetry.adder(Meter.BUS_MESSAGES, "session");
    effects = new Effects(vertx.eventBus(), broker);
    store = new MemoryStore(bounds(), System::currentTimeMillis, effects);
    broker.telemetry.gauge(Meter.SESSIONS_STORED, () -> stored);
    broker.telemetry.gauge(Meter.RETAINED, () -> retained);
    ticks = vertx.setPeriodic(TICK, t -> tick());
    Future<Void> local =
        vertx.eventBus().<Bus.Local>localConsumer(Bus.SESSION, this::onLocal).completion();
    if (!clustered) {
      return local;
    }
    return Future.all(
        local,
        vertx
            .eventBus()
            .<Buffer>consumer(Bus.nodeSession(broker.nodeId), this::onEviction)
            .completion());
  }

  private Bounds bounds() {
    Limits limits = broker.limits;
    return new Bounds(
        limits.intValue(Limit.QUEUE_MESSAGES),
        limits.get(Limit.QUEUE_BYTES),
        broker.limits.overflow(),
        limits.intValue(Limit.STORED_SESSIONS),
        limits.intValue(Limit.RETAINED_MESSAGES),
        limits.get(Limit.RETAINED_TOTAL_BYTES));
  }

  @Override
  public Future<?> stop() {
    vertx.cancelTimer(ticks);
    return Future.succeededFuture();
  }

  private void tick() {
    store.tick();
    effects.send();
    stored = store.sessions();
    retained = store.retainedMessages();
  }

  /** Entries of a loop: the reply comes when the index knows what they changed of it. */
  private void append(Message<Bus.Local> message, Bus.Append batch) {
    List<Outcome> outcomes = new ArrayList<>(batch.commands().size());
    for (Command command : batch.commands()) {
      store.append(command, outcomes::add);
    }
    effects
        .send()
        .onSuccess(done -> message.reply(new Bus.Appended(outcomes), Bus.local()))
        .onFailure(e -> message.fail(1, "the index did not answer"));
  }

  private void onLocal(Message<Bus.Local> message) {
    busMessages.increment();
    Bus.Local body = message.body();
    if (body instanceof Bus.Append batch) {
      append(message, batch);
    } else if (body instanceof Bus.ReadInbox read) {
      List<Delivery> page = store.inbox(read.session(), read.epoch(), read.from(), read.most());
      message.reply(new Bus.InboxPage(page), Bus.local());
    } else if (body instanceof Bus.ReadRetained read) {
      Retained.Page page = store.retained(read.filter(), read.after());
      message.reply(new Bus.RetainedPage(page), Bus.local());
    } else if (body instanceof Bus.Open open) {
      open(open).onComplete(reply -> message.reply(reply.result(), Bus.local()));
    } else if (body instanceof Bus.Closed closed) {
      Holder holder = holders.get(closed.clientId());
      if (holder != null && holder.epoch == closed.epoch()) {
        holders.remove(closed.clientId());
      }
    } else if (body instanceof Bus.Members now) {
      members = now.nodes();
    }
  }

  private Future<Bus.Local> open(Bus.Open open) {
    Holder before = holders.get(open.clientId());
    boolean another =
        before != null
            && !broker.settings.accessForAll()
            && !before.authenticationName.equals(open.authenticationName());
    if (another) {
      return Future.succeededFuture(
          new Bus.Refused(
              ReasonCode.NOT_AUTHORIZED, "the session name is in use by another client"));
    }
    lastEpoch = Math.max(lastEpoch + 1, System.currentTimeMillis() * 1_000);
    Holder holder =
        new Holder(lastEpoch, open.authenticationName(), open.loop(), open.connection());
    holders.put(open.clientId(), holder);
    List<Future<Boolean>> evicted = new ArrayList<>();
    if (before != null) {
      evicted.add(evict(before));
    }
    for (String node : members) {
      if (!node.equals(broker.nodeId)) {
        evicted.add(evictOn(node, new Wire.Eviction(open.clientId(), lastEpoch, broker.nodeId)));
      }
    }
    return Future.all(evicted)
        .transform(
            outcome -> {
              boolean won =
                  outcome.succeeded()
                      && evicted.stream().allMatch(Future::result)
                      && holder.equals(holders.get(open.clientId()));
              if (won) {
                return store(open, holder);
              }
              holders.remove(open.clientId(), holder);
              return Future.succeededFuture(
                  outcome.succeeded()
                      ? new Bus.Refused(
                          ReasonCode.SERVER_BUSY, "another connection took the session name")
                      : new Bus.Refused(
                          ReasonCode.SERVER_UNAVAILABLE,
                          "the connection that has the session name could not be closed"));
            });
  }

  /** Opens the session in the store, which knows whether there is one to resume. */
  private Future<Bus.Local> store(Bus.Open open, Holder holder) {
    Promise<Bus.Local> answer = Promise.promise();
    Command command =
        new Command.Open(
            open.clientId(),
            broker.settings.accessForAll() ? "" : open.authenticationName(),
            open.cleanStart(),
            open.expirySeconds(),
            open.will(),
            new Location(broker.nodeId, open.loop(), open.connection()),
            open.window());
    store.append(
        command,
        outcome -> {
          if (outcome instanceof Outcome.Opened opened) {
            answer.complete(new Bus.Opened(holder.epoch, opened));
          } else {
            holders.remove(open.clientId(), holder);
            answer.complete(
                new Bus.Refused(
                    ReasonCode.QUOTA_EXCEEDED,
                    "the session is another client's, or there are as many as there may be"));
          }
        });
    return effects.send().compose(done -> answer.future());
  }

  private Future<Boolean> evict(Holder holder) {
    return vertx
        .eventBus()
        .request(
            Bus.loop(holder.loop),
            new Bus.Evict(holder.connection, ReasonCode.SESSION_TAKEN_OVER),
            Bus.local(TIMEOUT))
        .map(true);
  }

  private Future<Boolean> evictOn(String node, Wire.Eviction eviction) {
    return vertx
        .eventBus()
        .<Buffer>request(Bus.nodeSession(node), eviction.encode(), Bus.remote(TIMEOUT))
        .map(reply -> Wire.isYes(reply.body()))
        .recover(
            e -> {
              if (!members.contains(node)) {
                return Future.succeededFuture(true);
              }
              // it is there and did not answer: once more, before this opening is given up
              Promise<Boolean> again = Promise.promise();
              vertx.setTimer(
                  500,
                  t ->
                      vertx
                          .eventBus()
                          .<Buffer>request(
                              Bus.nodeSession(node), eviction.encode(), Bus.remote(TIMEOUT))
                          .map(reply -> Wire.isYes(reply.body()))
                          .onComplete(again));
              return again.future();
            });
  }

  /** Another node wants a name. */
  private void onEviction(Message<Buffer> message) {
    busMessages.increment();
    Wire.Eviction wanted = Wire.Eviction.decode(message.body());
    Holder holder = holders.get(wanted.clientId());
    if (holder == null) {
      message.reply(Wire.verdict(true));
      return;
    }
    boolean newer =
        holder.epoch > wanted.epoch()
            || (holder.epoch == wanted.epoch() && broker.nodeId.compareTo(wanted.node()) > 0);
    if (newer) {
      message.reply(Wire.verdict(false));
      return;
    }
    holders.remove(wanted.clientId());
    evict(holder)
        .onSuccess(done -> message.reply(Wire.verdict(true)))
        .onFailure(e -> message.fail(1, "the connection did not close"));
  }
}
