package io.busbar.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.shard.Command;
import io.microraft.model.log.LogEntry;
import java.util.List;
import java.util.Set;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;

/** A node that is behind comes to the end of a long log that goes on meanwhile. */
class NewcomerTest {
  private static final int ENTRIES = 4_000;
  private static final long SECOND = SimCluster.SECOND;
  private static final long MILLISECOND = SimCluster.MILLISECOND;

  /** The engine takes a snapshot after so many entries, and keeps a tenth of them before it. */
  private static final int SNAPSHOT = 2 * ENTRIES;

  /** More than all entries: none is in the journal alone, and no snapshot comes before its time. */
  private static final long ALL = 32 << 20;

  private static final long FEW = 4 << 10;

  private SimCluster cluster;
  private SimNode first;
  private SimNode newcomer;
  private boolean isQuiet;

  /** Appends one entry after another. */
  private void append() {
    Command one = new Command.Gone("nobody" + Command.Gone.OF_NAME);
    if (!isQuiet) {
      first.replicas().append(0, List.of(one), 64, done -> append());
    }
  }

  /** Three nodes that serve, with entries that come all the time. */
  private void begin(long heapBytes) {
    cluster = new SimCluster(2, 3, 1, true, Set.of(), SNAPSHOT, heapBytes);
    first = cluster.nodes.get(0);
    newcomer = cluster.nodes.get(2);
    until("all three serve", this::serve);
    append();
  }

  private long until(String what, BooleanSupplier isSo) {
    long begin = cluster.now();
    while (!isSo.getAsBoolean()) {
      assertThat(cluster.now() - begin).as("time to: " + what).isLessThan(60 * SECOND);
      cluster.run(10 * MILLISECOND);
    }
    return (cluster.now() - begin) / MILLISECOND;
  }

  private boolean serve() {
    return cluster.nodes.stream().allMatch(node -> node.serves(0));
  }

  /** Where the logs agree is not looked for entry by entry, a round trip each: that takes 17 s. */
  @Test
  void comesToTheEndOfALongLog() {
    begin(ALL);
    until("there is a long log", () -> first.replica(0).applied() > ENTRIES);
    newcomer.kill();
    newcomer.wipe();
    newcomer.start();
    long end = first.replica(0).applied();
    assertThat(until("it has what the others had", () -> newcomer.replica(0).applied() >= end))
        .as("milliseconds until it has what the others had")
        .isLessThan(3_000);
  }

  /** It lacks entries that the leader's engine still has, but neither its heap nor its journal. */
  @Test
  void getsTheSnapshotWhereTheJournalBeginsLater() {
    begin(FEW);
    until("a snapshot is near", () -> first.replica(0).applied() > SNAPSHOT * 0.92);
    long behind = newcomer.replica(0).applied();
    newcomer.kill();
    until("it is behind a snapshot", () -> first.state(0).log().snapshotIndex() > behind);
    until("the journal begins later", () -> areGone(behind + 1));
    isQuiet = true;
    newcomer.start();
    long end = first.replica(0).applied();
    until("it has what the others had", () -> newcomer.replica(0).applied() >= end);
    assertThat(newcomer.state(0).log().snapshotIndex()).isGreaterThan(behind);
  }

  /** Who leads has a log that began at a snapshot not long ago, and took another one since. */
  @Test
  void getsTheSnapshotOfWhoseLogIsShort() {
    begin(FEW);
    SimNode second = cluster.nodes.get(1);
    until("there is a log", () -> first.replica(0).applied() > 500);
    newcomer.kill();
    long behind = first.replica(0).applied();
    until("it is behind", () -> second.state(0).log().snapshotIndex() > behind + 400);
    second.kill();
    second.start();
    long began = second.state(0).log().snapshotIndex();
    assertThat(began).isGreaterThan(behind);
    until("there is a snapshot since", () -> second.state(0).log().snapshotIndex() > began);
    long end = second.replica(0).applied();
    assertThat(second.state(0).log().containsLogEntry(began)).as("an entry at its start").isFalse();
    first.kill();
    newcomer.start();
    until("the other one leads", () -> second.isUp() && second.replica(0).leads());
    until("it has what the others had", () -> newcomer.replica(0).applied() >= end);
  }

  private boolean areGone(long index) {
    LogEntry entry = first.state(0).log().getLogEntry(index);
    return entry != null && ((EntryBytes) entry.getOperation()).areGone();
  }
}
