package io.busbar.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import io.busbar.testing.SimDisk;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.time.InstantSource;
import java.util.HexFormat;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DataDirectoryTest {
  private static final InstantSource CLOCK =
      InstantSource.fixed(Instant.parse("2026-03-01T12:00:00.123Z"));
  private static final DataDirectory.Setup SETUP = new DataDirectory.Setup("n1", "c1", 1024, 15);

  @TempDir private Path temp;
  private Path path;

  @BeforeEach
  void choose() {
    path = temp.resolve("a/b");
  }

  private DataDirectory open(DataDirectory.Setup setup) throws IOException {
    return DataDirectory.open(path, setup, CLOCK);
  }

  private void refuses(DataDirectory.Setup setup, String... parts) {
    assertThatThrownBy(() -> open(setup))
        .isInstanceOf(DataDirectoryException.class)
        .hasMessageStartingWith("data directory " + path + " ")
        .hasMessageContainingAll(parts)
        .message()
        .doesNotContain("\n");
  }

  @Test
  void isMadeWhereNothingIs() throws IOException {
    Identity first;
    try (DataDirectory made = open(SETUP)) {
      first = made.identity();
      assertThat(made.path()).isEqualTo(path);
    }
    assertThat(first)
        .isEqualTo(new Identity(first.disk(), "n1", "c1", CLOCK.instant(), 1024, 15, 1));
    for (Path each : new Path[] {path.getParent(), path}) {
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(each)))
          .isEqualTo("rwx------");
    }
    try (DataDirectory again = open(new DataDirectory.Setup("n2", "", 1, 1))) {
      assertThat(again.identity())
          .isEqualTo(new Identity(first.disk(), "n1", "c1", first.created(), 1024, 15, 2));
    }
  }

  @Test
  void joinsAClusterOnce() throws IOException {
    try (DataDirectory made = open(new DataDirectory.Setup("n1", "", 1024, 15))) {
      assertThat(made.identity().cluster()).isEmpty();
      made.join("c2");
      made.join("c2");
      assertThatThrownBy(() -> made.join("c3")).hasMessageContaining("belongs to cluster c2");
      assertThatThrownBy(() -> made.join("")).isInstanceOf(IllegalArgumentException.class);
    }
    try (DataDirectory again = open(new DataDirectory.Setup("n1", "c2", 1024, 15))) {
      assertThat(again.identity().cluster()).isEqualTo("c2");
    }
    refuses(SETUP, "belongs to cluster c2, not to c1");
  }

  @Test
  void holdsFolders() throws IOException {
    try (DataDirectory made = open(SETUP)) {
      made.folder("journal").open("x").close();
      assertThat(made.folder("journal").names()).containsExactly("x");
    }
    open(SETUP).close();
  }

  @Test
  void isNotOpenedTwiceInOneProcess() throws Exception {
    String pid = "(" + ProcessHandle.current().pid() + ")";
    try (DataDirectory made = open(SETUP)) {
      refuses(SETUP, "is in use by this process", pid, "a data directory of its own");
      // nor by a link to it, and the refusals have not given the lock away
      Path link = Files.createSymbolicLink(temp.resolve("link"), path);
      assertThatThrownBy(() -> DataDirectory.open(link, SETUP, CLOCK))
          .hasMessageContaining("is in use by this process");
      assertThat(inAnotherProcess()).contains("is in use by process " + pid.replaceAll("[()]", ""));
      assertThat(made.identity().starts()).isOne();
    }
    assertThat(inAnotherProcess()).isEqualTo("opened, start 2");
    open(SETUP).close();
  }

  private String inAnotherProcess() throws Exception {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                Opener.class.getName(),
                path.toString())
            .redirectErrorStream(true)
            .start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    process.waitFor();
    return said.strip();
  }

  /** Opens a directory in a process of its own, and says what came of it. */
  static final class Opener {
    public static void main(String[] args) throws IOException {
      try (DataDirectory directory = DataDirectory.open(Path.of(args[0]), SETUP, CLOCK)) {
        System.out.println("opened, start " + directory.identity().starts());
      } catch (DataDirectoryException e) {
        System.out.println(e.getMessage());
      }
    }
  }

  @Test
  void refusesWhatIsNoDirectory() throws IOException {
    Files.createDirectories(path.getParent());
    Files.createFile(path);
    refuses(SETUP, "is not a directory");
  }

  @Test
  void refusesWhatCannotBeWritten() throws IOException {
    // not even root may write there
    path = Path.of("/proc/sys");
    assumeFalse(Files.isWritable(path));
    refuses(SETUP, "cannot be written");
  }

  @Test
  void refusesADirectoryOfOthersAndLeavesItAlone() throws IOException {
    Files.createDirectories(path.resolve("theirs"));
    refuses(SETUP, "is not Busbar's", "theirs", "name an empty directory");
    assertThat(path.resolve("lock")).doesNotExist();
  }

  @ParameterizedTest
  @ValueSource(strings = {"lost+found", "lock", "identity.new"})
  void takesADirectoryWithNothingInIt(String name) throws IOException {
    Files.createDirectories(path);
    Files.writeString(path.resolve(name), "anything");
    try (DataDirectory made = open(SETUP)) {
      assertThat(made.identity().starts()).isOne();
    }
  }

  @Test
  void refusesItsOwnWithoutIdentity() throws IOException {
    try (DataDirectory made = open(SETUP)) {
      made.folder("journal");
    }
    Files.delete(path.resolve("identity"));
    refuses(SETUP, "journal", "no identity", "restore the file identity from a backup");
  }

  @Test
  void refusesANewerFormat() throws IOException {
    open(SETUP).close();
    Files.writeString(path.resolve("identity"), "format=3\nwhatever");
    refuses(SETUP, "has format 3 of a newer version", "this one knows 2");
  }

  @Test
  void readsTheFormWithoutAName() throws IOException {
    String lines =
        """
        format=1
        disk=00000000-0000-0001-0000-000000000002
        cluster=c1
        created=2026-11-26T00:00:00Z
        shards=1024
        groups=15
        starts=3
        """;
    CRC32C crc = new CRC32C();
    crc.update(lines.getBytes(StandardCharsets.UTF_8));
    String sum = HexFormat.of().toHexDigits((int) crc.getValue());
    Files.createDirectories(path);
    Files.writeString(path.resolve("identity"), lines + "crc32c=" + sum + "\n");
    Identity expected =
        new Identity(new UUID(1, 2), "", "c1", Instant.parse("2026-11-26T00:00:00Z"), 1024, 15, 4);
    try (DataDirectory read = open(SETUP)) {
      assertThat(read.identity()).isEqualTo(expected);
      assertThat(read.identity().node().id()).isEqualTo("00000000-0000-0001-0000-000000000002");
      assertThat(read.identity().node().name()).isEmpty();
    }
    // written anew, in the newer form
    try (DataDirectory again = open(SETUP)) {
      assertThat(again.identity()).isEqualTo(expected.startedAgain());
    }
  }

  @Test
  void isTheNodeOfItsNameAndItsDisk() throws IOException {
    try (DataDirectory made = open(SETUP)) {
      NodeEndpoint node = made.identity().node();
      assertThat(node.id()).isEqualTo("n1@" + made.identity().disk());
      assertThat(node.name()).isEqualTo("n1");
    }
  }

  @Test
  void refusesADamagedIdentity() throws IOException {
    open(SETUP).close();
    Path file = path.resolve("identity");
    byte[] good = Files.readAllBytes(file);
    for (int i = "format=2".length(); i < good.length; i++) {
      byte[] bad = good.clone();
      bad[i] ^= 4;
      Files.write(file, bad);
      refuses(SETUP, "damaged file identity", "restore it from a backup");
    }
    Files.write(file, new byte[0]);
    refuses(SETUP, "damaged file identity");
    Files.write(file, good);
    try (DataDirectory again = open(SETUP)) {
      assertThat(again.identity().starts()).isEqualTo(2);
    }
  }

  /** At whatever moment the power fails, the identity is the old one or the new one. */
  @Test
  void identityIsWholeAtAnyMoment() throws IOException {
    Identity old = new Identity(new UUID(1, 2), "n1", "c1", CLOCK.instant(), 1024, 15, 1);
    for (int seed = 0; seed < 2_000; seed++) {
      SimDisk disk = new SimDisk(new SplittableRandom(seed));
      IdentityFile.write(disk, old);
      int moment = seed % 8;
      disk.endAfter(moment);
      boolean done = true;
      try {
        IdentityFile.write(disk, old.startedAgain());
      } catch (IOException e) {
        done = false;
      }
      disk.crash();
      Identity found = Identity.of(IdentityFile.read(disk));
      assertThat(found).as("seed " + seed).isIn(done ? found : old, old.startedAgain());
      assertThat(done && found.equals(old)).as("seed " + seed).isFalse();
    }
  }
}
