package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.bus.Wire;
import io.busbar.mqtt.ReasonCode;
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
 * Owns the session names of this node: which connection has which, under which epoch. Whoever opens
 * a session gets its name after the connection that had it, here or on another node, is closed.
 * Deployed as a worker.
 */
public final class SessionVerticle extends VerticleBase {
  /** How long a loop may take to close a connection, and another node to answer, in ms. */
  private static final long TIMEOUT = 6_000;

  private final Broker broker;
  private final boolean clustered;
  private final Map<String, Holder> holders = new HashMap<>();
  private List<String> members;
  private LongAdder busMessages;
  private long lastEpoch;

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

  private void onLocal(Message<Bus.Local> message) {
    busMessages.increment();
    Bus.Local body = message.body();
    if (body instanceof Bus.Open open) {
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
                return Future.succeededFuture(new Bus.Opened(holder.epoch));
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
