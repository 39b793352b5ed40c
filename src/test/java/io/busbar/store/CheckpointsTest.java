package io.busbar.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.busbar.shard.Command;
import io.busbar.shard.Entry;
import io.busbar.shard.Machine;
import io.busbar.testing.SimDisk;
import java.io.IOException;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** A checkpoint that is not what was written is found. */
class CheckpointsTest {
  private final SimDisk disk = new SimDisk(new Random(1));

  private void write() throws IOException {
    Machine machine = new Machine();
    for (int i = 1; i <= 50; i++) {
      Command open = new Command.Open("s" + i, "o", false, 1_000, null, null, 1);
      machine.apply(new Entry("n", 1, i, 1, List.of(open)), effect -> {});
    }
    Checkpoints checkpoints = new Checkpoints(disk, 0);
    checkpoints.begin(7, machine.checkpoint());
    while (!checkpoints.write(1_000)) {
      // in slices, as while it serves
    }
  }

  @Test
  void whatWasWrittenIsThere() throws IOException {
    write();
    assertThat(new Checkpoints(disk, 0).restore(7).group().sessions()).isEqualTo(50);
  }

  @Test
  void aBitThatIsAnotherIsFoundWhereverItIs() throws IOException {
    write();
    String name = disk.names().get(0);
    byte[] whole = disk.get(name);
    for (int at = 0; at < whole.length; at++) {
      disk.flip(name, at);
      assertThatThrownBy(() -> new Checkpoints(disk, 0).restore(7))
          .as("at %d", at)
          .isInstanceOf(DamagedCheckpointException.class)
          .hasMessageContaining(name);
      disk.put(name, whole);
    }
  }
}
