package io.busbar.chaos;

import io.busbar.Node;
import io.busbar.broker.Safeguard;
import io.busbar.config.Limit;
import io.busbar.config.Limits;
import io.busbar.config.Profile;
import io.busbar.config.Settings;
import io.busbar.store.EarlyStore;
import io.busbar.store.Store;
import io.busbar.store.StoreMeters;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.BiFunction;

/**
 * A node as the kill test needs it, which no command starts: open to all like {@code start
 * --insecure}, but in a cluster, and with queues in which all fits that is published while a
 * subscriber is away.
 */
final class OpenNode {
  private static final int START_SECONDS = 60;

  private OpenNode() {}

  /** What an acknowledgement is to promise; one that comes early is for this test's own proof. */
  enum Promise {
    FSYNC,
    MEMORY,
    EARLY
  }

  /**
   * Arguments: its name, port of MQTT, port of the cluster, addresses of the cluster's nodes, its
   * data directory, {@link Promise}, the host of all its addresses, port of HTTP, then limits
   * ({@code KEY=VALUE}) and names of safeguards that it is to do without. The node of the first
   * address is the founder, node-1.
   */
  public static void main(String[] args) throws Exception {
    System.setProperty("hazelcast.logging.type", "slf4j"); // as Main does
    List<String> members = List.of(args[3].split(","));
    int peerPort = Integer.parseInt(args[2]);
    String host = args[6];
    List<String> without = new ArrayList<>(List.of(args).subList(8, args.length));
    Map<Limit, Long> limits = new EnumMap<>(Limit.class);
    limits.put(Limit.QUEUE_MESSAGES, 10_000_000L);
    limits.put(Limit.QUEUE_BYTES, 1_073_741_824L);
    for (Limit limit : Limit.values()) {
      String named = limit.key() + "=";
      without.stream()
          .filter(one -> one.startsWith(named))
          .forEach(one -> limits.put(limit, Long.parseLong(one.substring(named.length()))));
    }
    without.removeIf(one -> one.contains("="));
    Set<Safeguard> ofBroker = EnumSet.noneOf(Safeguard.class);
    for (Safeguard one : Safeguard.values()) {
      if (without.remove(one.name())) {
        ofBroker.add(one);
      }
    }
    Settings.Cluster cluster =
        members.size() == 1
            ? Settings.Cluster.single()
            : new Settings.Cluster(
                true,
                "kill-" + args[3].hashCode(),
                new Settings.Address(host, peerPort),
                0,
                members,
                Optional.empty(),
                Optional.of(
                    new Settings.Replication(
                        new Settings.Address(host, 0),
                        "node-1",
                        Math.min(3, members.size()),
                        Optional.empty())));
    Settings settings =
        new Settings(
            args[0],
            Profile.OPEN,
            List.of(
                new Settings.Listener(
                    Settings.Protocol.MQTT,
                    new Settings.Address(host, Integer.parseInt(args[1])),
                    Optional.empty(),
                    Optional.empty(),
                    "/mqtt",
                    List.of("mqtt"))),
            new Settings.Address(host, Integer.parseInt(args[7])),
            cluster,
            Optional.empty(),
            true,
            0,
            new Limits(Profile.OPEN, limits));
    Promise promise = Promise.valueOf(args[5].toUpperCase(Locale.ROOT));
    if (promise != Promise.MEMORY) {
      settings = settings.with(Settings.Storage.in(Path.of(args[4])));
    }
    BiFunction<Settings, StoreMeters, Store> stores =
        promise == Promise.EARLY
            ? EarlyStore::open
            : (of, meters) -> EarlyStore.without(without, of, meters);
    Node.start(settings, List.of(), stores, ofBroker)
        .toCompletionStage()
        .toCompletableFuture()
        .get(START_SECONDS, TimeUnit.SECONDS);
  }
}
