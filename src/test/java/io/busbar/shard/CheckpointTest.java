package io.busbar.shard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class CheckpointTest {
  private static final Location HERE = new Location("n", 0, 1);

  private static final String GOLDEN =
      "00000104aa0137b4010100000000000007d00201020ae80701141ea01f04010167016609320700016600"
          + "00007803020173016f0c320a00017700000077696c6c05000505000602046e6f64650102010102010a02"
          + "010001000000010002000000030200000301000205030500020503060173016f01640100000089950689"
          + "950601030201016607420167016600010901016600010107490000093207000166000000780001070741"
          + "0200093207000166000000780001070601740002ffffffff0f0201016e00010000000000020101016607"
          + "000101660002000741000100010707410102000107080167016601017301090201000a11330f00017200"
          + "0005020000003c6b657074c9dc030b0f";

  /** One of everything. */
  private static Machine small() {
    Machine machine = new Machine();
    Will will = new Will(Messages.publish("w", "will", 1, false, -1), 0);
    byte[] filter = {'f'};
    StoredSubscription plain = new StoredSubscription("f", null, filter, 1, false, false, 0, 7);
    StoredSubscription shared =
        new StoredSubscription("$share/g/f", "g", filter, 2, false, false, 0, 0);
    Command.Pick pick = new Command.Pick("g", filter, null);
    byte[] retained = Messages.publish("r", "kept", 1, true, 60);
    byte[] message = Messages.publish("f", "x", 1, false, -1);
    List<Command> commands =
        List.of(
            new Command.Configure(
                new Bounds(10, 1_000, Bounds.Overflow.DROP_NEWEST, 20, 30, 4_000)),
            new Command.Open("s", "o", false, 100, will, HERE, 1),
            new Command.Open("t", "", false, 0xffff_ffffL, null, HERE, 2),
            new Command.Subscribe("s", 1, List.of(plain, shared)),
            new Command.Subscribe("t", 2, List.of(plain)),
            new Command.Receive("s", 1, 9, true, null),
            new Command.Once(0, 5, new Command.Publish(message, null, true, List.of(pick))),
            new Command.Publish(retained, null, true, List.of()),
            new Command.Close("s", 1, -1, false, 1),
            new Command.Once(0, 6, new Command.Publish(message, null, true, List.of(pick))));
    machine.apply(new Entry("node", 1, 1, 1_000, commands), effect -> {});
    machine.apply(new Entry("node", 1, 2, 2_000, List.of(new Command.Tick())), effect -> {});
    return machine;
  }

  /** What is on disks: these bytes must not change. */
  @Test
  void isWrittenAsItAlwaysWas() throws IOException {
    String hex = HexFormat.of().formatHex(MachineWalk.bytes(small()));
    assertThat(hex).isEqualTo(GOLDEN);
    Machine restored = Machine.restore(new ByteArrayInputStream(HexFormat.of().parseHex(GOLDEN)));
    assertThat(HexFormat.of().formatHex(MachineWalk.bytes(restored))).isEqualTo(GOLDEN);
  }

  @Test
  void whatMessagesAreCalledAtOtherNodesIsRestored_andWhatAllUnderstand() throws IOException {
    Machine machine = new Machine();
    List<Command> commands =
        List.of(
            new Command.Open("s", "", false, 100, null, HERE, 1),
            new Command.Understood(3),
            new Command.Understood(2),
            new Command.Receive("s", 1, 9, true, null),
            new Command.Receive("s", 1, 10, true, new Sending(-5, 300)));
    machine.apply(new Entry("node", 1, 1, 1_000, commands), effect -> {});
    byte[] bytes = MachineWalk.bytes(machine);
    assertThat(HexFormat.of().formatHex(bytes)).contains("0f0afffffffffffffffbac02");
    Machine restored = Machine.restore(new ByteArrayInputStream(bytes));
    assertThat(MachineWalk.bytes(restored)).isEqualTo(bytes);
    assertThat(restored.group().forms()).isEqualTo(3);
    Command again = new Command.Open("s", "", false, 100, null, HERE, 1);
    Entry entry = new Entry("node", 1, 2, 2_000, List.of(again));
    Outcome outcome = ((Result.Applied) restored.apply(entry, effect -> {})).outcomes().get(0);
    assertThat(((Outcome.Opened) outcome).receiving())
        .containsExactly(
            new Outcome.Receiving(9, null), new Outcome.Receiving(10, new Sending(-5, 300)));
  }

  @Test
  void aStateWithoutAnythingIsRestored() throws IOException {
    byte[] bytes = MachineWalk.bytes(new Machine());
    assertThat(MachineWalk.bytes(Machine.restore(new ByteArrayInputStream(bytes))))
        .isEqualTo(bytes);
  }

  /** Every byte that is changed, and every byte that is missing or too many, is noticed. */
  @Test
  void damageIsFound() {
    byte[] bytes = MachineWalk.bytes(small());
    for (int i = 0; i < bytes.length; i++) {
      byte[] changed = bytes.clone();
      changed[i] ^= 0x10;
      assertDamaged(changed);
      assertDamaged(Arrays.copyOf(bytes, i));
    }
    assertDamaged(Arrays.copyOf(bytes, bytes.length + 1));
  }

  private static void assertDamaged(byte[] bytes) {
    assertThatThrownBy(() -> Machine.restore(new ByteArrayInputStream(bytes)))
        .isInstanceOf(FormException.class);
  }

  @Test
  void aBodyOfManySessionsIsWrittenOnce() {
    Machine machine = new Machine();
    List<Command> commands = new ArrayList<>();
    byte[] filter = {'f'};
    for (int i = 0; i < 100; i++) {
      commands.add(new Command.Open("s" + i, "", false, 100, null, HERE, 1));
      StoredSubscription one = new StoredSubscription("f", null, filter, 1, false, false, 2, 0);
      commands.add(new Command.Subscribe("s" + i, i + 1, List.of(one)));
    }
    byte[] packet = Messages.publish("f", "x".repeat(10_000), 1, false, -1);
    commands.add(new Command.Publish(packet, null, true, List.of()));
    machine.apply(new Entry("n", 1, 1, 0, commands), effect -> {});
    assertThat(machine.group().deliveries()).isEqualTo(100);
    assertThat(MachineWalk.bytes(machine)).hasSizeBetween(10_000, 20_000);
  }

  @Test
  void slicesKeepToTheirBudget() {
    Machine machine = small();
    Checkpoint checkpoint = machine.checkpoint();
    int slices = 1;
    while (!checkpoint.writeSome(1, bytes -> {})) {
      slices++;
    }
    assertThat(slices).isGreaterThan(8);
  }

  @Test
  void anEarlierOneIsVoidOnceALaterBegins() {
    Machine machine = small();
    Checkpoint earlier = machine.checkpoint();
    machine.checkpoint();
    assertThatThrownBy(() -> earlier.writeSome(100, bytes -> {}))
        .isInstanceOf(IllegalStateException.class);
  }

  @Test
  void whatIsRestoredIsWhatItsTwinIs() throws IOException {
    int checkpoints = 0;
    for (int seed = 0; seed < 500; seed++) {
      MachineWalk walk = new MachineWalk(new Random(seed));
      try {
        walk.walk(150);
      } catch (AssertionError | RuntimeException e) {
        throw new AssertionError("seed " + seed, e);
      }
      checkpoints += walk.checkpoints;
    }
    assertThat(checkpoints).isGreaterThan(500);
  }
}
