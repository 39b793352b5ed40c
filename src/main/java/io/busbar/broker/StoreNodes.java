package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.bus.Wire;
import io.busbar.shard.Command;
import io.busbar.store.Store;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.eventbus.Message;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Has the nodes of a shared store meet: each asks each other one over the bus who it is in the
 * store, again and again while that one has no part of it. And tells which of those that are not
 * there any more may serve still ({@link Absence}). For one thread.
 */
final class StoreNodes {
  private static final Logger LOG = LoggerFactory.getLogger(SessionVerticle.class);

  /** How often is asked, and how long an answer may take, in ms. */
  private static final long ASK = 300;

  private static final long TIMEOUT = 2_000;

  private final Vertx vertx;
  private final Store store;
  private final OtherNodes others;
  private final Hop hop;
  private final Map<String, Wire.Introduction> met = new HashMap<>();

  private final Absence absence = new Absence();
  private final Runnable settled;
  private long timer;

  /**
   * The nodes of a store.
   *
   * @param settled hears that others may serve still than before, between calls of {@link #are}
   */
  StoreNodes(Vertx vertx, Store store, OtherNodes others, Hop hop, Runnable settled) {
    this.hop = hop;
    this.settled = settled;
    this.vertx = vertx;
    this.store = store;
    this.others = others;
    // who is met before the members are told is one of those at the start
    absence.are(others.ids(), System.nanoTime());
  }

  /** Answers questions, and asks; what {@code nodeId} is asked. */
  Future<Void> start(String nodeId) {
    timer = vertx.setPeriodic(ASK, t -> ask());
    return Future.all(
            vertx
                .eventBus()
                .<String>consumer(
                    Bus.ENDED, message -> settling(() -> absence.ended(message.body())))
                .completion(),
            vertx.eventBus().<Buffer>consumer(Bus.nodeStore(nodeId), this::onQuestion).completion())
        .mapEmpty();
  }

  void stop() {
    vertx.cancelTimer(timer);
  }

  private void onQuestion(Message<Buffer> message) {
    if (message.body().length() > 0) {
      carryOut(Wire.StoreOrder.decode(message.body()))
          .onSuccess(view -> message.reply(view.encode()))
          .onFailure(e -> message.fail(1, e.getMessage()));
      return;
    }
    Wire.Introduction self = store.introduction();
    if (self == null) {
      message.fail(1, "it does not know yet");
    } else {
      message.reply(self.encode());
    }
  }

  // --- what operators want ---

  /** Has an order carried out by the node that can. */
  Future<Wire.StoreView> order(Wire.StoreOrder order) {
    return view()
        .compose(
            seen ->
                switch (order.wish()) {
                  case VIEW, GIVE_UP -> passOn(order, seen.leader());
                  case LEAVE -> {
                    Optional<String> node =
                        seen.nodes().stream()
                            .filter(one -> one.isThere() && isMeant(one, order.node()))
                            .map(Wire.StoreNode::node)
                            .findFirst();
                    yield node.isEmpty()
                        ? Future.succeededFuture(
                            seen.refusing(
                                "no node %s is there (a node that is away can be removed)"
                                    .formatted(order.node())))
                        : passOn(order, node.get());
                  }
                });
  }

  private static boolean isMeant(Wire.StoreNode node, String name) {
    return node.node().equals(name) || node.node().startsWith(name + Command.Gone.OF_NAME);
  }

  private Future<Wire.StoreView> view() {
    Promise<Wire.StoreView> view = Promise.promise();
    store.view(seen -> hop.execute(() -> view.complete(seen)));
    return view.future();
  }

  /** To another node, or to this one. */
  private Future<Wire.StoreView> passOn(Wire.StoreOrder order, String to) {
    for (Map.Entry<String, Wire.Introduction> one : met.entrySet()) {
      if (one.getValue().node().equals(to)) {
        return vertx
            .eventBus()
            .<Buffer>request(Bus.nodeStore(one.getKey()), order.encode(), Bus.remote(TIMEOUT))
            .map(reply -> Wire.StoreView.decode(reply.body()));
      }
    }
    return carryOut(order);
  }

