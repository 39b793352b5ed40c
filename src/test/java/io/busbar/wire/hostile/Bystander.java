package io.busbar.wire.hostile;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.mqtt.ReasonCode;
import io.busbar.testing.Leaks;
import io.busbar.testing.RawClient;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * A client that was there before the bad input came: after each test it gets what is published
 * then, and few lines are in the log. All tests of a class leave little on the heap.
 */
final class Bystander
    implements BeforeAllCallback, BeforeEachCallback, AfterEachCallback, AfterAllCallback {
  static final String TOPIC = "bystander/still";

  /** More than the lines of a few seconds, far less than packets sent in a test. */
  private static final long MOST_LINES = 300;

  private static final long MOST_HEAP_GROWTH = 64L << 20;

  /** How it comes in. */
  interface Door {
    RawClient connected(String clientId) throws Exception;
  }

  private final Door door;
  private RawClient client;
  private long linesBefore;
  private long heapBefore;

  Bystander(Door door) {
    this.door = door;
  }

  @Override
  public void beforeAll(ExtensionContext context) throws Exception {
    heapBefore = heap();
  }

  @Override
  public void beforeEach(ExtensionContext context) throws Exception {
    client = door.connected("bystander");
    assertThat(client.subscribe(TOPIC, 1)).isEqualTo(1);
    linesBefore = Leaks.lines();
  }

  @Override
  public void afterEach(ExtensionContext context) throws Exception {
    RawClient publisher = door.connected("bystander-afterwards");
    for (String text : new String[] {"1", "2", "3"}) {
      assertThat(publisher.publishAcked(TOPIC, text)).isEqualTo(ReasonCode.SUCCESS);
      client.puback(client.expectMessage(text));
    }
    client.expectNothing();
    assertThat(Leaks.lines() - linesBefore).as("log lines").isLessThan(MOST_LINES);
  }

  @Override
  public void afterAll(ExtensionContext context) throws Exception {
    assertHeap();
  }

  /** While connections are open that should cost next to nothing. */
  void assertHeap() throws InterruptedException {
    assertThat(heap() - heapBefore).as("heap growth").isLessThan(MOST_HEAP_GROWTH);
  }

  private static long heap() throws InterruptedException {
    Leaks.collect();
    Runtime runtime = Runtime.getRuntime();
    return runtime.totalMemory() - runtime.freeMemory();
  }
}
