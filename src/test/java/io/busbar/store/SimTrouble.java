package io.busbar.store;

import io.microraft.RaftRole;
import io.microraft.report.RaftGroupMembers;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;

/** What goes wrong in a run: a kind of weather, by the seed, and its gusts. */
final class SimTrouble {
  private static final long MILLISECOND = SimCluster.MILLISECOND;

  /** What kind of trouble a run has most of. */
  enum Weather {
    /** Something of everything. */
    MIXED,
    /** Slow syncs, and the power fails for all or most nodes at once. */
    POWER,
    /** Whoever leads is cut off, crashes, or is asked to hand over. */
    LEADERS,
    /** Messages come late and twice, while leaders change. */
    DELAYS,
    /** Disks are full, fail to sync, lose and change what is on them; nodes are replaced. */
    DISKS,
    /** The network stops for about as long as a leader may be silent; then a node is gone. */
    ABSENCE,
    /** Nodes are not seen that are there, and leaders change meanwhile. */
    UNSEEN,
    /**
     * One node lets the others in, amid something of everything; then disks are replaced, and nodes
     * leave and come back.
     */
    DISKS_WIPED
  }

  final Weather weather;
  private final SimCluster cluster;
  private final SimClients clients;
  private final Random random;
  private int count;

  SimTrouble(SimCluster cluster, SimClients clients, Weather asked) {
    this.cluster = cluster;
    this.clients = clients;
    this.random = cluster.random;
    cluster.returned = this::start;
    boolean isAlone =
        cluster.nodes.size() == 1 && (asked == Weather.DISKS_WIPED || asked == Weather.UNSEEN);
    this.weather = asked == null || isAlone ? any() : asked;
  }

  private Weather any() {
    // the last two need a cluster of their own kind
    return cluster.nodes.size() == 1
        ? List.of(Weather.POWER, Weather.DISKS).get(random.nextInt(2))
        : Weather.values()[random.nextInt(Weather.values().length - 2)];
  }

  /** How often something went wrong. */
  int count() {
    return count;
  }

  /** What lasts for the whole of the trouble. */
  void begin() {
    switch (weather) {
      case POWER -> {
        for (SimNode node : cluster.nodes) {
          node.slowestSync = MILLISECOND * (1 + random.nextInt(200));
        }
      }
      case DELAYS -> {
        cluster.doubled = 0.5;
        cluster.late = 0.5;
        cluster.latest = MILLISECOND * (500 + random.nextInt(4_000));
        for (SimNode node : cluster.nodes) {
          node.slowestSync = MILLISECOND * (random.nextBoolean() ? 2 : 20 + random.nextInt(300));
        }
      }
      default -> {}
    }
  }

  /** How long until the next gust, at most. */
  long pause() {
    return switch (weather) {
      case MIXED -> 400 * MILLISECOND;
      case POWER, LEADERS, DISKS -> 800 * MILLISECOND;
      case DELAYS -> 2_000 * MILLISECOND;
      case ABSENCE -> 300 * MILLISECOND;
      case DISKS_WIPED -> 500 * MILLISECOND;
      case UNSEEN -> 1_500 * MILLISECOND;
    };
  }

  /** A gust. */
  void next() {
    count++;
    switch (weather) {
      case MIXED -> anything();
      case POWER -> power();
      case LEADERS -> leaders();
      case DELAYS -> unheard();
      case DISKS -> disks();
      case ABSENCE -> blackout();
      case UNSEEN -> unseen();
      case DISKS_WIPED -> {
        if (isWhole() && random.nextInt(3) > 0) {
          if (random.nextBoolean()) {
            wipe(cluster.anyNode());
          } else {
            SimNode node = random.nextBoolean() ? leader() : cluster.anyNode();
            if (node.isUp()) {
              node.leave();
            }
          }
        } else {
          anything();
        }
      }
    }
  }

