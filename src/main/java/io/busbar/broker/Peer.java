package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.bus.Wire;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells one other node what filters this one has subscribers of: first all of them, then each
 * change, numbered. One message is on its way at a time; what gathers meanwhile is the next.
 * Whatever goes wrong is mended by telling all again. For the matching verticle's thread.
 */
final class Peer {
  private static final Logger LOG = LoggerFactory.getLogger(MatchingVerticle.class);

  /** Filters in one message of a snapshot. */
  private static final int PART = 10_000;

  /** How long the other node may take to answer, and the pause before it is told again, in ms. */
  private static final long TIMEOUT = 2_000;

  private static final long PAUSE = 300;

  /** This node's filters: the number of the last change, and a way to list them all. */
  record Snapshot(String author, int loops, long number, Supplier<List<Wire.Change>> filters) {}

  private final Vertx vertx;
  private final String node;
  private final Supplier<Snapshot> all;
  private List<Wire.Change> changes = new ArrayList<>();
  private final List<Promise<Void>> waiting = new ArrayList<>();
  private boolean needsAll = true;
  private boolean busy;
  private boolean left;

  Peer(Vertx vertx, String node, Supplier<Snapshot> all) {
    this.vertx = vertx;
    this.node = node;
    this.all = all;
  }

  /** A filter came or went; {@link #send} or {@link #confirmed} follows. */
  void changed(Wire.Change change) {
    if (!needsAll) {
      changes.add(change);
    }
  }

  /** Completes when the node has applied all changes up to now, or has left. */
  Future<Void> confirmed() {
    if (left || (!busy && !needsAll && changes.isEmpty())) {
      return Future.succeededFuture();
    }
    Promise<Void> promise = Promise.promise();
    waiting.add(promise);
    send();
    return promise.future();
  }

  /** Sends what is to be told, unless a message is on its way. */
  void send() {
    if (busy || left) {
      return;
    }
    if (!needsAll && changes.isEmpty()) {
      // who began to wait while the last message was on its way: it had what they wait for
      waiting.forEach(Promise::tryComplete);
      waiting.clear();
      return;
    }
    busy = true;
    // what is awaited from here on waits for the next message
    final List<Promise<Void>> covered = new ArrayList<>(waiting);
    waiting.clear();
    Snapshot now = all.get();
    List<Wire.Interest> parts = new ArrayList<>();
    if (needsAll) {
      List<Wire.Change> filters = now.filters().get();
      int size = filters.size();
      for (int from = 0; from == 0 || from < size; from += PART) {
        int to = Math.min(size, from + PART);
        Wire.Kind kind =
            from == 0
                ? (to == size ? Wire.Kind.SNAPSHOT_WHOLE : Wire.Kind.SNAPSHOT_FIRST)
                : (to == size ? Wire.Kind.SNAPSHOT_LAST : Wire.Kind.SNAPSHOT_MORE);
        parts.add(interest(now, kind, filters.subList(from, to)));
      }
    } else {
      parts.add(interest(now, Wire.Kind.CHANGES, changes));
    }
    needsAll = false;
    changes = new ArrayList<>();
    tell(parts, 0)
        .onComplete(
            outcome -> {
              busy = false;
              if (outcome.succeeded() && outcome.result()) {
                covered.forEach(Promise::tryComplete);
                send();
              } else if (!left) {
                LOG.debug("a node did not take interest: node={} outcome={}", node, outcome);
                needsAll = true;
                waiting.addAll(covered);
                vertx.setTimer(PAUSE, t -> send());
              } else {
                covered.forEach(Promise::tryComplete);
              }
            });
  }

  private static Wire.Interest interest(Snapshot now, Wire.Kind kind, List<Wire.Change> changes) {
    return new Wire.Interest(kind, now.author(), now.loops(), now.number(), changes);
  }

  private Future<Boolean> tell(List<Wire.Interest> parts, int part) {
    return vertx
        .eventBus()
        .<Buffer>request(Bus.nodeMatching(node), parts.get(part).encode(), Bus.remote(TIMEOUT))
        .compose(
            reply -> {
              boolean applied = Wire.isYes(reply.body());
              return applied && part + 1 < parts.size()
                  ? tell(parts, part + 1)
                  : Future.succeededFuture(applied);
            });
  }

  /** The node is gone: nothing waits for it any more. */
  void left() {
    left = true;
    waiting.forEach(Promise::tryComplete);
    waiting.clear();
  }
}
