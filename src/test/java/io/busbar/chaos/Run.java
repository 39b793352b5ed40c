package io.busbar.chaos;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.TimeUnit;

/** One run: brokers up, sessions made, then publishing, killing and draining in turn. */
final class Run implements AutoCloseable {
  private static final int START_SECONDS = 120;

  /** One of so many kills is followed by another while the process starts. */
  private static final int KILL_WHILE_STARTING_EVERY = 6;

  private static final int LONGEST_START_MILLIS = 1_000;

  private final Plan plan;
  private final Random random;
  private final Crowd crowd;
  private final List<Target> targets = new ArrayList<>();

  /** What each is after its first kill. */
  private final List<String> later = new ArrayList<>();

  private final List<Long> restartMillis = new ArrayList<>();
  private final List<Long> outageMillis = new ArrayList<>();
  private int kills;
  private int killsOfAll;
  private int pauses;

  Run(Plan plan, Path folder) throws IOException {
    this.plan = plan;
    random = new Random(plan.seed());
    List<Integer> ports = freePorts(2 * plan.nodes());
    List<Integer> peers = ports.subList(plan.nodes(), ports.size());
    String members = String.join(",", peers.stream().map(port -> "127.0.0.1:" + port).toList());
    Optional<Power> power =
        plan.power().isPresent()
            ? Optional.of(new Power(folder, plan.power().get()))
            : Optional.empty();
    for (int i = 0; i < plan.nodes(); i++) {
      String name = "node-" + (i + 1);
      Map<String, String> places =
          Map.of(
              "{node}",
              name,
              "{port}",
              String.valueOf(ports.get(i)),
              "{peer}",
              String.valueOf(peers.get(i)),
              "{peers}",
              members,
              "{data}",
              folder.resolve(name).toString(),
              "{host}",
              "127.0.0.1",
              "{http}",
              "0");
      String first = fill(plan.before().orElse(plan.start()), places);
      targets.add(new Target(name, first, Target.onLoopback(ports.get(i)), folder, power));
      later.add(fill(plan.start(), places));
    }
    crowd =
        new Crowd(
            random,
            targets.stream().map(Target::address).toList(),
            plan.publishers(),
            plan.window(),
            plan.rate(),
            false);
    for (Subscriber.Habit habit : Subscriber.Habit.values()) {
      crowd.subscriber(habit, Subscriber.FILTER);
    }
  }

  private static String fill(String command, Map<String, String> places) {
    String filled = command;
    for (Map.Entry<String, String> place : places.entrySet()) {
      filled = filled.replace(place.getKey(), place.getValue());
    }
    return filled;
  }

  /** Different ones, none of which is in use now. */
  private static List<Integer> freePorts(int count) throws IOException {
    List<ServerSocket> sockets = new ArrayList<>();
    try {
      for (int i = 0; i < count; i++) {
        sockets.add(new ServerSocket(0, 1, InetAddress.getLoopbackAddress()));
      }
      return sockets.stream().map(ServerSocket::getLocalPort).toList();
    } finally {
      for (ServerSocket socket : sockets) {
        socket.close();
      }
    }
  }

  /**
   * Carries it out.
   *
   * @throws KillException if that is not possible
   */
  Result run() throws IOException {
    long began = System.nanoTime();
    for (Target target : targets) {
      target.start();
    }
    for (Target target : targets) {
      target.awaitReady(START_SECONDS);
    }
    crowd.arrive();
    do {
      crowd.publish();
      crowd.awaitAnswers();
      int end = Math.min(plan.kills(), kills + plan.drainEvery());
      calm();
      while (kills < end) {
        strike();
        calm();
        if (plan.pause() > 0) {
          pause();
          calm();
        }
      }
      crowd.drain(plan.patience());
    } while (kills < plan.kills());
    return crowd.loop.call(() -> result(System.nanoTime() - began));
  }

  /** Lets messages flow for a random while. */
  private void calm() {
    Crowd.elapse(random.nextInt(plan.calm()));
  }

  /** Kills one node or all and starts it again, waits for it and for the first answers. */
  private void strike() throws IOException {
    boolean all = plan.allEvery() > 0 && (kills + 1) % plan.allEvery() == 0;
    List<Target> struck = all ? targets : List.of(targets.get(random.nextInt(targets.size())));
    long killed = System.nanoTime();
    kill(struck);
    killsOfAll += all && targets.size() > 1 ? 1 : 0;
    while (kills < plan.kills() && random.nextInt(KILL_WHILE_STARTING_EVERY) == 0) {
      Crowd.elapse(random.nextInt(LONGEST_START_MILLIS));
      kill(struck);
    }
    if (struck.size() < targets.size()) {
      // the others serve meanwhile
      crowd.awaitAnswers();
      outageMillis.add(TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - killed));
    }
    for (Target target : struck) {
      target.awaitReady(START_SECONDS);
    }
    restartMillis.add(TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - killed));
    if (struck.size() == targets.size()) {
      crowd.awaitAnswers();
      outageMillis.add(TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - killed));
    }
  }

  /** Stops a node for a while, as a machine does that has no time for it; then it goes on. */
  private void pause() throws IOException {
    Target target = targets.get(random.nextInt(targets.size()));
    pauses++;
    target.signal("STOP");
    Crowd.elapse(random.nextInt(plan.pause()));
    target.signal("CONT");
    target.awaitBack(START_SECONDS);
    crowd.awaitAnswers();
  }

  private void kill(List<Target> struck) throws IOException {
    kills++;
    for (Target target : struck) {
      target.kill();
    }
    for (Target target : struck) {
      target.become(later.get(targets.indexOf(target)));
      target.start();
    }
  }

  private Result result(long nanos) {
    List<Publisher> publishers = crowd.publishers;
    int sessionsLost = publishers.stream().mapToInt(Client::sessionsLost).sum();
    List<String> foreign = publishers.stream().flatMap(one -> one.foreign().stream()).toList();
    return new Result(
        plan,
        Oracle.judge(crowd.sent, crowd.listeners(), sessionsLost, foreign),
        kills,
        killsOfAll,
        pauses,
        restartMillis,
        outageMillis,
        crowd.sent.stream().mapToLong(Sent::refusals).sum(),
        publishers.stream().mapToLong(Publisher::abandoned).sum(),
        crowd.unsettled(),
        publishers.stream().mapToLong(Publisher::unknownIds).sum(),
        TimeUnit.NANOSECONDS.toMillis(nanos));
  }

  @Override
  public void close() throws IOException {
    crowd.close();
    for (Target target : targets) {
      target.stop();
    }
  }
}
