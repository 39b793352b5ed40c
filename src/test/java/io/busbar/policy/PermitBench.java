package io.busbar.policy;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.busbar.policy.PermissionBinding.Permission;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;

/** What a decision and a CONNECT cost. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 3, time = 1)
public class PermitBench {
  private static final byte[] TOPIC = "plants/p7/lines/vehicle01/position/gps".getBytes(UTF_8);
  private static final byte[] DENIED = "plants/p7/lines/vehicle02/position/gps".getBytes(UTF_8);
  private final Policy large = large();
  private final Client client = large.client("vehicle01").orElseThrow();
  private final Permit one = permit(1);
  private final Permit twenty = permit(20);

  /** The only template matches. */
  @Benchmark
  public boolean mayPublish1() {
    return one.mayPublish(TOPIC, 0, TOPIC.length);
  }

  /** The last of twenty templates with a common beginning matches. */
  @Benchmark
  public boolean mayPublish20() {
    return twenty.mayPublish(TOPIC, 0, TOPIC.length);
  }

  /** None of twenty matches. */
  @Benchmark
  public boolean mayPublish20Denied() {
    return twenty.mayPublish(DENIED, 0, DENIED.length);
  }

  /** 1,000 groups, each with a binding to one of 20 topic spaces; the client is in 20 of them. */
  @Benchmark
  public Permit compile1000() {
    return large.permit(client);
  }

  /** A registry of a million clients besides those groups. */
  @State(Scope.Benchmark)
  public static class Million {
    private static final TestCa ROOT = TestCa.root("CN=Root");
    private static final X509Certificate LEAF = ROOT.issue("CN=client-777777");
    final Policy policy = large();
    private int next;

    public Million() {
      policy.put(new CaCertificate("root", ROOT.certificate()));
      for (int i = 0; i < 1_000_000; i++) {
        policy.put(
            new Client(
                "client-" + i,
                "client-" + i,
                true,
                Client.ValidationScheme.SUBJECT_MATCHES_AUTHENTICATION_NAME,
                List.of(),
                Map.of("type", new Attribute.Text("type" + i % 1_000))));
      }
    }

    /** The next of them, in an order that no cache of the processor knows. */
    Client any() {
      next = (next + 611_953) % 1_000_000;
      return policy.client("client-" + next).orElseThrow();
    }
  }

  /** Finds one of a million clients and its permit out of 1,000 groups and bindings. */
  @Benchmark
  public Permit permitOfMillion(Million million) {
    return million.policy.permit(million.any());
  }

  /** A CONNECT: finds the client, proves its certificate's chain, and compiles its permit. */
  @Benchmark
  public Admission admitOfMillion(Million million) {
    return million.policy.admit("client-777777", "session", List.of(Million.LEAF), TestCa.NOW);
  }

  private static Permit permit(int templates) {
    TestPolicy policy = new TestPolicy().client("vehicle01", Map.of());
    for (int i = 1; i <= templates; i++) {
      String level = i == templates ? "+" : "p7/other" + i;
      String rest = i % 2 == 0 ? "/lines/${client.name}/#" : "/lines/${client.name}/+/gps";
      policy.space("space-" + i, "plants/" + level + rest);
      policy.bind("$all", Permission.PUBLISHER, "space-" + i);
    }
    Policy compiled = policy.compile();
    return compiled.permit(compiled.client("vehicle01").orElseThrow());
  }

  private static Policy large() {
    TestPolicy policy =
        new TestPolicy()
            .client(
                "vehicle01",
                Map.of(
                    "type", new Attribute.Text("type7"),
                    "caps", new Attribute.Texts(List.of("gps", "lte"))));
    for (int i = 0; i < 20; i++) {
      policy.space("space-" + i, "plants/p" + i + "/lines/${client.authenticationName}/#");
    }
    for (int i = 0; i < 1_000; i++) {
      policy.group(
          "group-" + i, "attributes.type = 'type" + i % 50 + "' and authenticationName <> ''");
      policy.bind("group-" + i, Permission.PUBLISHER, "space-" + i % 20);
    }
    return policy.compile();
  }

  public static void main(String[] args) throws RunnerException {
    new Runner(new OptionsBuilder().include(PermitBench.class.getSimpleName()).build()).run();
  }
}
