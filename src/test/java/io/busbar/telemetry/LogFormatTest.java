package io.busbar.telemetry;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.joran.JoranConfigurator;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.LoggingEvent;
import ch.qos.logback.classic.util.LogbackMDCAdapter;
import ch.qos.logback.core.ConsoleAppender;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The log as it is configured: a line is a line, whatever a client sends. */
class LogFormatTest {
  private static String line(String appender, String clientId, Throwable cause) throws Exception {
    LoggerContext context = new LoggerContext();
    context.setMDCAdapter(new LogbackMDCAdapter());
    context.putProperty("BUSBAR_LOG", appender);
    JoranConfigurator configurator = new JoranConfigurator();
    configurator.setContext(context);
    configurator.doConfigure(LogFormatTest.class.getResource("/logback.xml"));
    try {
      Logger root = context.getLogger(Logger.ROOT_LOGGER_NAME);
      var console = (ConsoleAppender<ILoggingEvent>) root.getAppender(appender);
      LoggingEvent event =
          new LoggingEvent(
              LogFormatTest.class.getName(),
              context.getLogger("io.busbar.x.Connection"),
              Level.WARN,
              "connect refused: session={} reason=x",
              cause,
              new Object[] {clientId});
      return new String(console.getEncoder().encode(event), StandardCharsets.UTF_8);
    } finally {
      context.stop();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"text", "json"})
  void controlCharacters_doNotEndTheLine(String appender) throws Exception {
    String line = line(appender, "a\r\n2026-01-01 ERROR forged\u001b[2J\u0000\u007fz", null);
    assertThat(line).endsWith("\n").contains("forged").contains("WARN");
    assertThat(line.stripTrailing().chars().filter(c -> c < 0x20)).isEmpty();
  }

  @Test
  void otherTexts_stayAsTheyAre() throws Exception {
    String line = line("text", "ü \ud83d\ude00 {} $1 \\ 'q'", null);
    assertThat(line)
        .contains(" WARN  Connection connect refused: session=ü \ud83d\ude00 {} $1 \\ 'q' reason=x")
        .hasLineCount(1);
  }

  @Test
  void stackTraces_keepTheirLines() throws Exception {
    assertThat(line("text", "a", new IllegalStateException("why")))
        .contains("\njava.lang.IllegalStateException: why\n\tat ");
  }
}
