package io.busbar.tool.load;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.config.Profile;
import io.busbar.config.Settings.Protocol;
import io.busbar.testing.TestNode;
import io.busbar.testing.TestPki;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

/** Each kind of run, briefly, against a node of this JVM. */
class ScenariosIT {
  private static final String NAMESPACE =
      """
      name: bench
      caCertificates:
        - { name: bench-ca, file: ca.pem }
      clients:
        - name: load-0
        - name: load-1
        - name: load-2
      topicSpaces:
        - { name: load, topicTemplates: [ "load/#" ] }
      permissionBindings:
        - { name: all-publish, clientGroupName: $all, topicSpaceName: load, permission: Publisher }
        - { name: all-hear, clientGroupName: $all, topicSpaceName: load, permission: Subscriber }
      """;

  @TempDir static Path home;
  @TempDir static Path stranger;

  @RegisterExtension static final TestNode OPEN = TestNode.with(1, Profile.OPEN, Map.of());

  @RegisterExtension
  static final TestNode SECURED =
      TestNode.of(() -> TestNode.secured(TestPki.in(home).server(), home, NAMESPACE, Map.of()));

  private record Outcome(int code, String out, String err) {
    /** The number of a figure, or -1 where there is none. */
    double figure(String name) {
      return out.lines()
          .filter(line -> line.startsWith(name + " "))
          .mapToDouble(line -> Double.parseDouble(line.substring(name.length()).replace(",", "")))
          .findFirst()
          .orElse(-1);
    }
  }

  private static Outcome run(String line) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    CommandLine command = Load.command();
    command.setOut(new PrintWriter(out));
    command.setErr(new PrintWriter(err));
    return new Outcome(command.execute(line.split(" ")), out.toString(), err.toString());
  }

  private static String target(Protocol protocol) {
    String scheme = protocol.name().toLowerCase(Locale.ROOT);
    int port = (protocol.tls() ? SECURED : OPEN).port(protocol);
    String target = " --target " + scheme + "://127.0.0.1:" + port;
    return protocol.tls() ? target + " --identities 3 --certificates " + home : target;
  }

  @ParameterizedTest
  @CsvSource({"MQTTS", "WS", "WSS"})
  void messagesPassOverEveryTransport(Protocol protocol) {
    Outcome outcome =
        run(
            "p2p --pairs 3 --qos 1 --size 300 --rate 200 --warm-up 0 --seconds 1"
                + target(protocol));
    assertThat(outcome.code).as(outcome.err + outcome.out).isZero();
    assertThat(outcome.figure("received")).isEqualTo(200);
    assertThat(outcome.figure("lost")).isZero();
    assertThat(outcome.figure("tls_full")).isEqualTo(protocol.tls() ? 6 : -1);
  }

  @ParameterizedTest
  @ValueSource(strings = {"1.2", "1.3"})
  void fullHandshakesAndResumedOnesAreToldApart(String version) {
    String line =
        "connect --connections 3 --warm-up 1 --seconds 1 --tls " + version + target(Protocol.MQTTS);
    Outcome full = run(line);
    assertThat(full.code).as(full.err + full.out).isZero();
    assertThat(full.figure("tls_full")).isPositive();
    assertThat(full.figure("tls_resumed")).isZero();
    Outcome resumed = run(line + " --resume");
    assertThat(resumed.code).as(resumed.err + resumed.out).isZero();
    assertThat(resumed.figure("tls_resumed")).isPositive();
    assertThat(resumed.figure("tls_full")).isZero();
  }

  @Test
  void connectsKeepToARate() {
    Outcome outcome =
        run("connect --rate 50 --connections 5 --warm-up 0 --seconds 1" + target(Protocol.MQTT));
    assertThat(outcome.code).as(outcome.err + outcome.out).isZero();
    assertThat(outcome.figure("connects")).isBetween(1.0, 51.0);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " --rate 100"})
  void idleConnectionsAreHeld(String rate, @TempDir Path kept) {
    Outcome outcome =
        run("idle --connections 10 --seconds 1 --save " + kept + rate + target(Protocol.MQTTS));
    assertThat(outcome.code).as(outcome.err + outcome.out).isZero();
    assertThat(outcome.figure("disconnected")).isZero();
    assertThat(outcome.figure("tls_full")).isEqualTo(10);
    assertThat(kept.resolve("report.md")).content().contains("| connections | 10 |");
    assertThat(Results.read(kept).facts()).containsKeys("command", "commit", "machine");
  }

  @ParameterizedTest
  @ValueSource(strings = {"subscribe --connections 3", "move --sessions 3 --rate 50"})
  void otherThingsAreRepeated(String mode) {
    Outcome outcome = run(mode + " --warm-up 0 --seconds 1" + target(Protocol.MQTT));
    assertThat(outcome.code).as(outcome.err + outcome.out).isZero();
  }

  @Test
  void devicesReport_sleep_andMissNothing() {
    Outcome outcome =
        run(
            "devices --devices 20 --ramp 1 --interval 0.1 --commands 100 --sleepers 50 --awake 0.4"
                + " --asleep 0.3 --seed 5 --seconds 2"
                + target(Protocol.MQTT));
    assertThat(outcome.code).as(outcome.err + outcome.out).isZero();
    assertThat(outcome.figure("telemetry_sent")).isPositive();
    assertThat(outcome.figure("telemetry_lost")).isZero();
    assertThat(outcome.figure("commands_to_sleepers")).isPositive();
    assertThat(outcome.figure("commands_lost_acknowledged")).isZero();
    assertThat(outcome.figure("naps")).isPositive();
    assertThat(outcome.figure("sessions_lost")).isZero();
    assertThat(outcome.figure("seed")).isEqualTo(5);
  }

  @Test
  void whatCannotBeRun_isSaidInOneLine() {
    String of = "connect --connections 2 --seconds 1";
    assertThat(run(of + " --target 1").err).contains("no connection").contains("is the broker");
    assertThat(run(of + target(Protocol.MQTTS).replace(home.toString(), stranger.toString())).err)
        .contains("not of the authority in --certificates");
    String plain = target(Protocol.MQTT).replace("mqtt:", "mqtts:") + " --certificates " + home;
    assertThat(run(of + plain).err).contains("TLS");
    assertThat(run(of + " --target mqtts://127.0.0.1").err).contains("--certificates: none given");
    assertThat(run(of + target(Protocol.WS) + "/elsewhere").err).contains("404");
    assertThat(run(of + " --tls 1.1 --certificates " + home).err).contains("allowed: 1.2, 1.3");
    assertThat(run("devices --sleepers 5 --mqtt 4 --seconds 1").err).contains("--sleepers");
    assertThat(run("compare " + home + " --save " + stranger).err).contains("missing");
  }
}
