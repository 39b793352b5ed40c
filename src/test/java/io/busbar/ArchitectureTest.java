package io.busbar;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.conditions.ArchConditions.be;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import java.time.Instant;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The table of packages in the design, and its laws. */
class ArchitectureTest {
  private static final JavaClasses BUSBAR =
      new ClassFileImporter()
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
          .importPackages("io.busbar");

  private static final List<String> PURE =
      List.of("mqtt", "match", "policy", "session", "event", "shard");

  /** Which of our packages each package may use, besides itself; the root uses all. */
  private static final Map<String, List<String>> MAY_USE = mayUse();

  private static Map<String, List<String>> mayUse() {
    Map<String, List<String>> table = new LinkedHashMap<>();
    table.put("mqtt", List.of());
    for (String pure : List.of("match", "policy", "session", "event")) {
      table.put(pure, List.of("mqtt"));
    }
    table.put("shard", List.of("mqtt", "match"));
    for (String base : List.of("bus", "config", "telemetry")) {
      table.put(base, PURE);
    }
    table.put("store", with(PURE, "bus", "config"));
    List<String> below = with(PURE, "bus", "config", "telemetry", "store");
    for (String verticles : List.of("broker", "delivery", "api")) {
      table.put(verticles, below);
    }
    table.put("tool", with(PURE, "config"));
    table.put("cli", with(PURE, "config", "tool"));
    return table;
  }

  private static List<String> with(List<String> packages, String... more) {
    return Stream.concat(packages.stream(), Arrays.stream(more)).toList();
  }

  private static String[] packages(List<String> names) {
    return names.stream().map(name -> "io.busbar." + name + "..").toArray(String[]::new);
  }

  private static DescribedPredicate<JavaClass> in(String... packages) {
    return resideInAnyPackage(packages);
  }

  /** Classes by name, nested ones included. */
  private static DescribedPredicate<JavaClass> named(String regex) {
    return DescribedPredicate.describe(
        "are named " + regex, type -> type.getBaseComponentType().getName().matches(regex));
  }

  private static DescribedPredicate<JavaAccess<?>> call(String owner, String method) {
    return DescribedPredicate.describe(
        owner + "." + method,
        access ->
            access.getTargetOwner().getName().matches(owner) && access.getName().matches(method));
  }

  @Test
  void everyPackageHasARowInTheTable() {
    Set<String> found = new TreeSet<>();
    for (JavaClass type : BUSBAR) {
      String[] parts = type.getPackageName().split("\\.");
      if (parts.length > 2) {
        found.add(parts[2]);
      }
    }

    assertThat(found).contains("mqtt", "match", "session", "bus", "config", "broker");
    assertThat(MAY_USE.keySet()).containsAll(found);
  }

  static Set<String> rows() {
    return MAY_USE.keySet();
  }

  @ParameterizedTest
  @MethodSource("rows")
  void usesOnlyWhatItsRowAllows(String name) {
    List<String> allowed = with(MAY_USE.get(name), name);
    check(
        noClasses()
            .that()
            .resideInAPackage("io.busbar." + name + "..")
            .should()
            .dependOnClassesThat(
                in("io.busbar..").and(not(in(packages(allowed)))).as("not among %s", allowed))
            .because("packages use only what is below them"));
  }

  /** What pure packages may use of the JDK and of others. */
  @Test
  void purePackagesAreMadeOfPureThings() {
    String values =
        "java\\.(io\\.(ByteArray.*|String(Reader|Writer)|.*Exception|Serializable|Closeable"
            + "|OutputStream|InputStream|Writer|Reader)|net\\.(URI|URISyntaxException)"
            + "|util\\.concurrent\\.(Concurrent.*|CopyOnWrite.*|atomic\\..*|TimeUnit)).*";
    DescribedPredicate<JavaClass> world =
        in(
                "java.io..",
                "java.net..",
                "java.nio.file..",
                "java.nio.channels..",
                "java.util.concurrent..",
                "java.sql..")
            .and(not(named(values)))
            .or(
                named(
                    "java\\.(lang\\.(Thread.*|Process.*|Runtime)|time\\.(Clock|InstantSource).*"
                        + "|util\\.(Random|UUID|Timer|TimerTask|Scanner)"
                        + "|util\\.random\\..*|security\\.SecureRandom)"))
            .as("of the world");
    check(
        noClasses()
            .that()
            .resideInAnyPackage(packages(PURE))
            .should()
            .dependOnClassesThat(world)
            .because("pure packages use no clock, randomness, threads or I/O"));
    check(
        noClasses()
            .that()
            .resideInAnyPackage(packages(PURE))
            .should()
            .callMethodWhere(
                call("java\\.lang\\.System", "currentTimeMillis|nanoTime|getenv|getProperty")
                    .or(call("java\\.time\\..*", "now"))
                    .or(call("java\\.lang\\.Math", "random")))
            .because("time is a parameter"));
  }

  @Test
  void purePackagesUseNoFramework() {
    pureMayUse("mqtt", "io.netty.buffer..");
    pureMayUse("event", "com.fasterxml.jackson.core..");
    for (String pure : List.of("match", "policy", "session")) {
      pureMayUse(pure);
    }
  }

