package io.busbar.testing;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import io.netty.buffer.ByteBufAllocator;
import io.netty.util.ResourceLeakDetector;
import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.LoggerFactory;

/**
 * Netty's leak reports, and how many lines the broker and its libraries log. Netty reports by a
 * line of level error, at the first allocation after the garbage collector found a buffer that
 * nobody released.
 */
public final class Leaks {
  private static final int MOST_COLLECTIONS = 50;

  private static final List<String> REPORTS = new CopyOnWriteArrayList<>();
  private static final AtomicLong LINES = new AtomicLong();

  static {
    LoggerContext context = (LoggerContext) LoggerFactory.getILoggerFactory();
    AppenderBase<ILoggingEvent> appender =
        new AppenderBase<>() {
          @Override
          protected void append(ILoggingEvent event) {
            if (!event.getLoggerName().equals(ResourceLeakDetector.class.getName())) {
              LINES.incrementAndGet();
            } else if (event.getLevel() == Level.ERROR) {
              REPORTS.add(event.getFormattedMessage());
            }
          }
        };
    appender.setContext(context);
    appender.start();
    // as the broker is configured
    context.getLogger("io.busbar").setLevel(Level.INFO);
    context.getLogger("io.netty").setLevel(Level.WARN);
    context.getLogger("io.vertx").setLevel(Level.WARN);
    context.getLogger(Logger.ROOT_LOGGER_NAME).addAppender(appender);
  }

  private Leaks() {}

  /** Begins to listen; to be called before the first buffer is made. */
  public static void watch() {
    assertThat(ResourceLeakDetector.getLevel())
        .as("leak detection (the failsafe configuration sets it)")
        .isEqualTo(ResourceLeakDetector.Level.PARANOID);
  }

  /** Lines that were logged so far, by the broker, Vert.x and Netty. */
  public static long lines() {
    return LINES.get();
  }

  /** What was leaked since the last call, after the collector has looked. */
  public static List<String> found() throws InterruptedException {
    collect();
    // an allocation is when Netty looks at what the collector found
    for (int i = 0; i < 8; i++) {
      ByteBufAllocator.DEFAULT.directBuffer(16).release();
      ByteBufAllocator.DEFAULT.heapBuffer(16).release();
    }
    List<String> found = List.copyOf(REPORTS);
    REPORTS.clear();
    return found;
  }

  /** Runs the collector until it has found garbage made just before. */
  public static void collect() throws InterruptedException {
    ReferenceQueue<Object> queue = new ReferenceQueue<>();
    WeakReference<Object> sentinel = new WeakReference<>(new Object(), queue);
    try {
      for (int i = 0; i < MOST_COLLECTIONS; i++) {
        System.gc();
        if (queue.remove(200) != null) {
          return;
        }
      }
      throw new IllegalStateException("the collector does not find garbage");
    } finally {
      // its target must be garbage, the reference itself must not
      Reference.reachabilityFence(sentinel);
    }
  }
}
