package io.busbar.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.shard.Command;
import java.util.List;
import java.util.Set;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;

/** A node whose disk is empty comes to the end of a long log that goes on meanwhile. */
class NewcomerTest {
  private static final int ENTRIES = 4_000;
  private static final long SECOND = SimCluster.SECOND;
  private static final long MILLISECOND = SimCluster.MILLISECOND;

  private final SimCluster cluster = new SimCluster(2, 3, 1, true, Set.of(), 2 * ENTRIES);
  private final SimNode first = cluster.nodes.get(0);
  private final SimNode newcomer = cluster.nodes.get(2);

  /** Appends one entry after another. */
  private void append() {
    Command one = new Command.Gone("nobody" + Command.Gone.OF_NAME);
    first.replicas().append(0, List.of(one), 64, done -> append());
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
    until("all three serve", this::serve);
    append();
    until("there is a long log", () -> first.replica(0).applied() > ENTRIES);
    newcomer.kill();
    newcomer.wipe();
    newcomer.start();
    long end = first.replica(0).applied();
    assertThat(until("it has what the others had", () -> newcomer.replica(0).applied() >= end))
        .as("milliseconds until it has what the others had")
        .isLessThan(3_000);
  }
}
