package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.bus.Trace;
import io.busbar.bus.Wire;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.PacketFields;
import io.busbar.shard.Effect;
import io.busbar.store.Store;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Who looks at what clients do at this node: from here, or from other nodes, which ask again and
 * again what has come. Each question is a lease: whoever does not ask any more, because it is gone
 * or was killed, does not look any more, and nothing is left of it. For the session verticle's
 * thread.
 */
final class NodeTraces {
  /** Clients that are looked at at once. */
  static final int MOST = 8;

  /** How long somebody looks who does not ask, in milliseconds. */
  private static final long LEASE = 6_000;

  /** Lines of one answer: five times a second, they are as many as are shown. */
  private static final int MOST_LINES = 50;

  /** How long event loops, and other nodes, may take to answer, in milliseconds. */
  private static final long TIMEOUT = 2_000;

  private final Vertx vertx;
  private final Broker broker;
  private final Store store;
  private final OtherNodes others;
  private final Map<String, Looking> looking = new HashMap<>();

  /** Those of them who were asked for here. */
  private final Map<String, Asking> asking = new HashMap<>();

  /** Somebody looks here. */
  private static final class Looking {
    final Trace trace;
    final Future<?> begun;
    long until;

    Looking(Trace trace, Future<?> begun) {
      this.trace = trace;
      this.begun = begun;
    }
  }

  /** Somebody has asked here to look at all nodes. */
  private static final class Asking {
    final Map<String, OtherNode> nodes = new LinkedHashMap<>();
    final List<String> lines = new ArrayList<>();
    boolean isFirst = true;
  }

  /** Another node where somebody looks. */
  private static final class OtherNode {
    /** What people call it: at first only its id is known. */
    String name;

    boolean isAsked;
    boolean hasAnswered;
    boolean isSilent;
    String refused = "";

    OtherNode(String id) {
      name = id;
    }
  }

  NodeTraces(Vertx vertx, Broker broker, Store store, OtherNodes others) {
    this.vertx = vertx;
    this.broker = broker;
    this.store = store;
    this.others = others;
  }

  // --- at this node ---

  /** What has come since; the first time, begins to look. */
  Future<Wire.TraceAnswer> answer(Wire.TraceQuestion question) {
    if (question.whom() == null) {
      forget(question.id());
      return Future.succeededFuture(answer("", List.of()));
    }
    Looking one = looking.get(question.id());
    if (one == null && looking.size() >= MOST) {
      return Future.succeededFuture(
          answer(
              "%d clients are looked at already (allowed: %d)".formatted(MOST, MOST), List.of()));
    }
    if (one == null) {
      Trace trace = new Trace(question.whom());
      broker.traces.incrementAndGet();
      one = new Looking(trace, tell(trace));
      looking.put(question.id(), one);
      // else it would never be answered, however often it is asked for
      one.begun.onFailure(e -> forget(question.id()));
      watch();
    }
    one.until = now() + LEASE;
    Trace trace = one.trace;
    return one.begun.map(begun -> answer("", taken(trace)));
  }

  private Wire.TraceAnswer answer(String refused, List<String> lines) {
    return new Wire.TraceAnswer(broker.settings.nodeName(), refused, lines);
  }

  private List<String> taken(Trace trace) {
    List<String> lines = trace.take(MOST_LINES);
    long skipped = trace.skipped();
    if (skipped > 0) {
      lines.add(line(broker.settings.nodeName(), "left out", "events", skipped));
    }
    return lines;
  }

  private static String line(String node, String what, String key, Object value) {
    return Trace.line(node, Map.of(), what, Map.of(key, value));
  }

  /** Completes when all event loops know whether somebody looks. */
  private Future<?> tell(Trace trace) {
    List<Future<?>> known = new ArrayList<>();
    for (int loop = 0; loop < broker.loops; loop++) {
      known.add(
          vertx.eventBus().request(Bus.loop(loop), new Bus.Follow(trace), Bus.local(TIMEOUT)));
    }
    return Future.all(known);
  }

  /** What becomes of messages for stored sessions is told where somebody looks. */
  private void watch() {
    List<Trace.Whom> whom = looking.values().stream().map(one -> one.trace.whom()).toList();
    store.watch(
        whom.isEmpty()
            ? null
            : (session, owner) ->
                whom.stream().anyMatch(one -> one.is(client(session, owner), session)));
  }

  /** Where all clients are alike, a session has no owner: it is called as its client is. */
  private static String client(String session, String owner) {
    return owner.isEmpty() ? session : owner;
  }

