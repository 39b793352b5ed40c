package io.busbar.tool.load;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * Publishes by plan, and reports what arrived. Phases: subscribers connect, publishers connect,
 * warm-up, measured window, drain.
 *
 * <p>With a rate, message <i>k</i> is due at a time fixed in advance and carries that time: a
 * broker that stalls cannot slow the schedule down and so hide the waiting it caused.
 */
final class Traffic extends Run {
  private static final long DRAIN_CHECK_NANOS = TimeUnit.MILLISECONDS.toNanos(10);
  private static final long DRAIN_STILL_NANOS = TimeUnit.SECONDS.toNanos(3);
  private static final long DRAIN_NANOS = TimeUnit.SECONDS.toNanos(30);

  /** After the last message, so that a duplicate of it is seen. */
  private static final long AFTERMATH_NANOS = TimeUnit.MILLISECONDS.toNanos(200);

  private final Plan plan;
  private final List<Target> heardAt;
  private final Stream[] streams;
  private final List<Publisher> publishers = new ArrayList<>();
  private final List<Subscriber> subscribers = new ArrayList<>();
  private final Histogram latency = new Histogram();
  private final Histogram lateness = new Histogram();

  private boolean running;
  private boolean stopped;
  private Schedule schedule;
  private long measureFrom = Long.MAX_VALUE;
  private long measureTo = Long.MAX_VALUE;
  private long nextDue;
  private long received;
  private long foreign;
  private long stalls;
  private long disconnected;
  private String firstProblem;
  private Snapshot from;
  private Snapshot to;
  private long drainStart;
  private long lastProgress;
  private long progressMark;

  private record Snapshot(long at, long sent, long received, Machine.Reading machine) {}

  /**
   * A run of a plan.
   *
   * @param setup where publishers connect
   * @param heardAt where subscribers do, in turn
   */
  Traffic(Setup setup, List<Target> heardAt, Plan plan) {
    super(setup);
    this.heardAt = List.copyOf(heardAt);
    this.plan = plan;
    this.streams = new Stream[plan.publishers()];
    String prefix = "load/" + Integer.toHexString(runId);
    for (int i = 0; i < streams.length; i++) {
      streams[i] = new Stream(i, plan.fan());
      publishers.add(new Publisher(this, plan, streams[i], plan.topic(prefix, i)));
    }
    for (int i = 0; i < plan.subscribers(); i++) {
      subscribers.add(new Subscriber(this, plan, i, plan.filter(prefix, i)));
    }
  }

  @Override
  void begin() {
    dial(subscribers, () -> dial(publishers, this::publish));
  }

  @Override
  Target target(Peer peer) {
    return peer instanceof Subscriber subscriber
        ? heardAt.get(subscriber.number % heardAt.size())
        : super.target(peer);
  }

  @Override
  void ready(Peer peer) {
    dialedOne();
  }

  @Override
  void closed(Peer peer, String why) {
    if (!running) {
      fail(new LoadException(why));
      return;
    }
    disconnected++;
    problem(why);
  }

  /** Remembers the first thing that went wrong, for the report. */
  void problem(String what) {
    if (firstProblem == null) {
      firstProblem = what;
    }
  }

  @Override
  String tick(Series.Point second) {
    for (Publisher publisher : publishers) {
      if (running && plan.maxLag() > 0 && publisher.stream.givesUp(plan.maxLag())) {
        stalls++;
        touch(publisher);
      }
    }
    String phase =
        !running ? "connecting" : stopped ? "draining" : from == null ? "warm-up" : "run";
    return "%s: %,.0f msg/s, p99 %,.0f us".formatted(phase, second.perSecond(), second.p99Micros());
  }

  private void publish() {
    running = true;
    long start = now();
    schedule = new Schedule(start, plan.rate());
    measureFrom = start + TimeUnit.SECONDS.toNanos(plan.warmUpSeconds());
    measureTo = measureFrom + TimeUnit.SECONDS.toNanos(plan.seconds());
    after(measureFrom - start, () -> from = snapshot());
    after(measureTo - start, this::stop);
    if (plan.rate() > 0) {
      pump();
    } else {
      publishers.forEach(this::touch);
    }
  }

  /** Wakes the publishers whose next message is due, and itself when another one will be. */
  private void pump() {
    long now = now();
    long due = schedule.due(nextDue);
    while (due <= now && due < measureTo) {
      if (due >= measureFrom) {
        lateness.record(now - due);
      }
      touch(publishers.get((int) (nextDue % publishers.size())));
      due = schedule.due(++nextDue);
    }
    if (due < measureTo) {
      after(due - now, this::pump);
    }
  }

  boolean isPublishing() {
    return running && (plan.rate() > 0 || !stopped);
  }

  /** How many messages of {@code stream}, at most {@code limit}, are to be sent by {@code now}. */
  long due(Stream stream, long limit, long now) {
    if (plan.rate() == 0) {
      return limit;
    }
    long last = Math.min(now, measureTo - 1);
    long count = 0;
    while (count < limit && scheduled(stream, stream.sent() + count) <= last) {
      count++;
    }
    return count;
  }