  /** By this node. */
  private Future<Wire.StoreView> carryOut(Wire.StoreOrder order) {
    return view()
        .compose(
            seen ->
                switch (order.wish()) {
                  case VIEW -> Future.succeededFuture(seen);
                  case GIVE_UP -> giveUp(order.node(), seen);
                  case LEAVE -> leave(seen);
                });
  }

  private Future<Wire.StoreView> giveUp(String name, Wire.StoreView seen) {
    List<Wire.StoreNode> meant =
        seen.nodes().stream().filter(one -> one.isMember() && isMeant(one, name)).toList();
    Optional<Wire.StoreNode> away = meant.stream().filter(one -> !one.isThere()).findFirst();
    if (away.isEmpty()) {
      return Future.succeededFuture(
          seen.refusing(
              meant.isEmpty()
                  ? "the store has no node %s".formatted(name)
                  : "node %s is there: have it leave".formatted(name)));
    }
    Promise<Wire.StoreView> done = Promise.promise();
    store.giveUp(
        away.get().node(),
        will ->
            hop.execute(
                () ->
                    done.complete(
                        will ? seen : seen.refusing("no node leads the store now: try again"))));
    return done.future();
  }

  private Future<Wire.StoreView> leave(Wire.StoreView seen) {
    // this one stays in its own eyes until it leaves
    long staying = seen.nodes().stream().filter(one -> one.isThere() && !one.isLeaving()).count();
    if (staying < 2) {
      return Future.succeededFuture(
          seen.refusing("no other node is there to take over what this one has"));
    }
    return vertx
        .eventBus()
        .<Bus.Local>request(Bus.NODE, new Bus.Leave(), Bus.local(TIMEOUT))
        .map(accepted -> seen);
  }

  // --- who is there ---

  /** Who is there, and who is not and may serve still. */
  Absence absence() {
    return absence;
  }

  /** The members of the cluster are these now. */
  void are(List<String> members) {
    Set<String> before = absence.unsettled();
    List<String> overdue = absence.are(members, System.nanoTime());
    if (!overdue.isEmpty()) {
      LOG.warn("nobody has said that nodes serve no more, they are not waited for: {}", overdue);
    }
    if (!before.equals(absence.unsettled())) {
      LOG.info("nodes that are not there and may serve still: {}", absence.unsettled());
    }
    met.keySet().retainAll(members);
  }

  /**
   * The store says that a node serves no more.
   *
   * @param node as in {@link Command.Gone#node}
   */
  void gone(String node) {
    settling(() -> absence.gone(node));
  }

  private void settling(Runnable news) {
    Set<String> before = absence.unsettled();
    news.run();
    if (!before.equals(absence.unsettled())) {
      settled.run();
    }
  }

  /** Asks those who have not said it yet. */
  void ask() {
    for (String node : others.ids()) {
      Wire.Introduction known = met.get(node);
      if (known == null || known.cluster().isEmpty()) {
        vertx
            .eventBus()
            .<Buffer>request(Bus.nodeStore(node), Buffer.buffer(), Bus.remote(TIMEOUT))
            .onSuccess(reply -> introduced(node, reply.body()))
            .onFailure(e -> LOG.debug("not introduced yet: node={} cause={}", node, e.toString()));
      }
    }
    tell();
  }

  private void introduced(String node, Buffer form) {
    if (others.ids().contains(node)) {
      Wire.Introduction introduction = Wire.Introduction.decode(form);
      met.put(node, introduction);
      tell();
      settling(() -> absence.introduced(node, introduction));
    }
  }

  private void tell() {
    List<String> ids = others.ids();
    store.met(
        ids.stream().map(met::get).filter(Objects::nonNull).toList(),
        met.keySet().containsAll(ids));
  }
}
