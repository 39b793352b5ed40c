package io.busbar.broker;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.testing.Await;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** The way from the store's thread to the verticle's. */
class HopTest {
  private final Queue<Runnable> home = new ArrayDeque<>();
  private final List<Object> seen = new ArrayList<>();
  private boolean isHome;
  private final Hop hop = new Hop(home::add, () -> isHome, () -> seen.add("after"), seen::add);

  private void say(Object what) {
    hop.execute(() -> seen.add(what));
  }

  private void turn() {
    isHome = true;
    home.remove().run();
    isHome = false;
  }

  @Test
  void callsFromElsewhereGatherAndCostOneWakeUp() {
    say(1);
    say(2);
    say(3);

    assertThat(seen).isEmpty();
    assertThat(home).hasSize(1);
    turn();
    assertThat(seen).containsExactly(1, 2, 3, "after");
    assertThat(home).isEmpty();
    say(4);
    assertThat(home).hasSize(1);
  }

  @Test
  void callsOnTheOwnThreadRunAtOnceButOvertakeNothing() {
    isHome = true;
    say(1);
    assertThat(seen).containsExactly(1);
    isHome = false;
    say(2);
    isHome = true;
    say(3);
    assertThat(seen).containsExactly(1);
    turn();
    assertThat(seen).containsExactly(1, 2, 3, "after");
  }

  @Test
  void whatACallCallsComesAfterWhatWaitedBefore() {
    hop.execute(() -> say("nested"));
    say("second");

    turn();
    assertThat(seen).containsExactly("second", "after");
    turn();
    assertThat(seen).containsExactly("second", "after", "nested", "after");
    assertThat(home).isEmpty();
  }

  @Test
  void aCallThatThrowsHoldsUpNoOther() {
    RuntimeException defect = new IllegalStateException("thrown by the test");
    hop.execute(
        () -> {
          throw defect;
        });
    say("next");

    turn();
    assertThat(seen).containsExactly(defect, "next", "after");
  }

  @Test
  void keepsTheOrderOfAnotherThread() throws InterruptedException {
    int calls = 200_000;
    Thread[] own = new Thread[1];
    ExecutorService executor =
        Executors.newSingleThreadExecutor(task -> own[0] = new Thread(task, "home"));
    AtomicInteger wakeUps = new AtomicInteger();
    AtomicInteger done = new AtomicInteger();
    Queue<Integer> order = new ConcurrentLinkedQueue<>();
    Hop busy =
        new Hop(
            task -> {
              wakeUps.incrementAndGet();
              executor.execute(task);
            },
            () -> Thread.currentThread() == own[0],
            () -> {},
            thrown -> order.clear());
    for (int i = 0; i < calls; i++) {
      int number = i;
      busy.execute(
          () -> {
            order.add(number);
            done.incrementAndGet();
          });
    }
    Await.until("all have run", () -> done.get() == calls, done::get);
    executor.shutdown();
    assertThat(executor.awaitTermination(10, TimeUnit.SECONDS)).isTrue();
    assertThat(new ArrayList<>(order)).isSorted();
    assertThat(wakeUps.get()).isLessThan(calls);
  }
}
