package io.busbar.telemetry;

import io.busbar.session.Rates;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;
import org.slf4j.spi.LoggingEventBuilder;

/**
 * What was denied to whom, and who changed what: a record each, in a category of the log of its
 * own, its fields as key and value. Nobody fills it: who is denied again and again gets a record a
 * second, all together a hundred; those left out are counted. Thread-safe.
 */
public final class Audit {
  /** The category; docs/operations.md has the records and their fields. */
  public static final String CATEGORY = "io.busbar.audit";

  /** Records of one client or caller: at once, and from then on in a second. */
  static final int AT_ONCE = 5;

  private static final int PER_SECOND = 1;

  /** Records of all of them within a second; as many of what came of changes. */
  static final int MOST = 100;

  /** Clients that are told apart. */
  private static final int MOST_CLIENTS = 10_000;

  /** Characters of a value. */
  private static final int LOGGED = 512;

  /** Characters by which clients are told apart: of each some are kept for a while. */
  private static final int TOLD_APART = 128;

  private static final Logger LOG = LoggerFactory.getLogger(CATEGORY);

  private final Rates perClient = new Rates(PER_SECOND, AT_ONCE, MOST_CLIENTS);
  private final Rates all = new Rates(MOST, MOST, 1);
  private final Rates applied = new Rates(MOST, MOST, 1);
  private final AtomicLong leftOut = new AtomicLong();

  /** An audit without records. */
  Audit() {}

  /**
   * Somebody was denied something.
   *
   * @param event what, in the past tense
   * @param who for whom records are counted: an authentication name, an address
   * @param fields names and values in turn; those whose value is null are left out
   */
  public void denied(String event, String who, Object... fields) {
    long now = System.nanoTime() / 1_000_000;
    if (perClient.take(shortened(who, TOLD_APART), now) && all.take("", now)) {
      record(Level.WARN, event, fields);
    } else {
      leftOut.incrementAndGet();
    }
  }

  /** The same without a bound: somebody who may has had something changed. */
  public void changed(String event, Object... fields) {
    record(Level.INFO, event, fields);
  }

  /** What came of that at this node, of which one request may cause a million: bounded for all. */
  public void applied(String event, Object... fields) {
    if (applied.take("", System.nanoTime() / 1_000_000)) {
      record(Level.INFO, event, fields);
    } else {
      leftOut.incrementAndGet();
    }
  }

  /** To be called each second. */
  public void sweep() {
    perClient.sweep(System.nanoTime() / 1_000_000);
    long count = leftOut.getAndSet(0);
    if (count > 0) {
      record(Level.WARN, "records left out", "count", count);
    }
  }

  private static String shortened(String text, int most) {
    return text.length() <= most ? text : text.substring(0, most) + "…";
  }

  private static void record(Level level, String event, Object... fields) {
    LoggingEventBuilder record = LOG.atLevel(level).setMessage(event);
    for (int i = 0; i < fields.length; i += 2) {
      Object value = fields[i + 1];
      if (value != null) {
        record =
            record.addKeyValue((String) fields[i], value instanceof Number ? value : line(value));
      }
    }
    record.log();
  }

  /** Clients choose names and topics: a value neither ends its line nor its quotes. */
  private static String line(Object value) {
    String text = shortened(value.toString(), LOGGED);
    return text.replaceAll("\\p{Cntrl}", ".").replace('"', '\'');
  }
}
