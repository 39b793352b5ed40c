package io.busbar.testing;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import io.busbar.telemetry.Audit;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.slf4j.LoggerFactory;

/** What the audit writes down while this is open. */
public final class AuditRecords implements AutoCloseable {
  private final Logger logger = (Logger) LoggerFactory.getLogger(Audit.CATEGORY);
  private final Level level = logger.getLevel();
  private final Queue<String> records = new ConcurrentLinkedQueue<>();
  private final AppenderBase<ILoggingEvent> appender =
      new AppenderBase<>() {
        @Override
        protected void append(ILoggingEvent event) {
          StringBuilder record = new StringBuilder(event.getMessage());
          if (event.getKeyValuePairs() != null) {
            event.getKeyValuePairs().forEach(pair -> record.append(' ').append(pair));
          }
          records.add(record.toString());
        }
      };

  /** Begins. */
  public AuditRecords() {
    appender.setContext((LoggerContext) LoggerFactory.getILoggerFactory());
    appender.start();
    logger.setLevel(Level.INFO);
    logger.addAppender(appender);
  }

  /** Those so far: the event, and each field as {@code name="value"}. */
  public List<String> all() {
    return List.copyOf(records);
  }

  /** Waits for one that begins with an event and has these parts. */
  public void await(String event, String... parts) {
    Await.until(
        "a record " + event + " " + List.of(parts),
        () ->
            all().stream()
                .anyMatch(
                    one ->
                        one.startsWith(event + " ")
                            && List.of(parts).stream().allMatch(one::contains)),
        () -> all().toString());
  }

  @Override
  public void close() {
    logger.detachAppender(appender);
    logger.setLevel(level);
  }
}
