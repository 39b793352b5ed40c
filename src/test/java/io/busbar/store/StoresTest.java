package io.busbar.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.busbar.config.ConfigException;
import io.busbar.config.Durability;
import io.busbar.config.Limits;
import io.busbar.config.Profile;
import io.busbar.config.Settings;
import io.busbar.shard.Command;
import io.busbar.shard.Effect;
import io.busbar.shard.Location;
import io.busbar.shard.Outcome;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;
import org.junit.jupiter.api.Test;

/** Which store the settings give, and the one in memory. */
class StoresTest {
  private static final StoreMeters NONE =
      new StoreMeters() {
        @Override
        public void journal(LongSupplier bytes, BooleanSupplier isFull) {
          throw new AssertionError("memory has no journal");
        }

        @Override
        public void synced(long nanos) {
          throw new AssertionError("memory has no disk");
        }
      };

  private static Store open(Durability durability) {
    Settings settings =
        new Settings(
                "test",
                Profile.OPEN,
                List.of(),
                new Settings.Address("127.0.0.1", 0),
                Settings.Cluster.single(),
                Optional.empty(),
                true,
                1,
                new Limits(Profile.OPEN, Map.of()))
            .with(new Settings.Storage(Path.of("none"), durability, 1_048_576));
    return Stores.open(settings, NONE);
  }

  @Test
  void whatIsNotThereYetIsRefused() {
    assertThatThrownBy(() -> open(Durability.REPLICATED))
        .isInstanceOf(ConfigException.class)
        .hasMessage("durability: replicated: not offered yet (allowed: fsync," + " memory)");
  }

  @Test
  void memoryAnswersABatchWithinTheCall_effectsFirst() {
    Store store = open(Durability.MEMORY);
    List<Object> told = new ArrayList<>();
    assertThat(store.start(null, told::add).succeeded()).isTrue();
    Location location = new Location("node", 0, 1);
    List<Command> batch =
        List.of(
            new Command.Open("s", "owner", false, 100, null, location, 10),
            new Command.Open("s", "owner", true, 0, null, location, 10));
    store.append(batch, told::add);
    store.append(List.of(), told::add);

    assertThat(told).hasSize(3);
    assertThat(told.get(0)).isInstanceOf(Effect.Ended.class);
    List<Outcome> outcomes = ((Appended.Outcomes) told.get(1)).outcomes();
    assertThat(outcomes).hasSize(2).allMatch(outcome -> outcome instanceof Outcome.Opened);
    assertThat(told.get(2)).isEqualTo(new Appended.Outcomes(List.of()));
    assertThat(store.sessions()).isZero();
  }
}
