package io.busbar.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** The oracle on doctored records: each kind of wrong is found, and what is allowed is not. */
class OracleTest {
  private static final int MESSAGES = 20;

  private final Sent once = new Sent("kill/0/0", 1);
  private final Sent exactly = new Sent("kill/1/0", 2);
  private final Heard onceHeard = new Heard();
  private final Heard exactlyHeard = new Heard();
  private final List<String> foreigners = new ArrayList<>();
  private int sessionsLost;

  private static void send(Sent stream) {
    for (int i = 0; i < MESSAGES; i++) {
      stream.acknowledged(stream.next());
    }
  }

  private static void hear(Heard heard, int from, int to) {
    for (int i = from; i < to; i++) {
      heard.add(i, 1, false);
    }
  }

  private Oracle.Verdict judge() {
    Oracle.Listener listener =
        new Oracle.Listener(
            "online",
            true,
            List.of(onceHeard, exactlyHeard),
            foreigners.size(),
            foreigners,
            sessionsLost);
    return Oracle.judge(List.of(once, exactly), List.of(listener), 0, List.of());
  }

  private void finds(Map<Oracle.Kind, Long> violations) {
    Map<Oracle.Kind, Long> found = new TreeMap<>(judge().violations());
    found.values().removeIf(count -> count == 0);
    assertThat(found).isEqualTo(new TreeMap<>(violations));
    assertThat(judge().isClean()).isEqualTo(violations.isEmpty());
  }

  private void allSentAndHeard() {
    send(once);
    send(exactly);
    hear(onceHeard, 0, MESSAGES);
    hear(exactlyHeard, 0, MESSAGES);
  }

  @Test
  void whatIsRightIsFoundRight() {
    allSentAndHeard();
    finds(Map.of());
    assertThat(judge().rows())
        .containsExactly(
            new Oracle.Row("online", 1, 20, 20, 20, 0, 0, 0, 0, 0),
            new Oracle.Row("online", 2, 20, 20, 20, 0, 0, 0, 0, 0));
  }

  @Test
  void anAcknowledgedMessageThatNeverComesIsLost() {
    send(once);
    send(exactly);
    hear(onceHeard, 0, 7);
    hear(onceHeard, 8, MESSAGES);
    hear(exactlyHeard, 0, MESSAGES - 2);
    finds(Map.of(Oracle.Kind.LOST, 3L));
    assertThat(judge().first())
        .containsExactly(
            "LOST online: kill/0/0 7 (QoS 1) was acknowledged and never came",
            "LOST online: kill/1/0 18 (QoS 2) was acknowledged and never came",
            "LOST online: kill/1/0 19 (QoS 2) was acknowledged and never came");
  }

  @Test
  void aMessageThatWasNotAcknowledgedMayComeOrNot() {
    allSentAndHeard();
    once.next();
    onceHeard.add(exactly.next(), 1, false);
    finds(Map.of());
  }

  @Test
  void atQos2NoMessageComesTwice() {
    allSentAndHeard();
    exactly.repeated(19);
    exactlyHeard.add(19, 2, true);
    finds(Map.of(Oracle.Kind.DUPLICATED, 1L));
  }

  @Test
  void atQos1AMessageComesAgainForWhatItsPublisherRepeated() {
    allSentAndHeard();
    once.repeated(19);
    onceHeard.add(19, 1, false);
    finds(Map.of());
    onceHeard.add(19, 1, false);
    finds(Map.of(Oracle.Kind.EXCESS, 1L));
  }

  @Test
  void atQos1AMessageComesAgainOnAFurtherConnection() {
    allSentAndHeard();
    onceHeard.add(18, 2, true);
    onceHeard.add(19, 2, true);
    onceHeard.add(18, 3, false);
    finds(Map.of());
    assertThat(judge().rows().get(0).copies()).isEqualTo(3);
    assertThat(judge().rows().get(0).withoutDup()).isEqualTo(1);
    onceHeard.add(18, 3, true);
    finds(Map.of(Oracle.Kind.EXCESS, 1L));
  }

  @Test
  void anOlderMessageAfterANewerOneIsReordered() {
    send(once);
    send(exactly);
    hear(onceHeard, 0, 3);
    hear(onceHeard, 4, MESSAGES);
    onceHeard.add(3, 2, true);
    hear(exactlyHeard, 0, MESSAGES);
    finds(Map.of(Oracle.Kind.REORDERED, 1L));
    assertThat(judge().first()).containsExactly("REORDERED online: kill/0/0 3 came after 19");
  }

  /** Of a connection that its device gave up; one that was let in has its place in the order. */
  @Test
  void aWillOfAConnectionThatWasNeverThereMayComeLater() {
    Sent wills = new Sent(Sent.WILLS + 1, 2);
    Heard heard = new Heard();
    for (int i = 0; i < 3; i++) {
      wills.next();
    }
    wills.acknowledged(0);
    wills.acknowledged(2);
    List.of(2, 1, 0).forEach(will -> heard.add(will, 1, false));
    Oracle.Listener listener = new Oracle.Listener("online", true, List.of(heard), 0, List.of(), 0);
    assertThat(Oracle.judge(List.of(wills), List.of(listener), 0, List.of()).first())
        .containsExactly("REORDERED online: kill/will/1 0 came after 2");
  }

