package io.busbar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.busbar.config.Limits;
import io.busbar.config.Profile;
import io.busbar.config.Settings;
import io.busbar.mqtt.MqttVersion;
import io.busbar.telemetry.Meter;
import io.busbar.testing.Await;
import io.busbar.testing.RawClient;
import io.busbar.testing.TestDns;
import io.busbar.testing.TestNode;
import io.vertx.core.Future;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Nodes find each other by the addresses that a DNS server has for one name, as those of a headless
 * service: one that comes later, and one with another address in the place of one that has gone. In
 * a network and with a resolver configuration of its own.
 */
@Timeout(180)
class DnsIT {
  private static final String SERVICE = "busbar-nodes.plant.test";

  @TempDir private Path files;

  /** Runs a command where the machine's network is not, nor its resolver. */
  private List<String> inside(String... command) throws IOException {
    Path resolver = Files.writeString(files.resolve("resolv.conf"), "nameserver 127.0.0.53\n");
    Path order = Files.writeString(files.resolve("nsswitch.conf"), "hosts: files dns\n");
    String script =
        "ip link set lo up && for i in 2 3 4; do ip addr add 127.0.0.$i/8 dev lo; done && mount --bind %s /etc/resolv.conf && mount --bind %s /etc/nsswitch.conf && exec \"$@\""
            .formatted(resolver, order);
    List<String> whole =
        new ArrayList<>(
            List.of("unshare", "--map-root-user", "-n", "-m", "sh", "-c", script, "sh"));
    whole.addAll(List.of(command));
    return whole;
  }

  private String run(List<String> command) throws Exception {
    Path said = files.resolve("said");
    Process process =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(said.toFile()).start();
    try {
      process.getOutputStream().close();
      boolean hasEnded = process.waitFor(120, TimeUnit.SECONDS);
      return Files.readString(said) + (hasEnded ? "exit " + process.exitValue() : "no end");
    } finally {
      process.destroyForcibly();
    }
  }

  @Test
  void nodesFindEachOtherByTheNameOfTheirService() throws Exception {
    assumeTrue(run(inside("true")).equals("exit 0"), "no namespaces can be made here");
    String said =
        run(
            inside(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx1g",
                "-Dsun.net.inetaddr.ttl=0",
                "-Dsun.net.inetaddr.negative.ttl=0",
                "-cp",
                System.getProperty("java.class.path"),
                Inside.class.getName()));
    assertThat(said).endsWith("exit 0").contains("all found each other");
  }

  /** What runs there. */
  static final class Inside {
    private Inside() {}

    public static void main(String[] arguments) {
      try {
        rehearse();
        System.out.println("all found each other");
        System.exit(0);
      } catch (Exception | AssertionError e) {
        e.printStackTrace();
        System.exit(1);
      }
    }

    private static void rehearse() throws Exception {
      try (TestDns dns = new TestDns(SERVICE, new InetSocketAddress("127.0.0.53", 53))) {
        dns.are(addresses(1));
        Node first = start(1);
        // later, two more at once
        dns.are(addresses(1, 2, 3));
        Future<Node> coming = Node.start(settings(2));
        Node third = start(3);
        Node second = await(coming);
        until(3, first, second, third);
        hears(third, first);
        // a pod goes, and its replacement has another address
        await(second.stop());
        dns.are(addresses(1, 3, 4));
        Node fourth = start(4);
        until(3, first, third, fourth);
        hears(fourth, third);
        for (Node node : List.of(fourth, third, first)) {
          await(node.stop());
        }
      }
    }

    private static List<InetAddress> addresses(int... nodes) throws IOException {
      List<InetAddress> addresses = new ArrayList<>();
      for (int node : nodes) {
        addresses.add(InetAddress.getByName(address(node)));
      }
      return addresses;
    }

    private static String address(int node) {
      return "127.0.0." + node;
    }

    private static Settings settings(int node) {
      return new Settings(
          "node-" + node,
          Profile.OPEN,
          TestNode.plaintext(),
          new Settings.Address("127.0.0.1", 0),
          new Settings.Cluster(
              true,
              "by-name",
              new Settings.Address(address(node), 5_701),
              0,
              List.of(),
              Optional.of(SERVICE)),
          Optional.empty(),
          true,
          1,
          new Limits(Profile.OPEN, Map.of()));
    }

    private static Node start(int node) throws Exception {
      return await(Node.start(settings(node)));
    }

    private static <T> T await(Future<T> future) throws Exception {
      return future.toCompletionStage().toCompletableFuture().get(60, TimeUnit.SECONDS);
    }

    private static int members(Node node) {
      return (int) node.telemetry().registry().get(Meter.NODES.id()).gauge().value();
    }

    private static void until(int members, Node... nodes) {
      Await.until(
          members + " members",
          () -> List.of(nodes).stream().allMatch(node -> members(node) == members),
          () -> List.of(nodes).stream().map(Inside::members).toList().toString());
    }

    private static void hears(Node one, Node other) throws IOException {
      try (RawClient subscriber = client(one);
          RawClient publisher = client(other)) {
        subscriber.connect("sub");
        subscriber.subscribe("a/b", 1);
        publisher.connect("pub");
        if (publisher.publishAcked("a/b", "x").isError()) {
          throw new AssertionError("not taken");
        }
        subscriber.expectMessage("x");
      }
    }

    private static RawClient client(Node node) throws IOException {
      return RawClient.over(
          new Socket(InetAddress.getLoopbackAddress(), node.listeners().get(0).address().port()),
          MqttVersion.V5);
    }
  }
}
