package io.busbar.shard;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;

class MachineTest {
  private static final Location HERE = new Location("n", 0, 1);

  private final Machine machine = new Machine();
  private final List<Effect> effects = new ArrayList<>();

  private Result apply(String origin, long incarnation, long number, Command... commands) {
    return apply(1_000, origin, incarnation, number, commands);
  }

  private Result apply(
      long time, String origin, long incarnation, long number, Command... commands) {
    effects.clear();
    Entry entry = new Entry(origin, incarnation, number, time, List.of(commands));
    return machine.apply(entry, effects::add);
  }

  private static Command.Open open(String session) {
    return new Command.Open(session, "owner", true, 100, null, HERE, 10);
  }

  private static Result applied(Outcome... outcomes) {
    return new Result.Applied(List.of(outcomes));
  }

  private static Outcome opened(long epoch) {
    return new Outcome.Opened(false, epoch, List.of(), List.of(), List.of());
  }

  @Test
  void theLastTwoAreAnsweredAsBefore_andHaveNoEffects() {
    assertThat(apply("a", 1, 1, open("s"))).isEqualTo(applied(opened(1)));
    assertThat(apply("a", 1, 2, open("s"), open("t"))).isEqualTo(applied(opened(2), opened(3)));
    assertThat(effects).hasSize(1);
    assertThat(apply("a", 1, 3, open("t"))).isEqualTo(applied(opened(4)));

    assertThat(apply("a", 1, 3, open("t"))).isEqualTo(new Result.Repeated(List.of(opened(4))));
    assertThat(effects).isEmpty();
    assertThat(apply("a", 1, 2, open("s"), open("t")))
        .isEqualTo(new Result.Repeated(List.of(opened(2), opened(3))));
    assertThat(apply("a", 1, 1, open("s"))).isEqualTo(new Result.Old());
    assertThat(effects).isEmpty();
    assertThat(machine.group().sessions()).isEqualTo(2);
  }

  @Test
  void aGapIsRefused() {
    assertThat(apply("a", 1, 2, open("s"))).isEqualTo(new Result.Gap(1));
    apply("a", 1, 1, open("s"));
    assertThat(apply("a", 1, 3, open("t"))).isEqualTo(new Result.Gap(2));
    assertThat(apply("a", 1, 0, open("t"))).isEqualTo(new Result.Old());
    assertThat(machine.group().sessions()).isEqualTo(1);
  }

  @Test
  void originsAreNumberedApart() {
    apply("a", 1, 1, open("s"));
    assertThat(apply("b", 1, 1, open("t"))).isEqualTo(applied(opened(2)));
  }

  @Test
  void aNewIncarnationBeginsAtOne_andTheOlderIsStale() {
    apply("a", 1, 1, open("s"));
    apply("a", 1, 2, open("t"));
    assertThat(apply("a", 3, 2, open("u"))).as("not its first").isEqualTo(new Result.Gap(1));
    assertThat(apply("a", 1, 3, open("u"))).as("still in force").isEqualTo(applied(opened(3)));
    assertThat(apply("a", 3, 1, open("v"))).isEqualTo(applied(opened(4)));
    assertThat(apply("a", 1, 4, open("w"))).isEqualTo(new Result.Stale(3));
    assertThat(apply("a", 1, 3, open("u"))).isEqualTo(new Result.Stale(3));
    assertThat(apply("a", 3, 0, open("u"))).isEqualTo(new Result.Old());
  }

  @Test
  void timeDoesNotGoBack() {
    apply(500_000, "a", 1, 1, open("s"));
    apply(400_000, "b", 1, 1, new Command.Close("s", 1, 10, true, 0));
    apply(509_999, "b", 1, 2, new Command.Tick());
    assertThat(machine.group().sessions()).as("ten seconds after 500, not after 400").isEqualTo(1);
    apply(510_000, "b", 1, 3, new Command.Tick());
    assertThat(machine.group().sessions()).isZero();
  }

  @Test
  void whatIsNotAppliedDoesNotMoveTime() {
    apply(1_000, "a", 1, 1, open("s"));
    apply(900_000, "a", 1, 5, new Command.Tick());
    apply(900_000, "a", 1, 1, open("s"));
    apply(1_000, "a", 1, 2, new Command.Close("s", 1, 10, true, 0));
    assertThat(machine.group().nextDue()).isEqualTo(11_000);
  }

  /** The index keeps many subscribers in an order that no two replicas share. */
  @Test
  void manySubscribersAreServedInTheSameOrder() {
    assertThat(bells()).hasSize(100).isEqualTo(bells());
  }

  private static List<String> bells() {
    Machine machine = new Machine();
    byte[] filter = {'f'};
    StoredSubscription one = new StoredSubscription("f", null, filter, 1, false, false, 2, 0);
    List<Command> commands = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      commands.add(open("s" + i * 7 % 100));
      commands.add(new Command.Subscribe("s" + i * 7 % 100, i + 1, List.of(one)));
    }
    byte[] packet = Messages.publish("f", "x", 1, false, -1);
    commands.add(new Command.Publish(packet, null, true, List.of()));
    List<Effect> told = new ArrayList<>();
    machine.apply(new Entry("a", 1, 1, 0, commands), told::add);
    return told.stream()
        .filter(Effect.Bell.class::isInstance)
        .map(effect -> ((Effect.Bell) effect).session())
        .toList();
  }

  @Test
  void aResultIsWrittenAsItAlwaysWas() {
    assertForm(new Result.Applied(List.of(new Outcome.Published(3))), "0101010503");
    assertForm(new Result.Repeated(List.of(new Outcome.Done())), "01020102");
    assertForm(new Result.Old(), "0103");
    assertForm(new Result.Gap(300), "0104ac02");
    assertForm(new Result.Stale(2), "010502");
  }

  private static void assertForm(Result result, String hex) {
    assertThat(HexFormat.of().formatHex(result.encode())).isEqualTo(hex);
    assertThat(Result.decode(HexFormat.of().parseHex(hex))).isEqualTo(result);
  }
}