  @Test
  void aRepetitionIsNoDisorder() {
    allSentAndHeard();
    for (int i = 10; i < MESSAGES; i++) {
      once.repeated(i);
      onceHeard.add(i, 1, false);
    }
    finds(Map.of());
  }

  @Test
  void whatNobodySentIsForeign() {
    allSentAndHeard();
    onceHeard.add(MESSAGES, 1, false);
    foreigners.add("a message on kill/0/0 that nobody sent");
    finds(Map.of(Oracle.Kind.FOREIGN, 2L));
  }

  @Test
  void aSessionThatIsGoneIsAViolation() {
    allSentAndHeard();
    sessionsLost = 2;
    finds(Map.of(Oracle.Kind.SESSION_LOST, 2L));
  }

  @Test
  void whatIsWrongWithPublishersCountsToo() {
    List<Sent> nothing = List.of();
    Oracle.Verdict verdict = Oracle.judge(nothing, List.of(), 1, List.of("PUBACK for nothing"));
    assertThat(verdict.violations())
        .containsEntry(Oracle.Kind.SESSION_LOST, 1L)
        .containsEntry(Oracle.Kind.FOREIGN, 1L);
  }

  @Test
  void allAreCountedAndTheFirstTenAreNamed() {
    send(once);
    send(exactly);
    finds(Map.of(Oracle.Kind.LOST, 2L * MESSAGES));
    assertThat(judge().first()).hasSize(10);
  }

  // --- what the chaos run judges besides ---

  private static final long LATER = System.nanoTime() + TimeUnit.MINUTES.toNanos(1);

  private Oracle.Verdict judge(List<Visitor> visitors, List<String> retained) {
    return Oracle.judge(List.of(once), List.of(), visitors, retained, 0, List.of(), LATER);
  }

  @Test
  void whatAVisitorDidNotHearWhileItWasThereIsUnheard() throws IOException {
    try (Loop loop = new Loop()) {
      Visitor visitor = new Visitor(loop, "v", List.of(Target.onLoopback(1)), 0, 1, once, 0, 1);
      once.acknowledged(once.next()); // before it came
      visitor.stays().add(new Visitor.Stay(1));
      send(once);
      hear(visitor.heard(), 1, MESSAGES);
      assertThat(judge(List.of(visitor), List.of()).violations())
          .containsEntry(Oracle.Kind.UNHEARD, 1L);
      hear(visitor.heard(), MESSAGES, MESSAGES + 1);
      assertThat(judge(List.of(visitor), List.of()).isClean()).isTrue();
      // one that was on its way when the connection broke is nobody's fault
      once.acknowledged(once.next());
      visitor.stays().get(0).to = System.nanoTime();
      assertThat(judge(List.of(visitor), List.of()).isClean()).isTrue();
    }
  }

  @Test
  void whatAVisitorHearsTwiceOnOneConnectionIsDuplicated_atQos2() throws IOException {
    try (Loop loop = new Loop()) {
      for (Sent stream : List.of(once, exactly)) {
        Visitor visitor = new Visitor(loop, "v", List.of(Target.onLoopback(1)), 0, 1, stream, 0, 1);
        send(stream);
        hear(visitor.heard(), 0, MESSAGES);
        assertThat(judge(List.of(visitor), List.of()).isClean()).isTrue();
        hear(visitor.heard(), 0, 1);
        assertThat(judge(List.of(visitor), List.of()).isClean()).isEqualTo(stream == once);
      }
    }
  }

  @Test
  void whatNodesRetainOtherwiseIsFound() {
    assertThat(judge(List.of(), List.of("a has 1, b has 2")).violations())
        .containsEntry(Oracle.Kind.RETAINED, 1L);
  }

  @Test
  void amongThoseWhoShareEachMessageIsThereOnce_inAnyOrder() {
    Heard one = new Heard();
    Heard other = new Heard();
    send(exactly);
    hear(one, MESSAGES / 2, MESSAGES);
    hear(other, 0, MESSAGES / 2);
    Heard both = new Heard();
    both.addAll(one, 0);
    both.addAll(other, 1_000);
    Oracle.Listener share = new Oracle.Listener("share", false, List.of(both), 0, List.of(), 0);
    assertThat(Oracle.judge(List.of(exactly), List.of(share), 0, List.of()).isClean()).isTrue();
    both.addAll(other, 2_000);
    assertThat(Oracle.judge(List.of(exactly), List.of(share), 0, List.of()).violations())
        .containsEntry(Oracle.Kind.DUPLICATED, (long) MESSAGES / 2);
  }
}
