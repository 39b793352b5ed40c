package io.busbar.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.bus.Wire;
import io.busbar.config.Settings;
import java.io.IOException;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Who is taken for gone, and when. */
class EnsembleTest {
  private static final long SECOND = TimeUnit.SECONDS.toNanos(1);
  private static final Wire.Introduction OTHER = new Wire.Introduction("b@1", "", "127.0.0.1", 1);

  private final Ensemble ensemble =
      new Ensemble(
          new Settings.Replication(new Settings.Address("127.0.0.1", 0), "a", 3, Optional.empty()),
          "a",
          0,
          new NoMeters());

  private List<String> members;

  @BeforeEach
  void comeIn() throws IOException {
    Identity self = new Identity(UUID.randomUUID(), "a", "c", Instant.EPOCH, 1, 1, 1);
    ensemble.place(self, true);
    members = List.of(self.node().id(), OTHER.node());
  }

  private List<String> gone(boolean leads, long second) {
    return ensemble.gone(members, leads, second * SECOND);
  }

  @Test
  void whoIsAwayForLongIsGone_once() {
    assertThat(gone(true, 0)).isEmpty();
    assertThat(gone(true, 10)).isEmpty();
    assertThat(gone(true, 11)).containsExactly(OTHER.node());
    assertThat(gone(true, 12)).isEmpty();
  }

  @Test
  void whoIsThereIsNot_andAgainLater() {
    gone(true, 0);
    gone(true, 11);
    ensemble.met(List.of(OTHER), true);
    assertThat(gone(true, 30)).isEmpty();
    ensemble.met(List.of(), true);
    assertThat(gone(true, 31)).isEmpty();
    assertThat(gone(true, 42)).containsExactly(OTHER.node());
  }

  /** What happened while another node led is not known here. */
  @Test
  void whoBeginsToLeadBeginsToCount() {
    gone(true, 0);
    gone(true, 11);
    gone(false, 12);
    assertThat(gone(true, 60)).isEmpty();
    assertThat(gone(true, 70)).isEmpty();
    assertThat(gone(true, 71)).containsExactly(OTHER.node());
  }
}
