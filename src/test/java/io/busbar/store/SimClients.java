package io.busbar.store;

import io.busbar.shard.Command;
import io.busbar.shard.Delivery;
import io.busbar.shard.Location;
import io.busbar.shard.Outcome;
import io.busbar.shard.StoredSubscription;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Publishers at all nodes and a stored session in each group that is to get everything. Their own
 * records say what must be there in the end: each message that was acknowledged, once, and each
 * publisher's in order.
 */
final class SimClients {
  private static final String SESSION = "receiver";
  private static final int MOST_OPEN = 3;

  private final SimCluster cluster;

  /** Publishers by group: one for each life of a node, since what it had open may be lost. */
  private final List<List<Publisher>> publishers = new ArrayList<>();

  private final boolean[] isReady;
  private boolean isStopped;

  /** A publisher to one group at one life of a node. */
  private final class Publisher {
    final int id;
    final int group;
    final SimNode node;
    final Replicas at;
    final List<Boolean> acked = new ArrayList<>();
    int open;
    int answered;
    int answeredBefore;

    Publisher(int id, int group, SimNode node) {
      this.id = id;
      this.group = group;
      this.node = node;
      this.at = node.replicas();
    }

    boolean isLive() {
      return node.isUp() && node.replicas() == at;
    }

    void publish() {
      if (!isLive() || isStopped) {
        return;
      }
      if (open < MOST_OPEN) {
        int number = acked.size();
        acked.add(false);
        open++;
        Command publish = new Command.Publish(packet(id, number), null, true, List.of());
        at.append(
            group,
            List.of(publish),
            64,
            appended -> {
              open--;
              answered++;
              if (appended instanceof Appended.Outcomes it) {
                if (!it.outcomes().equals(List.of(new Outcome.Published(1)))) {
                  throw cluster.fail("publish came to " + it);
                }
                acked.set(number, true);
              }
            });
      }
      cluster.after(cluster.upTo(40 * SimCluster.MILLISECOND), this::publish);
    }
  }

  SimClients(SimCluster cluster) {
    this.cluster = cluster;
    this.isReady = new boolean[cluster.groups];
    for (int group = 0; group < cluster.groups; group++) {
      publishers.add(new ArrayList<>());
    }
  }

  /** Stores the sessions; then publishers begin at all nodes. */
  void begin() {
    SimNode node = cluster.nodes.get(0);
    for (int i = 0; i < cluster.groups; i++) {
      int group = i;
      open(
          node,
          group,
          opened -> {
            Command subscribe =
                new Command.Subscribe(
                    SESSION,
                    opened.epoch(),
                    List.of(
                        new StoredSubscription("t/#", null, bytes("t/#"), 1, false, false, 0, 0)));
            Command close = new Command.Close(SESSION, opened.epoch(), -1, true, 0);
            node.replicas()
                .append(
                    group,
                    List.of(subscribe, close),
                    100,
                    appended -> {
                      isReady[group] = true;
                      cluster.nodes.forEach(one -> join(one, group));
                    });
          });
    }
  }

  private void open(SimNode node, int group, java.util.function.Consumer<Outcome.Opened> then) {
    Command open =
        new Command.Open(
            SESSION, "", false, 100_000, null, new Location(node.self.id(), 0, 1), 65_535);
    node.replicas()
        .append(
            group,
            List.of(open),
            100,
            appended -> {
              if (!(appended instanceof Appended.Outcomes it)) {
                throw cluster.fail("open came to " + appended);
              }
              then.accept((Outcome.Opened) it.outcomes().get(0));
            });
  }

  boolean isReady() {
    for (boolean one : isReady) {
      if (!one) {
        return false;
      }
    }
    return true;
  }

  /** A node's process is there: publishers connect to it. */
  void joined(SimNode node) {
    for (int group = 0; group < cluster.groups; group++) {
      if (isReady[group]) {
        join(node, group);
      }
    }
  }

  private void join(SimNode node, int group) {
    if (node.isUp()) {
      List<Publisher> all = publishers.get(group);
      Publisher publisher = new Publisher(all.size(), group, node);
      all.add(publisher);
      publisher.publish();
    }
  }

  void stop() {
    isStopped = true;
  }

  /** From here on {@link #goOn} counts. */
  void mark() {
    publishers.stream()
        .flatMap(List::stream)
        .forEach(publisher -> publisher.answeredBefore = publisher.answered);
  }

  /** Whether each publisher at a live node has an answer to something it sent since the mark. */
  boolean goOn() {
    return publishers.stream()
        .flatMap(List::stream)
        .noneMatch(one -> one.isLive() && one.answered <= one.answeredBefore + MOST_OPEN);
  }

  /** Whether everything that live nodes have open is answered. */
  boolean isQuiet() {
    return publishers.stream()
        .flatMap(List::stream)
        .noneMatch(publisher -> publisher.isLive() && publisher.open > 0);
  }

  int acknowledged() {
    return (int)
        publishers.stream()
            .flatMap(List::stream)
            .flatMap(publisher -> publisher.acked.stream())
            .filter(acked -> acked)
            .count();
  }

  // --- the judgement ---

  private final Map<Integer, Long> epochs = new HashMap<>();

  /** Opens the sessions, so that all replicas can be read. */
  void openAll() {
    for (int i = 0; i < cluster.groups; i++) {
      int group = i;
      open(cluster.anyNode(), group, opened -> epochs.put(group, opened.epoch()));
    }
  }

  boolean areOpen() {
    return epochs.size() == cluster.groups;
  }

  /** Compares what a replica holds with the publishers' records. */
  void judge(SimNode node, int group) {
    List<Delivery> inbox =
        node.replica(group)
            .machine()
            .group()
            .inbox(SESSION, epochs.get(group), 0, Integer.MAX_VALUE);
    List<Publisher> all = publishers.get(group);
    int[] last = new int[all.size()];
    java.util.Arrays.fill(last, -1);
    Set<Long> seen = new HashSet<>();
    for (Delivery delivery : inbox) {
      ByteBuffer payload = ByteBuffer.wrap(delivery.packet());
      payload.position(payload.limit() - 8);
      int id = payload.getInt();
      int number = payload.getInt();
      String what =
          "group %d at %s: message %d of publisher %d".formatted(group, node.self, number, id);
      if (id >= all.size() || number >= all.get(id).acked.size()) {
        throw cluster.fail(what + " was never sent");
      }
      if (!seen.add((long) id << 32 | number)) {
        throw cluster.fail(what + " is there twice");
      }
      if (number <= last[id]) {
        throw cluster.fail(what + " comes after " + last[id]);
      }
      last[id] = number;
    }
    for (Publisher publisher : all) {
      for (int number = 0; number < publisher.acked.size(); number++) {
        if (publisher.acked.get(number) && !seen.contains((long) publisher.id << 32 | number)) {
          throw cluster.fail(
              "group %d at %s: message %d of publisher %d was acknowledged and is lost"
                  .formatted(group, node.self, number, publisher.id));
        }
      }
    }
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /** An MQTT 5 PUBLISH of QoS 1 to t/p, its payload publisher and number. */
  private static byte[] packet(int publisher, int number) {
    byte[] topic = bytes("t/p");
    int length = 2 + topic.length + 2 + 1 + 8;
    return ByteBuffer.allocate(2 + length)
        .put((byte) 0x32)
        .put((byte) length)
        .putShort((short) topic.length)
        .put(topic)
        .putShort((short) 0)
        .put((byte) 0)
        .putInt(publisher)
        .putInt(number)
        .array();
  }
}