  private static void pureMayUse(String name, String... thirdParty) {
    List<String> allowed = with(List.of("java..", "javax..", "io.busbar.."), thirdParty);
    check(
        classes()
            .that()
            .resideInAPackage("io.busbar." + name + "..")
            .should()
            .onlyDependOnClassesThat(
                DescribedPredicate.describe(
                    "are in " + allowed,
                    type ->
                        type.getBaseComponentType().isPrimitive()
                            || in(allowed.toArray(String[]::new))
                                .test(type.getBaseComponentType()))));
  }

  @Test
  void verticlesMeetOnTheBusOnly() {
    List<String> apart = List.of("broker", "delivery", "api", "cli");
    for (String name : apart) {
      List<String> others = apart.stream().filter(other -> !other.equals(name)).toList();
      check(
          noClasses()
              .that()
              .resideInAPackage("io.busbar." + name + "..")
              .should()
              .dependOnClassesThat(in(packages(others))));
    }
  }

  @Test
  void thirdPartiesStayWhereTheyBelong() {
    only("com.hazelcast..", "io.busbar");
    only("io.vertx.spi.cluster..", "io.busbar");
    only("io.microraft..", "io.busbar.store..");
    only("picocli..", "io.busbar", "io.busbar.cli..", "io.busbar.tool..");
    only("org.bouncycastle..", "io.busbar.config..", "io.busbar.tool..");
    only("io.vertx.mqtt..", "io.busbar.tool..");
    only("org.snakeyaml..", "io.busbar.config..");
    only("com.hivemq..", "io.busbar.cli..");
    only("org.apache.commons..", "io.busbar.cli..");
    only(
        "io.netty.channel..",
        "io.busbar",
        "io.busbar.broker..",
        "io.busbar.store..",
        "io.busbar.tool..");
  }

  private static void only(String thirdParty, String... users) {
    check(
        noClasses()
            .that(not(in(users)))
            .should()
            .dependOnClassesThat(resideInAPackage(thirdParty)));
  }

  @Test
  void packagesHaveNoCycles() {
    check(slices().matching("io.busbar.(*)..").should().beFreeOfCycles());
    // slices leave out the root package: nothing below may use it
    check(
        noClasses()
            .that(not(in("io.busbar")))
            .should()
            .dependOnClassesThat(resideInAPackage("io.busbar")));
  }

  @Test
  void namesSayWhatThingsAre() {
    check(
        noClasses()
            .should()
            .haveNameMatching(".*(Impl|Manager|Utils?|Helper)(\\$.*)?")
            .because("such a name says nothing"));
    check(
        noClasses()
            .that()
            .areInterfaces()
            .should(be(named(".*[.$]I[A-Z][a-z].*")))
            .because("interfaces are named like the thing"));
  }

  @Test
  void nothingBlocksAnEventLoop() {
    String waiting =
        "java\\.util\\.concurrent\\.(CountDownLatch|CyclicBarrier|Semaphore|Phaser|(Completable)?"
            + "Future|ExecutorService|.*Queue|locks\\..*)";
    String asynchronous = "io\\.(vertx\\.core\\.Future|netty\\..*)";
    check(
        noClasses()
            .that()
            .resideInAnyPackage(packages(List.of("broker", "delivery", "api", "bus")))
            .should()
            .callMethodWhere(
                call("java\\.lang\\.Thread", "sleep|join")
                    .or(call("java\\.lang\\.Object", "wait"))
                    .or(call(asynchronous, "await.*|sync.*"))
                    .or(
                        call(
                            waiting,
                            "await.*|get|join|sync.*|acquire.*|take|put|lock.*|invokeA.*")))
            .because("an event loop serves thousands of connections"));
  }

  @Test
  void onlyCommandsPrint() {
    check(
        noClasses()
            .that(not(in("io.busbar", "io.busbar.cli..", "io.busbar.tool..")))
            .should()
            .accessFieldWhere(
                DescribedPredicate.describe(
                    "System.out or System.err",
                    access ->
                        access.getTargetOwner().getName().equals("java.lang.System")
                            && Set.of("out", "err").contains(access.getName()))));
  }

  /** The rules do see what they forbid: each finds an offence in classes that have one. */
  @Test
  void rulesFindOffences() {
    JavaClasses jdk = new ClassFileImporter().importClasses(Offender.class);
    ArchRule sleeps =
        noClasses().should().callMethodWhere(call("java\\.lang\\.Thread", "sleep|join"));
    assertThat(sleeps.evaluate(jdk).hasViolation()).isTrue();
    ArchRule clock = noClasses().should().callMethodWhere(call("java\\.time\\..*", "now"));
    assertThat(clock.evaluate(jdk).hasViolation()).isTrue();
    ArchRule names = noClasses().should(be(named(".*Offender.*")));
    assertThat(names.evaluate(jdk).hasViolation()).isTrue();
  }

  /** Does what is forbidden; never run. */
  static final class Offender {
    static Instant offend() throws InterruptedException {
      Thread.currentThread().join();
      return Instant.now();
    }
  }

  private static void check(ArchRule rule) {
    rule.allowEmptyShould(true).check(BUSBAR);
  }
}