  private void disks() {
    SimNode node = random.nextBoolean() ? leader() : cluster.anyNode();
    switch (random.nextInt(6)) {
      case 0 -> full(node, cluster.upTo(2_000 * MILLISECOND));
      case 1 -> {
        long until = cluster.upTo(1_000 * MILLISECOND);
        cluster.nodes.forEach(each -> full(each, until));
      }
      case 2 -> failSync(node);
      case 3 -> stop(node, random.nextBoolean(), 800 * MILLISECOND);
      case 4 -> power();
      default -> handOver(leader());
    }
  }

  private void full(SimNode node, long until) {
    node.disk().full(true);
    cluster.after(until, () -> node.disk().full(false));
  }

  /** The process ends at its next sync, and finds a sound disk when it starts again. */
  private void failSync(SimNode node) {
    node.disk().failSync(true);
    cluster.after(
        cluster.upTo(600 * MILLISECOND),
        () -> {
          node.disk().failSync(false);
          start(node);
        });
  }

  private void power() {
    int spared = random.nextInt(4) == 0 ? random.nextInt(cluster.nodes.size()) : -1;
    for (int i = 0; i < cluster.nodes.size(); i++) {
      if (i != spared) {
        stop(cluster.nodes.get(i), true, 300 * MILLISECOND);
      }
    }
  }

  private void leaders() {
    SimNode leader = leader();
    switch (random.nextInt(5)) {
      case 0 -> stop(leader, true, 1_500 * MILLISECOND);
      case 1 -> stop(leader, true, 50 * MILLISECOND);
      case 2 -> handOver(leader);
      default -> {
        boolean in = random.nextInt(3) > 0;
        boolean out = !in || random.nextBoolean();
        for (SimNode other : cluster.nodes) {
          if (in) {
            cluster.cut.add(other.self.id() + ">" + leader.self.id());
          }
          if (out) {
            cluster.cut.add(leader.self.id() + ">" + other.self.id());
          }
        }
        cluster.after(cluster.upTo(1_500 * MILLISECOND), cluster.cut::clear);
      }
    }
  }

  private void unseen() {
    SimNode node = cluster.anyNode();
    switch (random.nextInt(8)) {
      case 0, 1, 2, 3 -> {
        cluster.unseen.add(node.name);
        if (random.nextBoolean()) {
          cluster.blind.add(node.name);
        }
        cluster.after(
            cluster.upTo(7_000 * MILLISECOND),
            () -> {
              cluster.unseen.remove(node.name);
              cluster.blind.remove(node.name);
            });
      }
      case 4 -> leaders();
      case 5 -> stop(node, random.nextBoolean(), 2_000 * MILLISECOND);
      case 6 -> handOver(leader());
      default -> {
        SimNode leader = leader();
        cluster.cut.add(leader.self.id() + ">" + node.self.id());
        cluster.after(cluster.upTo(4_000 * MILLISECOND), cluster.cut::clear);
      }
    }
  }

  private void handOver(SimNode leader) {
    for (int group = 0; group < cluster.groups; group++) {
      if (leader.isUp()) {
        leader.handOver(group, cluster.anyNode().self);
      }
    }
  }

  /** A leader is heard by few, and loses what it had only told them. */
  private void unheard() {
    SimNode leader = leader();
    SimNode hearing = cluster.anyNode();
    for (SimNode other : cluster.nodes) {
      if (other != hearing) {
        cluster.cut.add(leader.self.id() + ">" + other.self.id());
      }
    }
    cluster.run(cluster.upTo(300 * MILLISECOND));
    stop(leader, true, 50 * MILLISECOND);
    cluster.cut.clear();
  }

  /** All messages are lost for a while, about as long as a leader may be silent. */
  private void blackout() {
    cluster.dropped = 1;
    cluster.run(900 * MILLISECOND + cluster.upTo(400 * MILLISECOND));
    cluster.dropped = 0;
    cluster.run(cluster.upTo(300 * MILLISECOND));
  }

