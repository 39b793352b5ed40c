package io.busbar.telemetry;

import org.slf4j.Logger;

/**
 * A log that clients cannot flood: so many lines a second, then only a count of those left out. For
 * one thread.
 */
public final class LimitedLog {
  private static final int LINES_PER_SECOND = 20;

  private final Logger log;
  private int lines;
  private long suppressed;

  /** Limits a logger. */
  public LimitedLog(Logger log) {
    this.log = log;
  }

  /** Logs at level warn, or counts. */
  public void warn(String format, Object... arguments) {
    if (++lines <= LINES_PER_SECOND) {
      log.warn(format, arguments);
    } else {
      suppressed++;
    }
  }

  /** Logs at level info, or counts. */
  public void info(String format, Object... arguments) {
    if (++lines <= LINES_PER_SECOND) {
      log.info(format, arguments);
    } else {
      suppressed++;
    }
  }

  /** To be called each second. */
  public void sweep() {
    if (suppressed > 0) {
      log.warn("log lines left out in the last second: count={}", suppressed);
      suppressed = 0;
    }
    lines = 0;
  }
}
