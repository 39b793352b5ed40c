package io.busbar.chaos;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * One run of three nodes with hundreds of clients, while one thing after another goes wrong. Each
 * has ended, and the store has all its voters again, before the next one begins: so no more than
 * one node at a time is not as it should be, which is what the promise is about.
 */
final class Storm implements AutoCloseable {
  static final int NODES = 3;
  private static final int MQTT = 1883;
  private static final int HTTP = 8080;
  private static final int PEER = 5701;
  private static final int STOP_SECONDS = 15;
  private static final int WINDOW = 20;
  private static final double LIVE_RATE = 20;

  /** Longer than any trouble: such a device is still there when its node comes to itself. */
  private static final int LIVE_PATIENCE = 40;

  /** How often everything is looked at. */
  private static final long LOOK_MILLIS = 200;

  private static final long CYCLE = TimeUnit.SECONDS.toNanos(60);

  /** What goes wrong. */
  enum Trouble {
    /** SIGKILL. */
    KILL(2_000),
    /** SIGTERM, and the process ends in order. */
    STOP(2_000),
    /** SIGSTOP and, later, SIGCONT. */
    PAUSE(20_000),
    /** A node and the others hear nothing of each other; clients reach it. */
    CUT_OFF(25_000),
    /** What a node sends to the others gets lost. */
    DUMB(20_000),
    /** What the others send to a node gets lost. */
    DEAF(20_000),
    /** Two nodes hear nothing of each other; the third one hears both. */
    CUT_PAIR(20_000),
    /** The disk is empty when the node starts again. */
    WIPE(2_000),
    /** A fourth node comes, with an empty disk or its old one, and goes again with SIGTERM. */
    JOIN(20_000);

    private final int mostMillis;

    Trouble(int mostMillis) {
      this.mostMillis = mostMillis;
    }
  }

  /**
   * What is to be done.
   *
   * @param command of a node, as {@link Kill#busbar} gives it
   * @param without names of safeguards that the nodes do without
   */
  record Orders(
      String command,
      List<String> without,
      long seed,
      int seconds,
      int publishers,
      int visitors,
      int willed,
      double rate,
      int patience,
      List<Trouble> troubles) {}

  private final Orders orders;
  private final Random random;
  private final Network network;

  /** The nodes that run, or are to. */
  private final List<Target> targets = new ArrayList<>();

