package io.busbar.store;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.IThrowableProxy;
import ch.qos.logback.core.AppenderBase;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.slf4j.LoggerFactory;

/**
 * Runs the simulation from the command line.
 *
 * <pre>
 *   StoreSim FIRST COUNT [SAFEGUARD] [WEATHER]
 * </pre>
 *
 * Seeds one after the other, perhaps without a safeguard or in one kind of trouble only. Ends with
 * 1 if any failed.
 */
final class StoreSim {
  /** The engine logs what fails in it and goes on: here that fails the run. */
  private static final EngineErrors ERRORS = new EngineErrors();

  private static final long PROGRESS = TimeUnit.SECONDS.toNanos(10);

  private StoreSim() {}

  private static final class EngineErrors extends AppenderBase<ILoggingEvent> {
    String first;

    @Override
    protected void append(ILoggingEvent event) {
      if (first == null && !isExpected(event)) {
        first = event.getFormattedMessage();
        if (event.getThrowableProxy() != null) {
          first +=
              ": "
                  + event.getThrowableProxy().getClassName()
                  + ": "
                  + event.getThrowableProxy().getMessage();
        }
      }
    }

    /** What the engine says of a disk that fails or is full, and of a change that it overtook. */
    private static boolean isExpected(ILoggingEvent event) {
      for (IThrowableProxy of = event.getThrowableProxy(); of != null; of = of.getCause()) {
        if (of.getClassName().equals(SyncFailedException.class.getName())
            || of.getClassName().equals(WriteFailedException.class.getName())) {
          return true;
        }
      }
      return event.getMessage().contains("no leadership transfer state")
          || event.getMessage().contains("requested snapshot index");
    }

    void listen() {
      Logger logger = (Logger) LoggerFactory.getLogger("io.microraft");
      logger.setAdditive(false);
      logger.setLevel(Level.ERROR);
      if (!logger.isAttached(this)) {
        start();
        logger.addAppender(this);
      }
      first = null;
    }
  }

  /** Runs one seed. */
  static SimRun.Report run(long seed, Set<Safeguard> without, SimTrouble.Weather weather) {
    ERRORS.listen();
    SimRun.Report report = new SimRun(seed, without, weather).run();
    if (ERRORS.first != null) {
      throw new SimCluster.Violation("the engine: " + ERRORS.first);
    }
    return report;
  }

  public static void main(String[] args) {
    long first = Long.parseLong(args[0]);
    long count = Long.parseLong(args[1]);
    Set<Safeguard> without = EnumSet.noneOf(Safeguard.class);
    SimTrouble.Weather weather = null;
    for (int i = 2; i < args.length; i++) {
      try {
        weather = SimTrouble.Weather.valueOf(args[i]);
      } catch (IllegalArgumentException e) {
        without.add(Safeguard.valueOf(args[i]));
      }
    }
    long begin = System.nanoTime();
    long told = begin;
    long acknowledged = 0;
    int failed = 0;
    for (long seed = first; seed < first + count; seed++) {
      try {
        acknowledged += run(seed, without, weather).acknowledged();
      } catch (RuntimeException | AssertionError e) {
        failed++;
        System.out.printf(
            "seed %d: %s%s%n", seed, e, ERRORS.first == null ? "" : " | engine: " + ERRORS.first);
        if (count == 1) {
          e.printStackTrace(System.out);
        }
      }
      if (System.nanoTime() - told > PROGRESS) {
        told = System.nanoTime();
        tell(seed - first + 1, begin, acknowledged, failed);
      }
    }
    tell(count, begin, acknowledged, failed);
    System.exit(failed > 0 ? 1 : 0);
  }

  private static void tell(long count, long begin, long acknowledged, int failed) {
    double seconds = (System.nanoTime() - begin) / 1e9;
    System.out.printf(
        "%d seeds in %.1f s (%.1f a second), %d messages acknowledged, %d failed%n",
        count, seconds, count / seconds, acknowledged, failed);
  }
}