  /** The time that the next message of {@code stream} carries. */
  long sendTime(Stream stream, long now) {
    return plan.rate() == 0 ? now : scheduled(stream, stream.sent());
  }

  private long scheduled(Stream stream, long sequence) {
    return schedule.due(sequence * streams.length + stream.id);
  }

  void arrived(int stream, long sentAt, long now) {
    streams[stream].arrived();
    received++;
    series.done(now - sentAt);
    if (sentAt >= measureFrom && sentAt < measureTo) {
      latency.record(now - sentAt);
    }
    if (plan.maxLag() > 0) {
      touch(publishers.get(stream));
    }
  }

  void foreign() {
    foreign++;
  }

  private Snapshot snapshot() {
    return new Snapshot(now(), sent(), received, machine.read());
  }

  private long sent() {
    long sent = 0;
    for (Stream stream : streams) {
      sent += stream.sent();
    }
    return sent;
  }

  private void stop() {
    to = snapshot();
    stopped = true;
    drainStart = now();
    lastProgress = drainStart;
    drain();
  }

  private void drain() {
    long now = now();
    long expected = 0;
    long settled = 0;
    boolean done = true;
    for (Publisher publisher : publishers) {
      expected += publisher.stream.expected();
      settled += publisher.acknowledged();
      done &= publisher.isSettled();
      done &= plan.rate() == 0 || due(publisher.stream, 1, now) == 0;
    }
    if (settled + received != progressMark) {
      progressMark = settled + received;
      lastProgress = now;
    }
    done &= received == expected;
    if (done || now - lastProgress > DRAIN_STILL_NANOS || now - drainStart > DRAIN_NANOS) {
      long drained = (done ? now : lastProgress) - drainStart;
      after(AFTERMATH_NANOS, () -> finish(report(drained)));
    } else {
      after(DRAIN_CHECK_NANOS, this::drain);
    }
  }

  private Report report(long drained) {
    long sent = sent();
    long acknowledged = 0;
    long refused = 0;
    long unanswered = 0;
    long expected = 0;
    long lost = 0;
    long excused = 0;
    long duplicated = 0;
    long reordered = 0;
    long unsent = 0;
    for (Publisher publisher : publishers) {
      Stream stream = publisher.stream;
      long[] open = publisher.unanswered();
      acknowledged += publisher.acknowledged();
      refused += publisher.refused();
      unanswered += open.length;
      excused += publisher.refused() * plan.fan();
      expected += stream.expected();
      unsent += plan.rate() > 0 ? due(stream, Long.MAX_VALUE, now()) : 0;
      for (Subscriber subscriber : subscribers) {
        Arrivals arrivals = subscriber.arrivals(stream.id);
        if (arrivals != null) {
          lost += arrivals.lost(stream.sent());
          duplicated += arrivals.duplicated();
          reordered += arrivals.reordered();
          for (long sequence : open) {
            excused += arrivals.misses(sequence) ? 1 : 0;
          }
        }
      }
    }
    Report report = new Report();
    report.text("mode", plan.shape().name().toLowerCase(java.util.Locale.ROOT));
    report.count("mqtt", version.level());
    report.count("qos", plan.qos());
    report.count("size", plan.size());
    report.count("publishers", plan.publishers());
    report.count("subscribers", plan.subscribers());
    report.number("rate", plan.rate());
    report.count("window", plan.window());
    report.count("max_lag", plan.maxLag());
    report.number("seconds", (to.at - from.at) / 1e9);
    report.count("sent", sent);
    report.count("expected", expected);
    report.count("received", received);
    report.count("lost", lost);
    if (plan.qos() > 0) {
      report.count("acknowledged", acknowledged);
      report.count("refused", refused);
      report.count("unanswered", unanswered);
      report.count("lost_acknowledged", Math.max(0, lost - excused));
    }
    report.count("duplicated", duplicated);
    report.count("reordered", reordered);
    report.count("foreign", foreign);
    report.count("stalls", stalls);
    report.count("disconnected", disconnected);
    if (firstProblem != null) {
      report.text("first_problem", firstProblem);
    }
    report.number("sent_per_s", (to.sent - from.sent) * 1e9 / (to.at - from.at));
    report.number("received_per_s", (to.received - from.received) * 1e9 / (to.at - from.at));
    report.latency("latency", latency);
    if (plan.rate() > 0) {
      report.count("unsent", unsent);
      report.latency("generator_late", lateness);
    }
    report.number("drain_s", drained / 1e9);
    tls().ifPresent(tls -> tls.report(report));
    report.cost(
        machine, from.machine, to.machine, (to.at - from.at) / 1e9, to.received - from.received);
    report.failed(plan.qos() > 0 && lost > excused);
    return report;
  }
}
