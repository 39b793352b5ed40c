package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.bus.Wire;
import io.busbar.store.Store;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.eventbus.Message;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Has the nodes of a shared store meet: each asks each other one over the bus who it is in the
 * store, again and again while that one has no part of it. For one thread.
 */
final class StoreNodes {
  private static final Logger LOG = LoggerFactory.getLogger(SessionVerticle.class);

  /** How often is asked, and how long an answer may take, in ms. */
  private static final long ASK = 300;

  private static final long TIMEOUT = 2_000;

  private final Vertx vertx;
  private final Store store;
  private final OtherNodes others;
  private final Map<String, Wire.Introduction> met = new HashMap<>();
  private long timer;

  StoreNodes(Vertx vertx, Store store, OtherNodes others) {
    this.vertx = vertx;
    this.store = store;
    this.others = others;
  }

  /** Answers questions, and asks; what {@code nodeId} is asked. */
  Future<Void> start(String nodeId) {
    timer = vertx.setPeriodic(ASK, t -> ask());
    return vertx.eventBus().<Buffer>consumer(Bus.nodeStore(nodeId), this::onQuestion).completion();
  }

  void stop() {
    vertx.cancelTimer(timer);
  }

  private void onQuestion(Message<Buffer> message) {
    Wire.Introduction self = store.introduction();
    if (self == null) {
      message.fail(1, "it does not know yet");
    } else {
      message.reply(self.encode());
    }
  }

  /** The members of the cluster have changed. */
  void changed() {
    if (met.keySet().retainAll(others.ids())) {
      tell();
    }
    ask();
  }

  private void ask() {
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
      met.put(node, Wire.Introduction.decode(form));
      tell();
    }
  }

  private void tell() {
    List<String> ids = others.ids();
    store.met(List.copyOf(met.values()), met.keySet().containsAll(ids));
  }
}
