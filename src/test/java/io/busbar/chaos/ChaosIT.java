package io.busbar.chaos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The short form of the chaos run. */
@Timeout(300)
class ChaosIT {
  private static final int SECONDS = 250;

  /** Without network namespaces there is no network to take apart. */
  private static List<String> inNamespace() throws IOException, InterruptedException {
    for (String how : List.of("-n", "-rn")) {
      Process tried =
          new ProcessBuilder("bash", "-c", "unshare " + how + " ip link set lo up")
              .redirectErrorStream(true)
              .start();
      if (tried.waitFor() == 0) {
        return List.of("unshare", how);
      }
    }
    return List.of();
  }

  @Test
  void nothingIsLostWhileANodeIsKilledAndAnotherCutOff() throws Exception {
    List<String> command = new ArrayList<>(inNamespace());
    assumeTrue(!command.isEmpty(), "no network namespaces can be made here");
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-Xmx1g", "-cp", System.getProperty("java.class.path")));
    command.addAll(List.of(Chaos.class.getName(), "--seconds", "25", "--trouble", "KILL,CUT_OFF"));
    Process chaos = new ProcessBuilder(command).redirectErrorStream(true).start();
    try {
      chaos.getOutputStream().close();
      String said = new String(chaos.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertThat(chaos.waitFor(SECONDS, TimeUnit.SECONDS)).isTrue();
      assertThat(said).contains("violations: none");
      assertThat(chaos.exitValue()).as(said).isZero();
    } finally {
      chaos.destroy();
    }
  }
}