  private void anything() {
    SimNode node = cluster.anyNode();
    SimNode other = cluster.anyNode();
    switch (random.nextInt(11)) {
      case 0, 1 -> stop(node, true, 2_000 * MILLISECOND);
      case 2 -> stop(node, false, 2_000 * MILLISECOND);
      case 3 -> {
        for (SimNode each : cluster.nodes) {
          if (random.nextInt(4) == 0) {
            stop(each, true, 2_000 * MILLISECOND);
          }
        }
      }
      case 4, 5 -> {
        cluster.cut.add(node.self.id() + ">" + other.self.id());
        if (random.nextBoolean()) {
          cluster.cut.add(other.self.id() + ">" + node.self.id());
        }
      }
      case 6 -> cluster.cut.clear();
      case 7 -> {
        cluster.dropped = random.nextInt(3) * 0.1;
        cluster.doubled = random.nextInt(3) * 0.1;
      }
      case 8 ->
          cluster.slowest = MILLISECOND * (1 + random.nextInt(random.nextInt(10) == 0 ? 300 : 20));
      case 9 -> handOver(leader());
      default ->
          node.slowestSync = MILLISECOND * (1 + random.nextInt(random.nextInt(5) == 0 ? 800 : 5));
    }
  }

  /**
   * Whether every group is held by all nodes, and by no disk that is gone, and at least as many of
   * them vote as are wanted, as its leader has had committed: so another disk may go and nothing is
   * lost.
   */
  boolean isWhole() {
    Set<String> all = new HashSet<>();
    cluster.nodes.forEach(node -> all.add(node.self.id()));
    if (cluster.nodes.stream()
        .anyMatch(node -> !node.isUp() || node.isDamaged() || node.isLeaving())) {
      return false;
    }
    for (int group = 0; group < cluster.groups; group++) {
      SimNode leader = leader(group);
      if (leader == null || !leader.replica(group).leads()) {
        return false;
      }
      RaftGroupMembers members = leader.replica(group).raft().getCommittedMembers();
      Set<String> holders = new HashSet<>();
      members.getMembers().forEach(member -> holders.add(member.getId().toString()));
      int voters = cluster.grows ? cluster.wanted : cluster.nodes.size();
      boolean isChanging =
          members.getLogIndex() != leader.replica(group).raft().getEffectiveMembers().getLogIndex();
      if (isChanging || !holders.equals(all) || members.getVotingMembers().size() < voters) {
        return false;
      }
    }
    return true;
  }

  private void wipe(SimNode node) {
    if (node.isUp()) {
      node.kill();
    }
    if (random.nextInt(3) == 0) {
      node.damage(random);
    } else {
      node.wipe();
    }
    cluster.after(cluster.upTo(800 * MILLISECOND), () -> start(node));
  }

  /** Who leads some group, as far as the nodes know; or anybody. */
  SimNode leader() {
    SimNode found = leader(random.nextInt(cluster.groups));
    return found == null ? cluster.anyNode() : found;
  }

  /** Who leads a group in the newest term, as far as the nodes know; or null. */
  private SimNode leader(int group) {
    SimNode found = null;
    int term = -1;
    for (SimNode node : cluster.nodes) {
      if (node.isUp()) {
        var state = node.state(group);
        if (state.role() == RaftRole.LEADER && state.term() > term) {
          found = node;
          term = state.term();
        }
      }
    }
    return found;
  }

  /** Stops a node, which starts again within a time. */
  private void stop(SimNode node, boolean power, long within) {
    if (!node.isUp()) {
      return;
    }
    if (power) {
      node.crash();
    } else {
      node.kill();
    }
    cluster.after(cluster.upTo(within), () -> start(node));
  }

  private void start(SimNode node) {
    if (!node.isUp()) {
      node.start();
      clients.joined(node);
    }
  }

  /** Everything is well from now on, but for nodes that are to stay away. */
  void mend(List<SimNode> away) {
    cluster.cut.clear();
    cluster.unseen.clear();
    cluster.blind.clear();
    cluster.dropped = 0;
    cluster.doubled = 0;
    cluster.late = 0;
    cluster.slowest = 2 * MILLISECOND;
    for (SimNode node : cluster.nodes) {
      node.slowestSync = 2 * MILLISECOND;
      node.disk().full(false);
      node.disk().failSync(false);
      if (!away.contains(node)) {
        start(node);
      }
    }
  }
}
