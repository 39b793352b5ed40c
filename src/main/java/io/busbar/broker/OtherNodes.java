package io.busbar.broker;

import io.busbar.bus.Bus;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.eventbus.ReplyException;
import io.vertx.core.eventbus.ReplyFailure;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The other nodes of the cluster, to be asked. Who has left, or has not begun to take such
 * questions, has nothing to say; one that is not there any more and may serve still has, and the
 * answer waits until it does not. For one thread.
 */
final class OtherNodes {
  private static final Logger LOG = LoggerFactory.getLogger(SessionVerticle.class);

  /** How long a node may take to answer, in milliseconds; it is asked twice. */
  private static final long TIMEOUT = 6_000;

  private static final long PAUSE = 500;

  private final Vertx vertx;
  private final String self;
  private List<String> nodes = List.of();
  private List<String> unsettled = List.of();

  /** Where nodes have taken a question before: there they do not begin any more. */
  private final Map<String, Set<String>> begun = new HashMap<>();

  private final List<Asked> asked = new ArrayList<>();

  private static final long SOON = 50;

  private record Asked(String node, Promise<Buffer> answer) {}

  OtherNodes(Vertx vertx, String self, List<String> members) {
    this.vertx = vertx;
    this.self = self;
    are(members, List.of());
  }

  /**
   * The members of the cluster are these now.
   *
   * @param mayServe those that are not there any more, and may serve still
   */
  void are(List<String> members, Collection<String> mayServe) {
    nodes = members.stream().filter(node -> !node.equals(self)).toList();
    unsettled = List.copyOf(mayServe);
    begun.keySet().retainAll(nodes);
    for (Asked one : List.copyOf(asked)) {
      if (!nodes.contains(one.node) && !unsettled.contains(one.node)) {
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
    return Stream.concat(nodes.stream(), unsettled.stream())
        .map(node -> ask(node, address.apply(node), question))
        .toList();
  }

  /** Asks one of them, as {@link #ask(Function, Buffer)} does. */
  Future<Buffer> ask(String node, String address, Buffer question) {
    Asked one = new Asked(node, Promise.promise());
    asked.add(one);
    if (!unsettled.contains(node)) {
      ask(one, address, question, true);
    }
    return one.answer.future().onComplete(answered -> asked.remove(one));
  }

  private void askAgain(Asked one, String address, Buffer question) {
    if (!one.answer.future().isComplete() && !unsettled.contains(one.node)) {
      ask(one, address, question, true);
    }
  }

  private void ask(Asked one, String address, Buffer question, boolean isFirst) {
    vertx
        .eventBus()
        .<Buffer>request(address, question, Bus.remote(TIMEOUT))
        .onComplete(
            reply -> {
              if (nodes.contains(one.node)) {
                begun.computeIfAbsent(one.node, n -> new HashSet<>()).add(address);
              }
              one.answer.tryComplete(reply.body());
            },
            e -> {
              boolean isNobody =
                  e instanceof ReplyException no && no.failureType() == ReplyFailure.NO_HANDLERS;
              if (unsettled.contains(one.node)) {
                LOG.debug("a node may serve still: node={}", one.node);
              } else if (isNobody && !begun.getOrDefault(one.node, Set.of()).contains(address)) {
                one.answer.tryComplete(null);
              } else if (isNobody) {
                // it ends: until that is known here
                vertx.setTimer(SOON, t -> askAgain(one, address, question));
              } else if (isFirst && !one.answer.future().isComplete()) {
                vertx.setTimer(PAUSE, t -> ask(one, address, question, false));
              } else {
                one.answer.tryFail(e);
              }
            });
  }
}
