package io.busbar.store;

import io.busbar.shard.Command;
import io.busbar.shard.Effect;
import io.busbar.shard.Machine;
import io.busbar.testing.SimDisk;
import io.microraft.RaftEndpoint;
import io.microraft.impl.RaftNodeImpl;
import io.microraft.impl.state.RaftState;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Collection;
import java.util.List;
import java.util.Random;

/** A node of the simulation: a disk that outlives its processes, and at most one life. */
final class SimNode {
  final SimCluster cluster;
  final String name;
  private SimDisk disk;
  NodeEndpoint self;
  private int disks;

  /** How long a sync takes at most; a stall of the disk is a large one. */
  long slowestSync = 2 * SimCluster.MILLISECOND;

  private long starts;

  /** What was synced before the last sync, which says so: the journal can tell if it is lost. */
  private long proven;

  private boolean isDamaged;

  private Life life;

  SimNode(SimCluster cluster, NodeEndpoint self) {
    this.cluster = cluster;
    this.name = self.name();
    this.self = self;
    this.disk = new SimDisk(new Random(cluster.random.nextLong()));
  }

  SimDisk disk() {
    return disk;
  }

  /** The node, which is down, gets an empty disk: it is another one of the same name. */
  void wipe() {
    disks++;
    self = NodeEndpoint.of(name, String.valueOf(disks));
    disk = new SimDisk(new Random(cluster.random.nextLong()));
    starts = 0;
    proven = 0;
  }

  /** Changes a bit of what the journal of the node, which is down, must find; if there is any. */
  void damage(Random random) {
    String file = null;
    for (String name : disk.names()) {
      long start = Segment.start(name);
      boolean isEarlier = file == null || start < Segment.start(file);
      if (start >= 0 && start < proven && isEarlier) {
        file = name;
      }
    }
    if (file != null) {
      long start = Segment.start(file);
      long end = Math.min(proven, start + disk.get(file).length);
      isDamaged = true;
      disk.flip(file, (long) (random.nextDouble() * (end - start)));
    }
  }

  /** Whether what it does not know yet will make it give up its disk. */
  boolean isDamaged() {
    return isDamaged;
  }

  boolean isUp() {
    return life != null;
  }

  Replicas replicas() {
    return life.replicas;
  }

  Replica replica(int group) {
    return life.replicas.replica(group);
  }

  /** The engine's state of a group. */
  RaftState state(int group) {
    return ((RaftNodeImpl) replica(group).raft()).state();
  }

  /** Starts a process; it may fail as a process does. */
  void start() {
    try {
      life = new Life();
      life.open(++starts);
      isDamaged = false;
      for (int group = 0; group < cluster.groups; group++) {
        cluster.referee().starts(group, self.id(), replica(group));
      }
    } catch (SyncFailedException e) {
      kill();
    } catch (DamagedJournalException | DamagedCheckpointException e) {
      // it gives up what it has, and goes on with an empty disk
      life = null;
      wipe();
      start();
    } catch (IOException e) {
      if (disk.usable() > 0) {
        throw new IllegalStateException(self + " does not start", e);
      }
      kill();
    }
  }

  /** The process is gone at once; the machine's memory is not. */
  void kill() {
    life = null;
    disk.kill();
  }

  /** The power fails: what was not synced is lost, or worse. */
  void crash() {
    life = null;
    disk.crash();
  }

  /** Has a group led by another, if it is led here. */
  void handOver(int group, NodeEndpoint to) {
    Life of = life;
    of.replicas.turn().execute(() -> of.replicas.replica(group).handOver(to::equals));
    of.schedule();
  }

  /** Has it leave all groups; once it has, it comes back with an empty disk. */
  void leave() {
    Life of = life;
    of.replicas.turn().execute(of.replicas::leave);
    of.schedule();
  }

  /** Whether it is about to be no member of a group. */
  boolean isLeaving() {
    for (int group = 0; group < cluster.groups; group++) {
      boolean is = isUp() && cluster.grows && life.replicas.placement(group).isLeaving(self);
      if (is) {
        return true;
      }
    }
    return false;
  }

  String describe() {
    return life.describe();
  }

  /** Whether it holds a grant of a group's leader now. */
  boolean serves(int group) {
    return isUp() && life.hasBegun[group] && life.leasedUntil[group] > cluster.now();
  }

  void receive(String from, int kind, int group, ByteBuffer body) {
    Life to = life;
    to.replicas.turn().execute(() -> to.replicas.receive(from, kind, group, body));
    to.schedule();
  }

  /** One life of the node. */
  private final class Life implements Replicas.World {
    Replicas replicas;
    private final long[] applied = new long[cluster.groups];
    final long[] leasedUntil = new long[cluster.groups];

    /** Groups that have come to this start: from then on it serves, if it has a lease. */
    final boolean[] hasBegun = new boolean[cluster.groups];

    private boolean isScheduled;
    private long wakeAt = Long.MAX_VALUE;

    void open(long incarnation) throws IOException {
      replicas =
          new Replicas(
              new Replicas.Site(
                  self,
                  incarnation,
                  cluster.founders,
                  cluster.grows ? cluster.placement : null,
                  cluster.groups,
                  disk,
                  16 << 10,
                  cluster.snapshotEntries,
                  cluster.heapBytes,
                  cluster.without),
              this);
      wakeUp();
      for (int i = 0; cluster.grows && i < cluster.groups; i++) {
        int group = i;
        Command former = new Command.Gone(name + Command.Gone.OF_NAME);
        replicas.append(group, List.of(former), 64, done -> hasBegun[group] = true);
      }
    }