  /** What became of a message for a stored session. */
  void became(Effect.Watched effect) {
    String client = client(effect.session(), effect.owner());
    for (Looking one : looking.values()) {
      if (one.trace.whom().is(client, effect.session())) {
        one.trace.add(line(effect, client, one.trace.whom().payload()));
      }
    }
  }

  private String line(Effect.Watched effect, String client, int payload) {
    Map<String, String> of =
        Map.of("client", PacketFields.cut(client), "session", PacketFields.cut(effect.session()));
    String what =
        switch (effect.change()) {
          case KEPT -> "kept";
          case QUEUE_FULL, EXPIRED -> "dropped";
          case SESSION_ENDED -> "session ended";
        };
    String text =
        switch (effect.change()) {
          case KEPT -> "for the stored session";
          case QUEUE_FULL -> "the session's queue is full";
          case EXPIRED -> "expired";
          case SESSION_ENDED -> "with what it had";
        };
    return Trace.line(
        broker.settings.nodeName(),
        of,
        what,
        Tracer.message(effect.packet(), MqttVersion.V5, payload, text));
  }

  private void forget(String id) {
    asking.remove(id);
    Looking one = looking.remove(id);
    if (one != null) {
      one.trace.end();
      watch();
      tell(one.trace).onComplete(told -> broker.traces.decrementAndGet());
    }
  }

  /** Now and then: whoever does not ask any more does not look any more. */
  void sweep() {
    if (!looking.isEmpty()) {
      long now = now();
      looking.entrySet().stream()
          .filter(one -> one.getValue().until < now)
          .map(Map.Entry::getKey)
          .toList()
          .forEach(this::forget);
    }
  }

  private static long now() {
    return System.nanoTime() / 1_000_000;
  }

  // --- at all nodes ---

  /** What has come at all nodes since; the first time, begins to look. */
  Future<Bus.Traced> take(Bus.TakeTrace take) {
    Wire.TraceQuestion question = new Wire.TraceQuestion(take.id(), take.whom());
    return answer(question)
        .map(
            here -> {
              if (!here.refused().isEmpty()) {
                return new Bus.Traced(List.of(), here.refused());
              }
              if (!looking.containsKey(take.id())) {
                // it has ended meanwhile
                return new Bus.Traced(List.of(), null);
              }
              Asking one = asking.computeIfAbsent(take.id(), id -> new Asking());
              ask(one, question);
              List<String> lines = new ArrayList<>(one.lines);
              lines.addAll(here.lines());
              one.lines.clear();
              Trace.sort(lines);
              if (one.isFirst) {
                one.isFirst = false;
                lines.add(0, line(here.node(), "traced", "text", "from now on"));
              }
              return new Bus.Traced(lines, null);
            });
  }

  private void ask(Asking one, Wire.TraceQuestion question) {
    List<String> there = others.ids();
    one.nodes
        .entrySet()
        .removeIf(
            node -> {
              boolean hasLeft = !there.contains(node.getKey());
              if (hasLeft) {
                one.lines.add(
                    line(node.getValue().name, "node gone", "text", "not traced there any more"));
              }
              return hasLeft;
            });
    Buffer form = question.encode();
    for (String id : there) {
      OtherNode node = one.nodes.computeIfAbsent(id, OtherNode::new);
      if (!node.isAsked) {
        node.isAsked = true;
        vertx
            .eventBus()
            .<Buffer>request(Bus.nodeTraces(id), form, Bus.remote(TIMEOUT))
            .onComplete(
                reply -> {
                  node.isAsked = false;
                  came(one, node, Wire.TraceAnswer.decode(reply.body()));
                },
                e -> {
                  node.isAsked = false;
                  if (!node.isSilent) {
                    node.isSilent = true;
                    one.lines.add(
                        line(
                            node.name,
                            "node silent",
                            "text",
                            "it does not answer: not traced there"));
                  }
                });
      }
    }
  }

  private static void came(Asking one, OtherNode node, Wire.TraceAnswer answer) {
    node.name = answer.node();
    if (!answer.refused().isEmpty()) {
      if (!answer.refused().equals(node.refused)) {
        one.lines.add(line(node.name, "not traced", "text", answer.refused()));
      }
    } else if (!node.hasAnswered || node.isSilent) {
      one.lines.add(line(node.name, "traced", "text", "from now on, there, too"));
      node.hasAnswered = true;
    }
    node.refused = answer.refused();
    node.isSilent = false;
    one.lines.addAll(answer.lines());
  }

  /** Whoever has asked here looks at no node any more. */
  void end(String id) {
    Asking one = asking.get(id);
    forget(id);
    if (one != null) {
      Buffer form = new Wire.TraceQuestion(id, null).encode();
      one.nodes.keySet().forEach(node -> vertx.eventBus().send(Bus.nodeTraces(node), form));
    }
  }
}
