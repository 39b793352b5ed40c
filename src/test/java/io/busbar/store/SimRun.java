package io.busbar.store;

import java.util.Set;

/**
 * One run of the simulation: a cluster, its clients, and trouble at random for some seconds of its
 * time; then everything is mended, and within {@link #MENDED} each group must take appends at every
 * node and all replicas must agree with each other and with the clients' records.
 */
final class SimRun {
  /** How soon all must be well after the trouble ends. */
  static final long MENDED = 20 * SimCluster.SECOND;

  private static final long TROUBLE = 6 * SimCluster.SECOND;

  private final SimCluster cluster;
  private final SimClients clients;

  /** What a run did, to be told. */
  record Report(int acknowledged, int troubles, long virtualMillis) {}

  private int troubles;

  SimRun(long seed, Set<Safeguard> without) {
    int groups = 1 + (int) Long.remainderUnsigned(seed, 2);
    cluster = new SimCluster(seed, 3, groups, without);
    clients = new SimClients(cluster);
  }

  Report run() {
    clients.begin();
    wait("the groups take the first appends", clients::isReady);
    long until = cluster.now() + TROUBLE;
    while (cluster.now() < until) {
      cluster.run(cluster.upTo(400 * SimCluster.MILLISECOND));
      trouble();
    }
    mend();
    cluster.run(SimCluster.SECOND / 2);
    clients.stop();
    wait("all that is open is answered", clients::isQuiet);
    clients.openAll();
    wait("each group takes an append", clients::areOpen);
    wait("all replicas have come to the same entry", this::agree);
    for (SimNode node : cluster.nodes) {
      for (int group = 0; group < cluster.groups; group++) {
        clients.judge(node, group);
      }
    }
    return new Report(clients.acknowledged(), troubles, cluster.now() / SimCluster.MILLISECOND);
  }

  private boolean agree() {
    for (int group = 0; group < cluster.groups; group++) {
      long most = 0;
      long least = Long.MAX_VALUE;
      for (SimNode node : cluster.nodes) {
        most = Math.max(most, node.replica(group).applied());
        least = Math.min(least, node.replica(group).applied());
      }
      if (most != least) {
        return false;
      }
    }
    return true;
  }

  private void wait(String what, java.util.function.BooleanSupplier isSo) {
    long until = cluster.now() + MENDED;
    while (!isSo.getAsBoolean()) {
      if (cluster.now() > until) {
        throw cluster.fail(
            "not within %d s: %s; %s".formatted(MENDED / SimCluster.SECOND, what, describe()));
      }
      cluster.run(20 * SimCluster.MILLISECOND);
    }
  }

  /** Who leads, and how far each has come: for a run that failed. */
  private String describe() {
    StringBuilder text = new StringBuilder();
    for (int group = 0; group < cluster.groups; group++) {
      for (SimNode node : cluster.nodes) {
        Replica replica = node.replica(group);
        var state = ((io.microraft.impl.RaftNodeImpl) replica.raft()).state();
        text.append(
            "%s/%d: %s of term %d under %s, log to %d, committed %d, applied %d, pre-vote %s; "
                .formatted(
                    node.self,
                    group,
                    state.role(),
                    state.term(),
                    state.leader(),
                    state.log().lastLogOrSnapshotIndex(),
                    state.commitIndex(),
                    replica.applied(),
                    state.preCandidateState() != null));
        if (state.leaderState() != null) {
          text.append(state.leaderState().getFollowerStates()).append("; ");
        }
        text.append(
            "snapshot at %d, receiving %s; "
                .formatted(state.log().snapshotIndex(), state.snapshotChunkCollector() != null));
      }
    }
    cluster.nodes.forEach(node -> text.append(node.self + " " + node.describe() + "; "));
    return text.toString();
  }

  private void trouble() {
    troubles++;
    SimNode node = cluster.anyNode();
    SimNode other = cluster.anyNode();
    switch (cluster.random.nextInt(10)) {
      case 0, 1 -> stop(node, true);
      case 2 -> stop(node, false);
      case 3 -> {
        for (SimNode each : cluster.nodes) {
          if (cluster.random.nextInt(4) == 0) {
            stop(each, true);
          }
        }
      }
      case 4, 5 -> {
        cluster.cut.add(node.self.id() + ">" + other.self.id());
        if (cluster.random.nextBoolean()) {
          cluster.cut.add(other.self.id() + ">" + node.self.id());
        }
      }
      case 6 -> cluster.cut.clear();
      case 7 -> {
        cluster.dropped = cluster.random.nextInt(3) * 0.1;
        cluster.doubled = cluster.random.nextInt(3) * 0.1;
      }
      case 8 ->
          cluster.slowest =
              SimCluster.MILLISECOND
                  * (1 + cluster.random.nextInt(cluster.random.nextInt(10) == 0 ? 300 : 20));
      default ->
          node.slowestSync =
              SimCluster.MILLISECOND
                  * (1 + cluster.random.nextInt(cluster.random.nextInt(5) == 0 ? 800 : 5));
    }
  }

  private void stop(SimNode node, boolean power) {
    if (!node.isUp()) {
      return;
    }
    if (power) {
      node.crash();
    } else {
      node.kill();
    }
    cluster.after(
        cluster.upTo(2 * SimCluster.SECOND),
        () -> {
          if (!node.isUp()) {
            start(node);
          }
        });
  }

  private void start(SimNode node) {
    node.start();
    clients.joined(node);
  }

  private void mend() {
    cluster.cut.clear();
    cluster.dropped = 0;
    cluster.doubled = 0;
    cluster.slowest = 2 * SimCluster.MILLISECOND;
    for (SimNode node : cluster.nodes) {
      node.slowestSync = 2 * SimCluster.MILLISECOND;
      if (!node.isUp()) {
        start(node);
      }
    }
  }
}
