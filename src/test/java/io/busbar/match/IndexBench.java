package io.busbar.match;

import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.options.CommandLineOptions;
import org.openjdk.jmh.runner.options.OptionsBuilder;

/** An index of a million filters: 900,000 exact ones and 100,000 with a wildcard. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class IndexBench {
  private static final int EXACT = 900_000;
  private static final int WILDCARD = 100_000;
  private static final int TOPICS = 1 << 14;

  /** Counts what is found, so that nothing is optimized away. */
  private static final class Found implements Consumer<Object> {
    int count;

    @Override
    public void accept(Object subscriber) {
      count++;
    }
  }

  private final SubscriptionIndex<Object> index = new SubscriptionIndex<>();
  private final byte[][] exactHits = new byte[TOPICS][];
  private final byte[][] wildcardHits = new byte[TOPICS][];
  private final byte[][] misses = new byte[TOPICS][];
  private final Found found = new Found();
  private int next;

  private static byte[] bytes(String format, Object... arguments) {
    return format.formatted(arguments).getBytes(StandardCharsets.UTF_8);
  }

  private static byte[] exact(int i) {
    return bytes("plant/%d/device/%d/state", i % 1_000, i);
  }

  private static byte[] wildcard(int i) {
    return i % 2 == 0 ? bytes("site/%d/+/alarm", i) : bytes("site/%d/#", i);
  }

  /** Fills the index; subscribers are shared, so that they do not count as bytes of it. */
  @Setup
  public void setUp() {
    Object[] subscribers = new Object[64];
    for (int i = 0; i < subscribers.length; i++) {
      subscribers[i] = new Object();
    }
    for (int i = 0; i < EXACT; i++) {
      index.add(exact(i), subscribers[i & 63]);
    }
    for (int i = 0; i < WILDCARD; i++) {
      index.add(wildcard(i), subscribers[i & 63]);
    }
    Random random = new Random(1);
    for (int i = 0; i < TOPICS; i++) {
      exactHits[i] = exact(random.nextInt(EXACT));
      wildcardHits[i] = bytes("site/%d/door/alarm", random.nextInt(WILDCARD));
      misses[i] = bytes("site/%d/door", WILDCARD + random.nextInt(WILDCARD));
    }
  }

  private int match(byte[][] topics) {
    byte[] topic = topics[next++ & (TOPICS - 1)];
    found.count = 0;
    index.match(topic, 0, topic.length, found);
    return found.count;
  }

  /** A topic of one exact filter. */
  @Benchmark
  public int exactHit() {
    return match(exactHits);
  }

  /** A topic of one filter with a wildcard. */
  @Benchmark
  public int wildcardHit() {
    return match(wildcardHits);
  }

  /** A topic of no filter that begins like some. */
  @Benchmark
  public int miss() {
    return match(misses);
  }

  private static long heap() {
    for (int i = 0; i < 4; i++) {
      System.gc();
    }
    return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
  }

  /** Prints the bytes of a filter, then runs this benchmark; takes the options of JMH. */
  public static void main(String[] args) throws Exception {
    SubscriptionIndex<Object> index = new SubscriptionIndex<>();
    Object subscriber = new Object();
    final long empty = heap();
    for (int i = 0; i < EXACT; i++) {
      index.add(exact(i), subscriber);
    }
    final long exact = heap();
    for (int i = 0; i < WILDCARD; i++) {
      index.add(wildcard(i), subscriber);
    }
    final long all = heap();
    System.out.printf(
        Locale.ROOT,
        "bytes of a filter: exact %d, with a wildcard %d, all %d (%d filters)%n",
        (exact - empty) / EXACT,
        (all - exact) / WILDCARD,
        (all - empty) / index.filters(),
        index.filters());
    new Runner(
            new OptionsBuilder()
                .parent(new CommandLineOptions(args))
                .include(IndexBench.class.getName())
                .build())
        .run();
  }
}
