package io.busbar.broker;

import io.busbar.bus.Bus;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.eventbus.ReplyException;
import io.vertx.core.eventbus.ReplyFailure;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/**
 * The other nodes of the cluster, to be asked. Who has left, or has not begun to take such
 * questions, has nothing to say. For one thread.
 */
final class OtherNodes {
  /** How long a node may take to answer, in milliseconds; it is asked twice. */
  private static final long TIMEOUT = 6_000;

  private static final long PAUSE = 500;

  private final Vertx vertx;
  private final String self;
  private List<String> nodes = List.of();
  private final List<Asked> asked = new ArrayList<>();

  private record Asked(String node, Promise<Buffer> answer) {}

  OtherNodes(Vertx vertx, String self, List<String> members) {
    this.vertx = vertx;
    this.self = self;
    are(members);
  }

  /** The members of the cluster are these now. */
  void are(List<String> members) {
    nodes = members.stream().filter(node -> !node.equals(self)).toList();
    for (Asked one : List.copyOf(asked)) {
      if (!nodes.contains(one.node)) {
        one.answer.tryComplete(null);
      }
    }
  }

  /** Their ids. */
  List<String> ids() {
    return nodes;
  }

  /**
   * Asks all of them.
   *
   * @param address of a node
   * @return their answers, null of those who have nothing to say; fails if one is there and does
   *     not answer
   */
  List<Future<Buffer>> ask(Function<String, String> address, Buffer question) {
    return nodes.stream().map(node -> ask(node, address.apply(node), question)).toList();
  }

  /** Asks one of them, as {@link #ask(Function, Buffer)} does. */
  Future<Buffer> ask(String node, String address, Buffer question) {
    Asked one = new Asked(node, Promise.promise());
    asked.add(one);
    ask(one, address, question, true);
    return one.answer.future().onComplete(answered -> asked.remove(one));
  }

  private void ask(Asked one, String address, Buffer question, boolean isFirst) {
    vertx
        .eventBus()
        .<Buffer>request(address, question, Bus.remote(TIMEOUT))
        .onComplete(
            reply -> one.answer.tryComplete(reply.body()),
            e -> {
              if (e instanceof ReplyException no && no.failureType() == ReplyFailure.NO_HANDLERS) {
                one.answer.tryComplete(null);
              } else if (isFirst && !one.answer.future().isComplete()) {
                vertx.setTimer(PAUSE, t -> ask(one, address, question, false));
              } else {
                one.answer.tryFail(e);
              }
            });
  }
}
