package io.busbar.chaos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is left of a process's files when its power goes. */
@Timeout(180)
class PowerIT {
  /** What is the same however names are kept: all that was synced, names and content. */
  private static final Map<String, String> SYNCED =
      Map.of(
          "journal", "synced ",
          "never", "",
          "rewritten", "aabbaaaaaa",
          "cut", "0123",
          "direct", "each write",
          "scattered", "one two");

  @TempDir private Path folder;
  private Path data;

  /** The build asks for no C compiler; where there is none, this is not shown. */
  @BeforeAll
  static void compiler() {
    boolean found =
        List.of(System.getenv("PATH").split(":")).stream()
            .anyMatch(place -> Files.isExecutable(Path.of(place, "cc")));
    assumeTrue(found, "there is no cc");
  }

  @Test
  void whatWasNotSyncedIsGone() throws Exception {
    Map<String, String> expected = new TreeMap<>(SYNCED);
    expected.put("new-name.tmp", "renamed");
    expected.put("deleted", "deleted");
    assertThat(afterPowerLoss(Power.Names.POSIX)).isEqualTo(expected);
  }

  @Test
  void aFileWhoseDirectoryWasNotSyncedIsGoneWithAllItsContent() throws Exception {
    Map<String, String> expected = new TreeMap<>(SYNCED);
    expected.put("new-name.tmp", "renamed");
    expected.put("deleted", "deleted");
    assertThat(afterPowerLoss(Power.Names.POSIX, "sync-later")).isEqualTo(expected);
  }

  @Test
  void onExt4TheSyncOfAFileKeepsNamesToo() throws Exception {
    Map<String, String> expected = new TreeMap<>(SYNCED);
    expected.put("new-name", "renamed");
    expected.put("later/file", "later");
    assertThat(afterPowerLoss(Power.Names.EXT4, "sync-later")).isEqualTo(expected);
  }

  @Test
  void aSecondLossFindsWhatTheFirstLeft() throws Exception {
    data = Files.createDirectory(folder.resolve("data"));
    Power power = new Power(folder, Power.Names.POSIX);
    Files.writeString(data.resolve("before"), "there from the start");
    power.on(data);
    power.cut(data);
    killed(power, PowerProbe.class);
    power.cut(data);
    Map<String, String> first = files();
    assertThat(first).containsEntry("before", "there from the start").containsAllEntriesOf(SYNCED);
    power.cut(data);
    assertThat(files()).isEqualTo(first);
  }

  @Test
  void withoutLossAllIsKept() throws Exception {
    data = Files.createDirectory(folder.resolve("data"));
    Power power = new Power(folder, Power.Names.POSIX);
    power.on(data);
    killed(power, PowerProbe.class);
    assertThat(files())
        .containsEntry("journal", "synced not synced")
        .containsEntry("never", "not synced")
        .containsEntry("new-name", "renamed")
        .containsEntry("later/file", "later");
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void whatIsLeftIsWhatAModelSays(long seed) throws Exception {
    data = Files.createDirectory(folder.resolve("data"));
    Power power = new Power(folder, Power.Names.POSIX);
    power.on(data);
    killed(power, PowerWalk.class, String.valueOf(seed));
    byte[][] expected = PowerWalk.durable(seed);
    for (int i = 0; i < PowerWalk.FILES; i++) {
      byte[] kept = Files.readAllBytes(data.resolve(String.valueOf(i)));
      assertThat(kept).as("before the loss").isNotEqualTo(expected[i]);
    }
    power.cut(data);
    for (int i = 0; i < PowerWalk.FILES; i++) {
      byte[] left = Files.readAllBytes(data.resolve(String.valueOf(i)));
      assertThat(left).as("file %d of seed %d", i, seed).isEqualTo(expected[i]);
    }
  }

  private Map<String, String> afterPowerLoss(Power.Names names, String... more) throws Exception {
    data = Files.createDirectory(folder.resolve("data"));
    Power power = new Power(folder, names);
    power.on(data);
    killed(power, PowerProbe.class, more);
    power.cut(data);
    return files();
  }

  private void killed(Power power, Class<?> probe, String... more) throws Exception {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                probe.getName(),
                data.toString()));
    command.addAll(List.of(more));
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT);
    builder.environment().putAll(power.environment(data));
    Process process = builder.start();
    try (BufferedReader out = process.inputReader()) {
      assertThat(out.readLine()).isEqualTo("written");
    } finally {
      process.destroyForcibly().waitFor();
    }
  }

  private Map<String, String> files() throws IOException {
    Map<String, String> found = new TreeMap<>();
    try (var all = Files.walk(data)) {
      for (Path file : all.filter(Files::isRegularFile).toList()) {
        found.put(data.relativize(file).toString(), Files.readString(file));
      }
    }
    return found;
  }
}
