package io.busbar.broker;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.bus.Wire;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Who is waited for, and until when. */
class AbsenceTest {
  private final Absence absence = new Absence();

  private void introduce(String node, String inStore) {
    absence.introduced(node, new Wire.Introduction(inStore, "store", "127.0.0.1", 1, 2));
  }

  @BeforeEach
  void two() {
    absence.are(List.of("self", "a", "b"), 0);
    introduce("a", "node-a@1");
    introduce("b", "node-b@1");
  }

  @Test
  void whoIsNotThereAnyMoreMayServe_untilTheStoreSaysNo() {
    absence.are(List.of("self", "b"), 1);
    assertThat(absence.unsettled()).containsExactly("a");
    absence.gone("node-b@1");
    assertThat(absence.unsettled()).containsExactly("a");
    absence.gone("node-a@1");
    assertThat(absence.unsettled()).isEmpty();
    assertThat(absence.there()).containsExactly("self", "b");
  }

  /** The store may say so before the cluster does. */
  @Test
  void whoIsGoneBeforeItIsAwayIsNotWaitedFor() {
    absence.gone("node-a@1");
    absence.are(List.of("self", "b"), 1);
    assertThat(absence.unsettled()).isEmpty();
  }

  @Test
  void whoSaysThatItEndsIsNotWaitedFor() {
    absence.ended("a");
    absence.are(List.of("self", "b"), 1);
    assertThat(absence.unsettled()).isEmpty();
    absence.are(List.of("self"), 2);
    absence.ended("b");
    assertThat(absence.unsettled()).isEmpty();
  }

  @Test
  void anotherLifeOfANodeSettlesTheOneBefore() {
    absence.are(List.of("self", "b", "a2"), 1);
    assertThat(absence.unsettled()).containsExactly("a");
    introduce("a2", "node-a@2");
    assertThat(absence.unsettled()).isEmpty();
    absence.are(List.of("self", "b"), 2);
    assertThat(absence.unsettled()).as("it is waited for itself").containsExactly("a2");
  }

  @Test
  void aNodeThatBeginsSettlesItsFormerLives_andNotItself() {
    absence.are(List.of("self", "b"), 1);
    absence.gone("node-a@");
    assertThat(absence.unsettled()).isEmpty();
    absence.gone("node-b@");
    absence.are(List.of("self"), 2);
    assertThat(absence.unsettled()).containsExactly("b");
  }

  /** What the log says of the life before comes late, when the next one is there already. */
  @Test
  void aLifeIsNotOverForTheOneBefore() {
    absence.are(List.of("self", "b", "a2"), 1);
    introduce("a2", "node-a@1");
    absence.gone("node-a@1");
    absence.gone("node-a@");
    absence.are(List.of("self", "b"), 2);
    assertThat(absence.unsettled()).containsExactly("a2");
  }

  @Test
  void whoHasNoPartOfTheStoreIsNotWaitedFor() {
    absence.are(List.of("self", "a", "b", "c"), 1);
    absence.introduced("c", new Wire.Introduction("node-c@1", "", "127.0.0.1", 0, 2));
    absence.are(List.of("self", "a", "b"), 2);
    assertThat(absence.unsettled()).isEmpty();
  }

  @Test
  void whoIsThereAgainServes() {
    absence.are(List.of("self", "b"), 1);
    absence.are(List.of("self", "a", "b"), 2);
    assertThat(absence.unsettled()).isEmpty();
    absence.are(List.of("self", "b"), 3);
    assertThat(absence.unsettled()).containsExactly("a");
  }

  @Test
  void nobodyIsWaitedForForEver() {
    absence.are(List.of("self", "b"), 1);
    assertThat(absence.are(List.of("self", "b"), 1 + Absence.OVERDUE)).isEmpty();
    assertThat(absence.are(List.of("self", "b"), 2 + Absence.OVERDUE)).containsExactly("a");
    assertThat(absence.unsettled()).isEmpty();
  }
}
