package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.bus.Wire;
import io.busbar.config.ConfigException;
import io.busbar.config.ResourceForm;
import io.busbar.policy.Admission;
import io.busbar.policy.Client;
import io.busbar.policy.Permit;
import io.busbar.policy.Policy;
import io.busbar.policy.Resource;
import io.busbar.policy.Shadow;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * Compares a draft with the policy in force at all nodes, for one who asks again and again what has
 * come. Each question is a lease: who does not ask any more, because it is gone or was killed, has
 * nothing compared any more. For the thread of the authorization verticle.
 */
final class Shadowing {
  /** How long is compared for somebody who does not ask, in milliseconds. */
  private static final long LEASE = 10_000;

  /** Differences of one answer. */
  private static final int SOME = 200;

  /** How long other nodes may take to answer, in milliseconds. */
  private static final long TIMEOUT = 2_000;

  private final Vertx vertx;
  private final Broker broker;
  private final Supplier<Policy> live;
  private final Runnable rejudge;

  /** Who has asked, or null. */
  private String id;

  private Shadow shadow;
  private long until;

  /** Whether it was asked for here: then other nodes are asked, too. */
  private boolean isOurs;

  private List<Policy.Change> changes = List.of();

  /** How many differences found here were told. */
  private int told;

  private List<String> members = List.of();
  private final Map<String, Other> others = new HashMap<>();

  /** Another node that compares for one who has asked here. */
  private static final class Other {
    boolean isAsked;
    boolean knows;
    Wire.ShadowAnswer last;

    /** How many of its differences have come: an answer that is lost is asked for again. */
    int came;

    final List<Shadow.Difference> differences = new ArrayList<>();
  }

  /**
   * Compares nothing yet.
   *
   * @param live the policy in force
   * @param rejudge has whoever is connected or stored judged again
   */
  Shadowing(Vertx vertx, Broker broker, Supplier<Policy> live, Runnable rejudge) {
    this.vertx = vertx;
    this.broker = broker;
    this.live = live;
    this.rejudge = rejudge;
  }

  // --- what is decided ---

  /** The policy in force is another now. */
  void follow() {
    if (shadow != null) {
      shadow.follow(live.get());
    }
  }

  /** What somebody is let in with, who is compared from now on if anybody is. */
  Admission.Granted beside(Admission.Granted granted) {
    return shadow == null ? granted : shadow.beside(granted);
  }

  /** What a client may do, connected or not. */
  Permit permit(Client client) {
    Permit permit = live.get().permit(client);
    return shadow == null ? permit : shadow.beside(client, permit);
  }

  /** Somebody who connects was judged by the policy in force; {@code then} asks another one. */
  void judged(String userName, Admission admission, Function<Policy, Admission> then) {
    if (shadow != null && admission instanceof Admission.Refused refused) {
      shadow.refused(userName, refused, then.apply(shadow.draft()));
    }
  }

  // --- for whom ---

  /** The nodes of the cluster, this one included. */
  void members(List<String> nodes) {
    members = nodes.stream().filter(node -> !node.equals(broker.nodeId)).toList();
    others.keySet().retainAll(members);
  }

  /** What has come at all nodes; the first time, begins. */
  Bus.Shadowed take(Bus.TakeShadow take) {
    String refused = begin(take.id(), take.changes());
    if (!refused.isEmpty()) {
      return new Bus.Shadowed(refused, 0, 0, 0, List.of());
    }
    isOurs = true;
    changes = take.changes();
    List<Shadow.Difference> all = new ArrayList<>(shadow.since(told, SOME));
    told += all.size();
    long compared = shadow.compared();
    long leftOut = shadow.leftOut();
    int nodes = 1;
    for (String node : members) {
      Other other = others.computeIfAbsent(node, n -> new Other());
      ask(node, other);
      if (other.last != null && other.knows) {
        nodes++;
        compared += other.last.compared();
        leftOut += other.last.leftOut();
      }
      all.addAll(other.differences);
      other.differences.clear();
    }
    return new Bus.Shadowed("", nodes, compared, leftOut, all);
  }

  private void ask(String node, Other other) {
    if (other.isAsked) {
      return;
    }
    other.isAsked = true;
    if (!other.knows) {
      other.came = 0;
    }
    List<Wire.DraftChange> forms =
        other.knows ? null : changes.stream().map(Shadowing::form).toList();
    vertx
        .eventBus()
        .<Buffer>request(
            Bus.nodeShadows(node),
            new Wire.ShadowQuestion(id, other.came, forms).encode(),
            Bus.remote(TIMEOUT))
        .map(reply -> Wire.ShadowAnswer.decode(reply.body()))
        .onComplete(
            answer -> {
              other.isAsked = false;
              other.knows = answer.isKnown();
              other.last = answer;
              other.came += answer.differences().size();
              other.differences.addAll(answer.differences());
            },
            e -> {
              // a node that does not answer compares nothing that is counted
              other.isAsked = false;
              other.knows = false;
            });
  }

  private static Wire.DraftChange form(Policy.Change change) {
    return new Wire.DraftChange(
        change.kind().code(),
        change.id(),
        change.resource() == null ? null : new ResourceForm(change.resource(), null).encode());
  }

  /** Another node asks. */
  Buffer answer(Wire.ShadowQuestion question) {
    boolean isKnown = question.id().equals(id);
    if (question.isEnd()) {
      end(question.id());
      isKnown = false;
    } else if (question.changes() != null) {
      try {
        isKnown =
            begin(question.id(), question.changes().stream().map(Shadowing::change).toList())
                .isEmpty();
      } catch (ConfigException e) {
        // a node of another build has made it: what is not understood is not compared
        isKnown = false;
      }
    } else if (isKnown) {
      until = now() + LEASE;
    }
    return (isKnown
            ? new Wire.ShadowAnswer(
                true, shadow.compared(), shadow.leftOut(), shadow.since(question.from(), SOME))
            : new Wire.ShadowAnswer(false, 0, 0, List.of()))
        .encode();
  }

  private static Policy.Change change(Wire.DraftChange form) {
    Resource.Kind kind = Resource.Kind.of(form.kind());
    return new Policy.Change(
        kind,
        form.id(),
        form.resource() == null ? null : ResourceForm.decode(kind, form.resource()).resource());
  }

  /** Why nothing is compared for somebody, or empty: then it is from now on, if not before. */
  private String begin(String by, List<Policy.Change> draft) {
    if (broker.settings.accessForAll()) {
      return "this node lets everybody do anything: there is no policy to compare";
    }
    if (id != null && !id.equals(by)) {
      return "another draft is compared already (allowed: one at a time)";
    }
    until = now() + LEASE;
    if (id == null) {
      id = by;
      shadow = new Shadow(live.get(), draft);
      told = 0;
      rejudge.run();
    }
    return "";
  }

  /** Whoever has asked does not any more: at no node. */
  void end(String by) {
    if (!by.equals(id)) {
      return;
    }
    if (isOurs) {
      Buffer end = Wire.ShadowQuestion.end(id).encode();
      members.forEach(
          node -> vertx.eventBus().send(Bus.nodeShadows(node), end, Bus.remote(TIMEOUT)));
    }
    id = null;
    shadow = null;
    isOurs = false;
    changes = List.of();
    others.clear();
    // who is connected still has what compares
    rejudge.run();
  }

  /** Each second. */
  void sweep() {
    if (id != null && until < now()) {
      end(id);
    }
  }

  private static long now() {
    return System.nanoTime() / 1_000_000;
  }
}
