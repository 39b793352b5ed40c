package io.busbar.chaos;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;

/** One run: brokers up, sessions made, then publishing, killing and draining in turn. */
final class Run implements AutoCloseable {
  private static final int TOPICS_EACH = 2;
  private static final int START_SECONDS = 120;

  /** One of so many kills is followed by another while the process starts. */
  private static final int KILL_WHILE_STARTING_EVERY = 6;

  private static final int LONGEST_START_MILLIS = 1_000;

  /** Nothing more may come for so long before all is taken to have come. */
  private static final long QUIET_NANOS = TimeUnit.SECONDS.toNanos(1);

  private static final long LOOK_EVERY_NANOS = TimeUnit.MILLISECONDS.toNanos(5);

  private final Plan plan;
  private final Random random;
  private final Loop loop;
  private final List<Target> targets = new ArrayList<>();
  private final List<Sent> sent = new ArrayList<>();
  private final List<Publisher> publishers = new ArrayList<>();
  private final List<Subscriber> subscribers = new ArrayList<>();
  private final List<Long> restartMillis = new ArrayList<>();
  private final List<Long> outageMillis = new ArrayList<>();
  private int kills;
  private int killsOfAll;
  private int pauses;
  private int unsettled;

  Run(Plan plan, Path folder) throws IOException {
    this.plan = plan;
    random = new Random(plan.seed());
    loop = new Loop();
    List<Integer> ports = freePorts(2 * plan.nodes());
    List<Integer> peers = ports.subList(plan.nodes(), ports.size());
    String members = String.join(",", peers.stream().map(port -> "127.0.0.1:" + port).toList());
    Optional<Power> power =
        plan.power().isPresent()
            ? Optional.of(new Power(folder, plan.power().get()))
            : Optional.empty();
    for (int i = 0; i < plan.nodes(); i++) {
      String name = "node-" + (i + 1);
      String command =
          plan.start()
              .replace("{node}", name)
              .replace("{port}", String.valueOf(ports.get(i)))
              .replace("{peer}", String.valueOf(peers.get(i)))
              .replace("{peers}", members)
              .replace("{data}", folder.resolve(name).toString());
      targets.add(new Target(name, command, ports.get(i), folder, power));
    }
    clients();
  }

  private void clients() {
    List<InetSocketAddress> nodes = targets.stream().map(Target::address).toList();
    long id = random.nextLong();
    for (int i = 0; i < plan.publishers(); i++) {
      int first = sent.size();
      for (int topic = 0; topic < TOPICS_EACH; topic++) {
        sent.add(new Sent("kill/%d/%d".formatted(i, topic), 1 + i % 2));
      }
      Rate rate = new Rate(plan.rate() / plan.publishers());
      List<Sent> own = List.copyOf(sent.subList(first, sent.size()));
      publishers.add(
          new Publisher(loop, "kill-pub-" + i, nodes, i, id, first, own, plan.window(), rate));
    }
    for (Subscriber.Habit habit : Subscriber.Habit.values()) {
      int number = subscribers.size();
      subscribers.add(
          new Subscriber(loop, habit, nodes, number, id, List.copyOf(sent), random.nextLong()));
    }
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
    on(
        () -> {
          publishers.forEach(loop::add);
          subscribers.forEach(loop::add);
          subscribers.forEach(Client::come);
          publishers.forEach(Client::come);
        });
    until("all sessions are there", this::isAssembled);
    do {
      on(
          () -> {
            subscribers.forEach(Subscriber::disperse);
            publishers.forEach(publisher -> publisher.publish(true));
          });
      awaitAnswers();
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
      drain();
    } while (kills < plan.kills());
    return loop.call(() -> result(System.nanoTime() - began));
  }

  private boolean isAssembled() {
    return subscribers.stream().allMatch(Subscriber::isListening)
        && publishers.stream().allMatch(Client::isOpen);
  }

  /** Lets messages flow for a random while. */
  private void calm() {
    elapse(random.nextInt(plan.calm()));
  }