    String describe() {
      return "scheduled %s, wake at %d, due %d, commit %s, slowest sync %d"
          .formatted(
              isScheduled,
              wakeAt / SimCluster.MILLISECOND,
              replicas.turn().nextDue() / SimCluster.MILLISECOND,
              replicas.turn().needsCommit(),
              slowestSync);
    }

    private boolean isGone() {
      return life != this;
    }

    /** Has a turn soon, or when the next timer is due. */
    private void schedule() {
      if (isScheduled || isGone()) {
        return;
      }
      long due = replicas.turn().nextDue();
      if (due <= cluster.now()) {
        isScheduled = true;
        cluster.after(cluster.upTo(100_000), this::work);
      } else if (due < wakeAt) {
        wakeAt = due;
        cluster.after(
            due - cluster.now(),
            () -> {
              wakeAt = Long.MAX_VALUE;
              schedule();
            });
      }
    }

    private void work() {
      if (isGone()) {
        return;
      }
      replicas.turn().work();
      if (isGone()) {
        return;
      }
      checkCounts();
      if (replicas.turn().needsCommit()) {
        cluster.after(20_000 + cluster.upTo(slowestSync), this::commit);
      } else {
        isScheduled = false;
        schedule();
      }
    }

    private void checkCounts() {
      for (int group = 0; group < cluster.groups; group++) {
        RaftState here = state(group);
        for (SimNode other : cluster.nodes) {
          if (here.leaderState() != null && other != SimNode.this && other.isUp()) {
            cluster.referee().counts(group, here, other.state(group));
          }
        }
      }
    }

    private void commit() {
      if (!isGone()) {
        long before = replicas.journal().synced();
        replicas.turn().commit();
        if (replicas.journal().synced() > before) {
          proven = before;
        }
        isScheduled = false;
        schedule();
      }
    }

    @Override
    public long nanoTime() {
      return cluster.now();
    }

    @Override
    public long wallClock() {
      return cluster.wallClock();
    }

    @Override
    public Random random() {
      return cluster.random;
    }

    @Override
    public void wakeUp() {
      if (replicas != null) {
        schedule();
      }
    }

    @Override
    public Collection<NodeEndpoint> present() {
      return cluster.nodes.stream()
          .filter(node -> node == SimNode.this || (node.isUp() && sees(node)))
          .map(node -> node.self)
          .toList();
    }

    private boolean sees(SimNode node) {
      return !cluster.unseen.contains(node.name) && !cluster.blind.contains(name);
    }

    @Override
    public void leased(int group, long until) {
      leasedUntil[group] = cluster.without.contains(Safeguard.LEASE) ? Long.MAX_VALUE : until;
    }

    @Override
    public boolean areAllOf(int forms, Collection<RaftEndpoint> nodes) {
      return cluster.random.nextBoolean();
    }

    @Override
    public void tryAddress(NodeEndpoint node, Runnable dead) {
      boolean isDead = cluster.nodes.stream().noneMatch(one -> one.self.equals(node) && one.isUp());
      if (isDead) {
        cluster.after(
            cluster.upTo(5 * SimCluster.MILLISECOND),
            () -> {
              if (!isGone()) {
                replicas.turn().execute(dead);
                schedule();
              }
            });
      }
    }

    @Override
    public void send(String node, int kind, int group, byte[] body) {
      if (!isGone()) {
        cluster.send(SimNode.this, node, kind, group, body);
      }
    }

    @Override
    public void effect(int group, Effect effect, boolean isLeader) {
      // the machine's own tests judge what it wants done, but for who is gone
      if (effect instanceof Effect.Left left && !isGone()) {
        cluster.gone(group, applied[group], left.node());
        if (left.node().equals(self.id()) && hasBegun[group]) {
          cluster.after(0, this::end);
        }
      }
    }

    /** It has read that it is gone. */
    private void end() {
      if (!isGone()) {
        kill();
        cluster.after(
            cluster.upTo(500 * SimCluster.MILLISECOND),
            () -> cluster.returned.accept(SimNode.this));
      }
    }

    @Override
    public void applied(int group, long index, byte[] entry) {
      cluster.referee().applies(group, index, entry, self.id(), applied[group]);
      applied[group] = index;
    }

    @Override
    public void leads(int group, boolean isLeader) {
      if (isLeader) {
        cluster.referee().leads(group, replica(group).raft().getTerm().getTerm(), self.id());
      }
    }

    @Override
    public void left() {
      if (!isGone()) {
        // as a node that has left and is started again: with nothing
        kill();
        wipe();
        cluster.after(
            cluster.upTo(500 * SimCluster.MILLISECOND),
            () -> cluster.returned.accept(SimNode.this));
      }
    }

    @Override
    public void replaced(int group, Machine before) {
      // its index is not looked at here
    }

    @Override
    public void synced(long nanos) {
      // not measured here
    }

    @Override
    public void fatal(Throwable cause) {
      if (isGone()) {
        return;
      }
      for (Throwable of = cause; of != null; of = of.getCause()) {
        if (of instanceof SyncFailedException) {
          if (cluster.random.nextBoolean()) {
            crash();
          } else {
            kill();
          }
          return;
        }
      }
      cluster.broken(self + " must end", cause);
    }
  }
}
