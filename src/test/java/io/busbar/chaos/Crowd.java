package io.busbar.chaos;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;

/** The clients of a run: publishers, and durable sessions that are to get everything. */
final class Crowd implements AutoCloseable {
  private static final int TOPICS_EACH = 2;

  /** How long is waited for what must come. */
  static final int PATIENCE_SECONDS = 120;

  /** Nothing more may come for so long before all is taken to have come. */
  private static final long QUIET_NANOS = TimeUnit.SECONDS.toNanos(1);

  private static final long LOOK_EVERY_NANOS = TimeUnit.MILLISECONDS.toNanos(5);

  final Loop loop;
  final List<Sent> sent = new ArrayList<>();
  final List<Publisher> publishers = new ArrayList<>();
  final List<Subscriber> subscribers = new ArrayList<>();
  final long run;
  private final Random random;
  private final List<InetSocketAddress> nodes;
  private int unsettled;

  /**
   * Clients that are not connected yet.
   *
   * @param rate of all publishers, messages a second; 0 for no limit
   * @param retains whether the messages of each second topic are retained
   */
  Crowd(
      Random random,
      List<InetSocketAddress> nodes,
      int publishers,
      int window,
      double rate,
      boolean retains)
      throws IOException {
    this.random = random;
    this.nodes = nodes;
    loop = new Loop();
    run = random.nextLong();
    for (int i = 0; i < publishers; i++) {
      List<Sent> streams = new ArrayList<>();
      for (int topic = 0; topic < TOPICS_EACH; topic++) {
        streams.add(new Sent("kill/%d/%d".formatted(i, topic), 1 + i % 2, retains && topic == 1));
      }
      publisher(streams, window, rate / publishers);
    }
  }

  /** One more publisher, of streams of one QoS. */
  Publisher publisher(List<Sent> streams, int window, double rate) {
    int number = publishers.size();
    Publisher one =
        new Publisher(
            loop,
            "kill-pub-" + number,
            nodes,
            number,
            run,
            sent.size(),
            List.copyOf(streams),
            window,
            new Rate(rate));
    publishers.add(one);
    sent.addAll(streams);
    return one;
  }

  /** A session that is to get all that was sent; to be called when all streams are there. */
  Subscriber subscriber(Subscriber.Habit habit, String filter) {
    Subscriber one =
        new Subscriber(
            loop,
            habit,
            filter,
            nodes,
            subscribers.size(),
            run,
            List.copyOf(sent),
            random.nextLong());
    subscribers.add(one);
    return one;
  }

  /** All come, and have their sessions when this returns. */
  void arrive() {
    on(
        () -> {
          publishers.forEach(loop::add);
          subscribers.forEach(loop::add);
          subscribers.forEach(Client::come);
          publishers.forEach(Client::come);
        });
    until("all sessions are there", this::isAssembled);
  }

  /** Messages begin to flow, until {@link #drain}. */
  void publish() {
    on(
        () -> {
          subscribers.forEach(Subscriber::disperse);
          publishers.forEach(publisher -> publisher.publish(true));
        });
  }

  private boolean isAssembled() {
    return subscribers.stream().allMatch(Subscriber::isListening)
        && publishers.stream().allMatch(Client::isOpen);
  }

  void awaitAnswers() {
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

  /**
   * Publishing ends for now; all sessions come and get what is theirs.
   *
   * @param patience seconds without progress, then what is missing is lost
   */
  void drain(int patience) {
    on(
        () -> {
          publishers.forEach(publisher -> publisher.publish(false));
          subscribers.forEach(Subscriber::gather);
        });
    LongSupplier progress =
        () ->
            publishers.stream().mapToLong(Publisher::answers).sum()
                + subscribers.stream().mapToLong(Subscriber::arrivals).sum();
    whileProgress(progress, TimeUnit.SECONDS.toNanos(patience), this::isDrained);
    whileProgress(progress, QUIET_NANOS, () -> false);
    unsettled = loop.call(() -> publishers.stream().mapToInt(Publisher::unsettled).sum());
  }

  /** Messages whose exchange did not end in the last drain. */
  int unsettled() {
    return unsettled;
  }

  private boolean isDrained() {
    return isAssembled()
        && publishers.stream().allMatch(Publisher::isSettled)
        && subscribers.stream().filter(Subscriber::getsAll).allMatch(this::hasAll);
  }

  private boolean hasAll(Subscriber subscriber) {
    for (int i = 0; i < sent.size(); i++) {
      boolean isMissing =
          sent.get(i).isKept && !subscriber.heard().get(i).hasAll(sent.get(i).acknowledged());
      if (isMissing) {
        return false;
      }
    }
    return true;
  }

  /** The records of those that are to have got everything. */
  List<Oracle.Listener> listeners() {
    return subscribers.stream()
        .filter(Subscriber::getsAll)
        .map(
            one ->
                new Oracle.Listener(
                    one.habit.name().toLowerCase(Locale.ROOT),
                    true,
                    one.heard(),
                    one.foreigners(),
                    one.foreign(),
                    one.sessionsLost()))
        .toList();
  }

  // --- waiting ---

  void on(Runnable task) {
    loop.call(
        () -> {
          task.run();
          return null;
        });
  }

  void until(String what, BooleanSupplier condition) {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
    while (!loop.call(condition::getAsBoolean)) {
      if (System.nanoTime() > deadline) {
        throw new KillException("not within %d s: %s".formatted(PATIENCE_SECONDS, what));
      }
      LockSupport.parkNanos(LOOK_EVERY_NANOS);
    }
  }

  /** Waits until the condition holds, or there was no progress for a time. */
  void whileProgress(LongSupplier progress, long nanos, BooleanSupplier condition) {
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

  /** Lets time pass: when something comes is the randomness of these tests. */
  static void elapse(long millis) {
    long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
    for (long left = end - System.nanoTime(); left > 0; left = end - System.nanoTime()) {
      LockSupport.parkNanos(left);
    }
  }

  @Override
  public void close() throws IOException {
    loop.close();
  }
}
