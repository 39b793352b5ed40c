package io.busbar.chaos;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A network of this test's own: each node has a network namespace and an address, and this process,
 * which is in another namespace of its own, reaches them all. What one node sends to another can be
 * made to get lost without a word, in each direction.
 */
final class Network implements AutoCloseable {
  private static final String SUBNET = "10.9.0.";
  private static final String NOBODY = "02:00:00:00:00:99";
  private static final int SECONDS = 10;

  private final List<Process> holders = new ArrayList<>();

  /**
   * Makes the namespaces.
   *
   * @throws KillException if this process is not in a namespace of its own, or may not
   */
  Network(int nodes) throws IOException {
    String links = run("ip", "-o", "link");
    if (links.lines().anyMatch(line -> !line.contains(": lo:"))) {
      throw new KillException(
          "this process is in no network namespace of its own: start it with loadtest/chaos");
    }
    run("ip", "link", "set", "lo", "up");
    run("ip", "link", "add", "bus", "type", "bridge");
    run("ip", "addr", "add", SUBNET + "254/24", "dev", "bus");
    run("ip", "link", "set", "bus", "up");
    for (int i = 0; i < nodes; i++) {
      // it ends with this process: its input does
      Process holder = new ProcessBuilder("unshare", "-n", "cat").start();
      holders.add(holder);
      String own = run("readlink", "/proc/self/ns/net");
      long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS);
      while (run("readlink", "/proc/" + holder.pid() + "/ns/net").equals(own)) {
        if (!holder.isAlive() || System.nanoTime() > deadline) {
          throw new KillException("no network namespace can be made here");
        }
        Crowd.elapse(5);
      }
      String pid = String.valueOf(holder.pid());
      run("ip", "link", "add", "n" + i, "type", "veth", "peer", "name", "eth0", "netns", pid);
      run("ip", "link", "set", "n" + i, "master", "bus");
      run("ip", "link", "set", "n" + i, "up");
      at(i, "ip", "link", "set", "lo", "up");
      at(i, "ip", "addr", "add", host(i) + "/24", "dev", "eth0");
      at(i, "ip", "link", "set", "eth0", "up");
    }
  }

  /** Where a node, by its index, has its listeners. */
  String host(int node) {
    return SUBNET + (node + 1);
  }

  InetSocketAddress address(int node, int port) {
    return new InetSocketAddress(host(node), port);
  }

  /** What a command begins with to be run as a node. */
  String prefix(int node) {
    return "nsenter -t " + holders.get(node).pid() + " -n";
  }

  /** From now on nothing that a node sends to another one arrives. */
  void cut(int from, int to) throws IOException {
    at(
        from,
        "ip",
        "neigh",
        "replace",
        host(to),
        "lladdr",
        NOBODY,
        "dev",
        "eth0",
        "nud",
        "permanent");
  }

  void mend(int from, int to) throws IOException {
    at(from, "ip", "neigh", "del", host(to), "dev", "eth0");
  }

  private void at(int node, String... command) throws IOException {
    List<String> all = new ArrayList<>(List.of(prefix(node).split(" ")));
    all.addAll(List.of(command));
    run(all.toArray(String[]::new));
  }

  private static String run(String... command) throws IOException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    process.getOutputStream().close();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    try {
      if (process.waitFor() != 0) {
        throw new KillException(String.join(" ", command) + ": " + said.strip());
      }
    } catch (InterruptedException e) {
      throw new KillException("interrupted", e);
    }
    return said;
  }

  @Override
  public void close() {
    holders.forEach(Process::destroy);
  }
}