  /** Kills one node or all and starts it again, waits for it and for the first answers. */
  private void strike() throws IOException {
    boolean all = plan.allEvery() > 0 && (kills + 1) % plan.allEvery() == 0;
    List<Target> struck = all ? targets : List.of(targets.get(random.nextInt(targets.size())));
    long killed = System.nanoTime();
    kill(struck);
    killsOfAll += all && targets.size() > 1 ? 1 : 0;
    while (kills < plan.kills() && random.nextInt(KILL_WHILE_STARTING_EVERY) == 0) {
      elapse(random.nextInt(LONGEST_START_MILLIS));
      kill(struck);
    }
    if (struck.size() < targets.size()) {
      // the others serve meanwhile
      awaitAnswers();
      outageMillis.add(TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - killed));
    }
    for (Target target : struck) {
      target.awaitReady(START_SECONDS);
    }
    restartMillis.add(TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - killed));
    if (struck.size() == targets.size()) {
      awaitAnswers();
      outageMillis.add(TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - killed));
    }
  }

  /** Stops a node for a while, as a machine does that has no time for it; then it goes on. */
  private void pause() throws IOException {
    Target target = targets.get(random.nextInt(targets.size()));
    pauses++;
    target.signal("STOP");
    elapse(random.nextInt(plan.pause()));
    target.signal("CONT");
    target.awaitBack(START_SECONDS);
    awaitAnswers();
  }

  private void kill(List<Target> struck) throws IOException {
    kills++;
    for (Target target : struck) {
      target.kill();
    }
    for (Target target : struck) {
      target.start();
    }
  }

  private void awaitAnswers() {
    List<Long> before = loop.call(() -> publishers.stream().map(Publisher::answers).toList());
    until(
        "each publisher has an answer",
        () -> {
          for (int i = 0; i < before.size(); i++) {
            if (publishers.get(i).answers() == before.get(i)) {
              return false;
            }
          }
          return true;
        });
  }

  /** Publishing ends for now; all sessions come and get what is theirs. */
  private void drain() {
    on(
        () -> {
          publishers.forEach(publisher -> publisher.publish(false));
          subscribers.forEach(Subscriber::gather);
        });
    LongSupplier progress =
        () ->
            publishers.stream().mapToLong(Publisher::answers).sum()
                + subscribers.stream().mapToLong(Subscriber::arrivals).sum();
    whileProgress(progress, TimeUnit.SECONDS.toNanos(plan.patience()), this::isDrained);
    whileProgress(progress, QUIET_NANOS, () -> false);
    unsettled = loop.call(() -> publishers.stream().mapToInt(Publisher::unsettled).sum());
  }

  private boolean isDrained() {
    return isAssembled()
        && publishers.stream().allMatch(Publisher::isSettled)
        && subscribers.stream().allMatch(this::hasAll);
  }

  private boolean hasAll(Subscriber subscriber) {
    for (int i = 0; i < sent.size(); i++) {
      if (!subscriber.heard().get(i).hasAll(sent.get(i).acknowledged())) {
        return false;
      }
    }
    return true;
  }

  private Result result(long nanos) {
    List<Oracle.Listener> listeners =
        subscribers.stream()
            .map(
                one ->
                    new Oracle.Listener(
                        one.habit.name().toLowerCase(Locale.ROOT),
                        one.heard(),
                        one.foreigners(),
                        one.foreign(),
                        one.sessionsLost()))
            .toList();
    int sessionsLost = publishers.stream().mapToInt(Client::sessionsLost).sum();
    List<String> foreign = publishers.stream().flatMap(one -> one.foreign().stream()).toList();
    return new Result(
        plan,
        Oracle.judge(sent, listeners, sessionsLost, foreign),
        kills,
        killsOfAll,
        pauses,
        restartMillis,
        outageMillis,
        sent.stream().mapToLong(Sent::refusals).sum(),
        publishers.stream().mapToLong(Publisher::abandoned).sum(),
        unsettled,
        publishers.stream().mapToLong(Publisher::unknownIds).sum(),
        TimeUnit.NANOSECONDS.toMillis(nanos));
  }

  // --- waiting ---

  private void on(Runnable task) {
    loop.call(
        () -> {
          task.run();
          return null;
        });
  }

  private void until(String what, BooleanSupplier condition) {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(START_SECONDS);
    while (!loop.call(condition::getAsBoolean)) {
      if (System.nanoTime() > deadline) {
        throw new KillException("not within %d s: %s".formatted(START_SECONDS, what));
      }
      LockSupport.parkNanos(LOOK_EVERY_NANOS);
    }
  }

  /** Waits until the condition holds, or there was no progress for a time. */
  private void whileProgress(LongSupplier progress, long nanos, BooleanSupplier condition) {
    long last = -1;
    long since = System.nanoTime();
    while (!loop.call(condition::getAsBoolean)) {
      long now = loop.call(progress::getAsLong);
      if (now != last) {
        last = now;
        since = System.nanoTime();
      } else if (System.nanoTime() - since > nanos) {
        return;
      }
      LockSupport.parkNanos(10 * LOOK_EVERY_NANOS);
    }
  }

  /** Lets time pass: when a kill comes is the randomness of this test. */
  private static void elapse(long millis) {
    long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
    for (long left = end - System.nanoTime(); left > 0; left = end - System.nanoTime()) {
      LockSupport.parkNanos(left);
    }
  }

  @Override
  public void close() throws IOException {
    loop.close();
    for (Target target : targets) {
      target.stop();
    }
  }
}
