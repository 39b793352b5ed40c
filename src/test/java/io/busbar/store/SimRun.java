package io.busbar.store;

import io.busbar.store.SimTrouble.Weather;
import java.util.List;
import java.util.Random;
import java.util.Set;

/**
 * One run of the simulation: a cluster, its clients, and trouble at random for some seconds of its
 * time; then everything is mended, and within {@link #MENDED} each group must take appends at every
 * node and all replicas must agree with each other and with the clients' records.
 */
final class SimRun {
  /** How soon all must be well after the trouble ends, or a majority is among itself. */
  static final long MENDED = 8 * SimCluster.SECOND;

  private static final long TROUBLE = 6 * SimCluster.SECOND;

  private final SimCluster cluster;
  private final SimClients clients;
  private final SimTrouble trouble;

  /** What a run did, to be told. */
  record Report(int acknowledged, int troubles, long virtualMillis) {}

  SimRun(long seed, Set<Safeguard> without, Weather weather) {
    Random shape = new Random(~seed);
    int size = List.of(3, 3, 3, 5, 1).get(shape.nextInt(5));
    int groups = 1 + shape.nextInt(2);
    boolean isAsked = weather == Weather.DISKS_WIPED || weather == Weather.UNSEEN;
    boolean grows = size > 1 && (isAsked || shape.nextInt(4) == 0);
    Weather growing =
        isAsked ? weather : shape.nextInt(3) == 0 ? Weather.UNSEEN : Weather.DISKS_WIPED;
    cluster = new SimCluster(seed, size, groups, grows, without);
    clients = new SimClients(cluster);
    trouble = new SimTrouble(cluster, clients, grows ? growing : weather);
  }

  Report run() {
    clients.begin();
    wait("the groups take the first appends", clients::isReady);
    trouble.begin();
    long until = cluster.now() + (trouble.weather == Weather.UNSEEN ? 2 * TROUBLE : TROUBLE);
    while (cluster.now() < until) {
      cluster.run(cluster.upTo(trouble.pause()));
      trouble.next();
      if (trouble.weather == Weather.ABSENCE) {
        absence();
      }
    }
    trouble.mend(List.of());
    // a node that was taken for gone reads so, and begins anew
    cluster.run(
        trouble.weather == Weather.UNSEEN
            ? Leases.LEASE + SimCluster.SECOND
            : SimCluster.SECOND / 2);
    clients.stop();
    wait("all that is open is answered", clients::isQuiet);
    wait("all nodes hold all groups", trouble::isWhole);
    clients.openAll();
    wait("each group takes an append", clients::areOpen);
    wait("all replicas have come to the same entry", this::agree);
    for (SimNode node : cluster.nodes) {
      for (int group = 0; group < cluster.groups; group++) {
        clients.judge(node, group);
      }
    }
    return new Report(
        clients.acknowledged(), trouble.count(), cluster.now() / SimCluster.MILLISECOND);
  }

  /** A node is gone: the others go on without it, within seconds. */
  private void absence() {
    SimNode gone = trouble.leader();
    trouble.mend(List.of(gone));
    if (gone.isUp()) {
      gone.crash();
    }
    clients.mark();
    wait("the others go on without " + gone.self, clients::goOn);
    trouble.mend(List.of());
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
        if (!node.isUp()) {
          continue;
        }
        Replica replica = node.replica(group);
        var state = node.state(group);
        text.append(
            "%s/%d: %s %s of term %d under %s, log to %d, committed %d, applied %d, pre-vote %s; "
                .formatted(
                    node.self,
                    group,
                    replica.raft().getStatus(),
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
            "snapshot at %d, receiving %s, voters %s; "
                .formatted(
                    state.log().snapshotIndex(),
                    state.snapshotChunkCollector() != null,
                    state.effectiveGroupMembers().getVotingMembers()));
      }
    }
    cluster.nodes.stream()
        .filter(SimNode::isUp)
        .forEach(node -> text.append(node.self + " " + node.describe() + "; "));
    return text.toString();
  }
}
