package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.policy.Admission;
import io.busbar.policy.Affected;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;

/**
 * Has the rights of a loop's connections judged again where the policy has changed: some at a time,
 * so that neither the loop nor the authorization verticle is held for long.
 */
final class Rejudging {
  /** Connections that are judged at once. */
  private static final int SOME = 256;

  /** How long the authorization verticle may take, in milliseconds. */
  private static final long TIMEOUT = 5_000;

  private final Loop loop;
  private final ArrayDeque<Connection> waiting = new ArrayDeque<>();
  private boolean isAsking;

  /** The latest revision of the policy that the connections were judged by, or are being. */
  private long revision;

  Rejudging(Loop loop) {
    this.loop = loop;
  }

  /** The policy has changed for some. */
  void begin(Affected affected, long to) {
    revision = Math.max(revision, to);
    for (Connection connection : loop.connections()) {
      Admission.Granted granted = connection.granted();
      if (granted != null && affected.is(granted.client().authenticationName())) {
        waiting.add(connection);
      }
    }
    ask();
  }

  /** A connection has opened that was judged by a revision: it may have changed since. */
  void opened(Connection connection, long by) {
    if (by < revision) {
      waiting.add(connection);
      ask();
    }
  }

  private void ask() {
    if (isAsking) {
      return;
    }
    List<Connection> some = new ArrayList<>();
    List<Admission.Granted> grants = new ArrayList<>();
    while (some.size() < SOME && !waiting.isEmpty()) {
      Connection connection = waiting.remove();
      if (!connection.isEnding() && connection.granted() != null) {
        some.add(connection);
        grants.add(connection.granted());
      }
    }
    if (some.isEmpty()) {
      return;
    }
    isAsking = true;
    loop.<Bus.Local>request(Bus.AUTHORIZATION, new Bus.Again(grants), Bus.local(TIMEOUT))
        .onComplete(
            reply ->
                loop.execute(
                    () -> {
                      loop.counters.busMessages++;
                      isAsking = false;
                      if (reply.succeeded()) {
                        judged(some, grants, ((Bus.Judged) reply.result().body()).admissions());
                      } else {
                        // a right that was taken must not outlive that nobody could be asked
                        loop.limitedLog.warn("authorization did not answer: asked again");
                        waiting.addAll(some);
                      }
                      ask();
                    }));
  }

  @SuppressWarnings("ReferenceEquality")
  private static void judged(
      List<Connection> some, List<Admission.Granted> asked, List<Admission> answers) {
    for (int i = 0; i < some.size(); i++) {
      Admission.Granted before = asked.get(i);
      // unless nothing changed for it, or it has authenticated again meanwhile
      if (answers.get(i) != before && some.get(i).granted() == before) {
        some.get(i).judged(answers.get(i));
      }
    }
  }
}
