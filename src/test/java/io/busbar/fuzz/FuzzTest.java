package io.busbar.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Each fuzz target on its seeds, then on as many changes of them as take some seconds: the same
 * ones each time. What {@code .ci/fuzz} once found is among the seeds.
 */
class FuzzTest {
  private static final int CHANGES = 4_000;
  private static final int MAX_BYTES = 4_096;
  private static final long SEED = 20_261_126;

  /** The targets: every class of this package that is named so. */
  static List<String> targets() throws IOException, URISyntaxException {
    Path classes = Path.of(FuzzTest.class.getResource("FuzzTest.class").toURI()).getParent();
    try (Stream<Path> files = Files.list(classes)) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> name.endsWith("Fuzz.class"))
          .map(name -> name.substring(0, name.length() - ".class".length()))
          .sorted()
          .toList();
    }
  }

  @ParameterizedTest
  @MethodSource("targets")
  void agreesWithItsModel(String target) throws Throwable {
    MethodHandle run =
        MethodHandles.lookup()
            .findStatic(
                Class.forName(FuzzTest.class.getPackageName() + "." + target),
                "fuzzerTestOneInput",
                MethodType.methodType(void.class, byte[].class));
    List<byte[]> seeds = new ArrayList<>();
    for (Path file : seedFiles(target)) {
      seeds.add(Files.readAllBytes(file));
      run(run, seeds.get(seeds.size() - 1), "seed " + file.getFileName());
    }
    assertThat(seeds).as("seeds of %s in src/test/resources/fuzz", target).isNotEmpty();
    run(run, new byte[0], "nothing");
    Random random = new Random(SEED);
    for (int i = 0; i < CHANGES; i++) {
      run(run, changed(seeds, random), "change " + i);
    }
  }

  private static List<Path> seedFiles(String target) throws IOException, URISyntaxException {
    Path folder = Path.of(FuzzTest.class.getResource("/fuzz/" + target).toURI());
    try (Stream<Path> files = Files.list(folder)) {
      return files.sorted().toList();
    }
  }

  private static void run(MethodHandle target, byte[] data, String what) {
    try {
      target.invoke(data);
    } catch (Throwable e) {
      throw new AssertionError(what + ": " + HexFormat.of().formatHex(data), e);
    }
  }

  private static byte[] changed(List<byte[]> seeds, Random random) {
    byte[] data = seeds.get(random.nextInt(seeds.size()));
    for (int times = 1 + random.nextInt(6); times > 0; times--) {
      int from = random.nextInt(data.length + 1);
      int to = Math.min(data.length, from + random.nextInt(9));
      byte[] part =
          switch (random.nextInt(5)) {
            case 0 -> new byte[0];
            case 1 -> new byte[] {(byte) random.nextInt(256)};
            case 2 -> new byte[] {(byte) (1 << random.nextInt(8))};
            case 3 -> piece(data, random);
            default -> piece(seeds.get(random.nextInt(seeds.size())), random);
          };
      // put into the data, or in the place of some of it
      data = replaced(data, from, random.nextBoolean() ? from : to, part);
    }
    return data.length > MAX_BYTES ? Arrays.copyOf(data, MAX_BYTES) : data;
  }

  private static byte[] piece(byte[] of, Random random) {
    int from = random.nextInt(of.length + 1);
    return Arrays.copyOfRange(of, from, from + random.nextInt(of.length - from + 1));
  }

  private static byte[] replaced(byte[] data, int from, int to, byte[] part) {
    byte[] made = Arrays.copyOf(data, data.length - (to - from) + part.length);
    System.arraycopy(part, 0, made, from, part.length);
    System.arraycopy(data, to, made, from + part.length, data.length - to);
    return made;
  }
}