  private final Target newcomer;
  private final Crowd crowd;
  private final List<Visitor> visitors = new ArrayList<>();
  private final List<Willed> willed = new ArrayList<>();
  private final Map<Trouble, Integer> counts = new EnumMap<>(Trouble.class);
  private final List<Long> caughtUpMillis = new ArrayList<>();
  private final HttpClient http =
      HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(1)).build();
  private final Consumer<String> told;
  private final long began = System.nanoTime();
  private int restarts;

  /** What a run came to. */
  record Outcome(
      Oracle.Verdict verdict,
      Map<Trouble, Integer> counts,
      List<Long> caughtUpMillis,
      int restarts,
      int unsettled,
      long refused,
      long stays,
      long wills,
      long millis) {
    boolean isClean() {
      return verdict.isClean() && unsettled == 0;
    }
  }

  /**
   * A run that has not begun.
   *
   * @param told hears how it goes on
   */
  Storm(Orders orders, Path folder, Consumer<String> told) throws IOException {
    this.orders = orders;
    this.told = told;
    random = new Random(orders.seed());
    network = new Network(NODES + 1);
    List<String> members = new ArrayList<>();
    for (int i = 0; i <= NODES; i++) {
      members.add(network.host(i) + ":" + PEER);
    }
    for (int i = 0; i <= NODES; i++) {
      String name = "node-" + (i + 1);
      String command =
          orders
                  .command()
                  .replaceFirst("^exec ", "exec " + network.prefix(i) + " ")
                  .replace("{node}", name)
                  .replace("{port}", String.valueOf(MQTT))
                  .replace("{peer}", String.valueOf(PEER))
                  .replace("{peers}", String.join(",", members))
                  .replace("{data}", folder.resolve(name).toString())
                  .replace("{host}", network.host(i))
                  .replace("{http}", String.valueOf(HTTP))
              + " "
              + String.join(" ", orders.without());
      targets.add(new Target(name, command, network.address(i, MQTT), folder, Optional.empty()));
    }
    newcomer = targets.remove(NODES);
    List<InetSocketAddress> nodes = targets.stream().map(Target::address).toList();
    List<InetSocketAddress> all = new ArrayList<>(nodes);
    all.add(newcomer.address());
    crowd = new Crowd(random, nodes, orders.publishers(), WINDOW, orders.rate(), true);
    for (int i = 0; i < NODES; i++) {
      // nobody but visitors hears these: no log knows what became of them
      crowd.publisher(List.of(new Sent("live/" + i, 1)), WINDOW, LIVE_RATE).patience(LIVE_PATIENCE);
    }
    int streams = crowd.sent.size();
    for (int i = 0; i < orders.willed(); i++) {
      Sent wills = new Sent(Sent.WILLS + i, 2);
      willed.add(
          new Willed(
              crowd.loop,
              "will-" + i,
              nodes,
              i,
              crowd.run,
              crowd.sent.size(),
              wills,
              random.nextLong()));
      crowd.sent.add(wills);
    }
    for (Subscriber.Habit habit : Subscriber.Habit.values()) {
      crowd.subscriber(habit, Subscriber.FILTER);
    }
    for (int i = 0; i < NODES; i++) {
      crowd.subscriber(
          i == 0 ? Subscriber.Habit.ONLINE : Subscriber.Habit.RECONNECTING,
          "$share/some/" + Subscriber.FILTER);
    }
    for (int i = 0; i < orders.visitors(); i++) {
      // a third of them hear what nobody else does
      int of = i % 3 == 0 ? streams - 1 - i / 3 % NODES : i % streams;
      visitors.add(
          new Visitor(
              crowd.loop,
              "visitor-" + i,
              all,
              i,
              crowd.run,
              crowd.sent.get(of),
              of,
              random.nextLong()));
    }
  }

  Outcome run() throws IOException {
    for (Target target : targets) {
      target.start();
    }
    awaitCaughtUp();
    crowd.arrive();
    crowd.on(
        () -> {
          visitors.forEach(crowd.loop::add);
          willed.forEach(crowd.loop::add);
          visitors.forEach(Client::come);
          willed.forEach(Client::come);
        });
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(orders.seconds());
    List<String> differences = new ArrayList<>();
    while (System.nanoTime() < end) {
      crowd.publish();
      crowd.on(() -> willed.forEach(one -> one.roam(true)));
      crowd.awaitAnswers();
      long cycle = Math.min(end, System.nanoTime() + CYCLE);
      while (System.nanoTime() < cycle) {
        letGo(500 + random.nextInt(2_500));
        trouble();
        long since = System.nanoTime();
        awaitCaughtUp();
        caughtUpMillis.add(TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - since));
        crowd.awaitAnswers();
      }
      crowd.on(() -> willed.forEach(one -> one.roam(false)));
      crowd.until("all devices are there", () -> willed.stream().allMatch(Client::isOpen));
      crowd.drain(orders.patience());
      differences.addAll(differences());
    }
    return crowd.loop.call(() -> outcome(differences));
  }

  // --- what goes wrong ---

  private void trouble() throws IOException {
    Trouble trouble = orders.troubles().get(random.nextInt(orders.troubles().size()));
    int node = random.nextInt(NODES);
    long millis = random.nextInt(trouble.mostMillis);
    counts.merge(trouble, 1, Integer::sum);
    told.accept(
        "%6.1f s: %s of node-%d for %d ms"
            .formatted((System.nanoTime() - began) / 1e9, trouble, node + 1, millis));
    Target target = targets.get(node);
    switch (trouble) {
      case KILL, WIPE -> {
        target.kill();
        if (trouble == Trouble.WIPE) {
          target.wipe();
        }
        Crowd.elapse(millis);
        target.start();
      }
      case STOP -> {
        target.terminate(STOP_SECONDS);
        Crowd.elapse(millis);
        target.start();
      }
      case JOIN -> {
        if (random.nextBoolean()) {
          newcomer.wipe();
        }
        newcomer.start();
        targets.add(newcomer);
        awaitCaughtUp();
        letGo(millis);
        targets.remove(newcomer);
        newcomer.terminate(STOP_SECONDS);
      }
      case PAUSE -> {
        target.signal("STOP");
        letGo(millis);
        target.signal("CONT");
      }
      default -> cut(trouble, node, millis);
    }
  }

  private void cut(Trouble trouble, int node, long millis) throws IOException {
    List<int[]> links = new ArrayList<>();
    for (int i = 1; i < (trouble == Trouble.CUT_PAIR ? 2 : NODES); i++) {
      int other = (node + i) % NODES;
      if (trouble != Trouble.DEAF) {
        links.add(new int[] {node, other});
      }
      if (trouble != Trouble.DUMB) {
        links.add(new int[] {other, node});
      }
    }
    for (int[] link : links) {
      network.cut(link[0], link[1]);
    }
    letGo(millis);
    for (int[] link : links) {
      network.mend(link[0], link[1]);
    }
  }

  /** Lets time pass; a node that gives itself up is started again. */
  private void letGo(long millis) throws IOException {
    long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
    while (System.nanoTime() < end) {
      supervise();
      long left = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
      Crowd.elapse(Math.max(0, Math.min(left, LOOK_MILLIS)));
    }
  }

  private void supervise() throws IOException {
    for (Target target : targets) {
      if (target.supervise()) {
        restarts++;
      }
    }
  }

  /** Until all nodes are there, let clients in, and vote. */
  private void awaitCaughtUp() throws IOException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(Crowd.PATIENCE_SECONDS);
    while (true) {
      supervise();
      boolean isWhole = true;
      for (int i = 0; i < targets.size() && isWhole; i++) {
        String metrics = metrics(i);
        isWhole =
            metrics.contains("\nbusbar_nodes %d.0".formatted(targets.size()))
                && metrics.contains("\nbusbar_store_voters 3.0")
                && metrics.contains("\nbusbar_store_serves 1.0")
                && targets.get(i).letsIn();
      }
      if (isWhole) {
        return;
      }
      if (System.nanoTime() > deadline) {
        throw new KillException(
            "the nodes are not whole again within %d s".formatted(Crowd.PATIENCE_SECONDS));
      }
      Crowd.elapse(LOOK_MILLIS);
    }
  }

  private String metrics(int node) {
    try {
      return http.send(
              HttpRequest.newBuilder(
                      URI.create("http://%s:%d/metrics".formatted(network.host(node), HTTP)))
                  .timeout(Duration.ofSeconds(2))
                  .build(),
              BodyHandlers.ofString())
          .body();
    } catch (IOException e) {
      return ""; // not yet
    } catch (InterruptedException e) {
      throw new KillException("interrupted", e);
    }
  }

  // --- what came of it ---

  /** All is settled: each node has the same retained messages, the last that were sent. */
  private List<String> differences() {
    List<RetainedReader> readers = new ArrayList<>();
    crowd.on(
        () -> {
          for (Target target : targets) {
            RetainedReader reader =
                new RetainedReader(
                    crowd.loop, "reader-" + target.name(), target.address(), crowd.run);
            readers.add(reader);
            crowd.loop.add(reader);
            reader.come();
          }
        });
    long expected = crowd.sent.stream().filter(one -> one.isRetained && one.count() > 0).count();
    crowd.whileProgress(
        () -> readers.stream().mapToLong(one -> one.found().size()).sum(),
        TimeUnit.SECONDS.toNanos(5),
        () -> readers.stream().allMatch(one -> one.found().size() >= expected));
    List<String> different = new ArrayList<>();
    crowd.on(
        () -> {
          for (RetainedReader reader : readers) {
            for (int i = 0; i < crowd.sent.size(); i++) {
              Sent stream = crowd.sent.get(i);
              int last = stream.acknowledged().length() - 1;
              Integer found = reader.found().get(i);
              boolean isWrong = stream.isRetained && last >= 0 && (found == null || found < last);
              if (isWrong) {
                different.add(
                    "%s: %s has %s, and %d was acknowledged"
                        .formatted(reader.id, stream.topic, found, last));
              } else if (stream.isRetained
                  && !Objects.equals(found, readers.get(0).found().get(i))) {
                different.add(
                    "%s: %s has %s, and %s has %s"
                        .formatted(
                            stream.topic,
                            reader.id,
                            found,
                            readers.get(0).id,
                            readers.get(0).found().get(i)));
              }
            }
            reader.leave(true);
            crowd.loop.remove(reader);
          }
        });
    return different;
  }

  private Outcome outcome(List<String> differences) {
    List<Publisher> publishers = crowd.publishers;
    List<String> foreign = publishers.stream().flatMap(one -> one.foreign().stream()).toList();
    List<Oracle.Listener> listeners = new ArrayList<>(crowd.listeners());
    List<Subscriber> sharing = crowd.subscribers.stream().filter(one -> !one.getsAll()).toList();
    listeners.add(Oracle.together("share", sharing, crowd.sent.size()));
    Oracle.Verdict verdict =
        Oracle.judge(
            crowd.sent,
            listeners,
            visitors,
            differences,
            publishers.stream().mapToInt(Client::sessionsLost).sum(),
            foreign,
            System.nanoTime());
    return new Outcome(
        verdict,
        counts,
        caughtUpMillis,
        restarts,
        crowd.unsettled(),
        crowd.sent.stream().mapToLong(Sent::refusals).sum(),
        visitors.stream().mapToLong(one -> one.stays().size()).sum(),
        crowd.sent.stream()
            .filter(one -> one.isOfConnections)
            .mapToLong(one -> one.acknowledged().cardinality())
            .sum(),
        TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - began));
  }

  /** This process ends before the run does: no node is left behind. */
  void abandon() {
    targets.forEach(Target::abandon);
    newcomer.abandon();
  }

  @Override
  public void close() throws IOException {
    crowd.close();
    for (Target target : targets) {
      target.stop();
    }
    newcomer.stop();
    network.close();
  }
}
