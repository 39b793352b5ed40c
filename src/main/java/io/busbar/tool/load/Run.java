package io.busbar.tool.load;

import io.busbar.mqtt.MqttVersion;
import io.netty.channel.ChannelFuture;
import io.netty.channel.EventLoop;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;

/**
 * One run of the tool, from the first connection to the report. All state belongs to one event
 * loop; only {@link #await} is called from outside.
 *
 * <p>Output is batched per turn of the loop: what a turn's packets give rise to is collected by
 * {@link #touch} and written once per connection when the turn's reads are done.
 */
abstract class Run {
  static final int KEEP_ALIVE_SECONDS = 60;

  private static final int CONCURRENT_HANDSHAKES = 64;
  private static final int HANDSHAKE_SECONDS = 15;
  private static final long TICK_NANOS = TimeUnit.SECONDS.toNanos(1);

  final MqttVersion version;
  final Machine machine;
  final Series series = new Series();

  /** Tells this run's topics, client ids and payloads from those of any other. */
  final int runId = ThreadLocalRandom.current().nextInt(1, Integer.MAX_VALUE);

  private final Setup setup;
  private final EventLoopGroup group = Target.newLoop();
  private final EventLoop loop = group.next();
  private final long origin = System.nanoTime();
  private final CompletableFuture<Report> outcome = new CompletableFuture<>();
  private final List<Peer> open = new ArrayList<>();

  /**
   * Every socket, also one whose connection is still being made: a loop that is shut down can leave
   * that open, and to the broker it is a client. Closes what is added later.
   */
  private final ChannelGroup sockets = new DefaultChannelGroup(loop, true);

  private List<Peer> touched = new ArrayList<>();
  private List<Peer> turning = new ArrayList<>();
  private boolean turnScheduled;
  private int opened;

  private Queue<Peer> toDial = new ArrayDeque<>();
  private int dialing;
  private int secondsWithoutDialing;
  private Runnable dialed = () -> {};

  private volatile String status = "connecting";

  Run(Setup setup) {
    this.setup = setup;
    this.version = setup.version();
    this.machine = setup.machine();
    if (setup.tls().isEmpty() && setup.targets().stream().anyMatch(Target::isSecure)) {
      throw new LoadException(
          "--certificates: none given (allowed: a directory with ca.pem and ca-key.pem; needed with mqtts and wss)");
    }
  }

  /** Starts the run; on the loop. */
  abstract void begin();

  /** A connection completed its handshake; on the loop. */
  abstract void ready(Peer peer);

  /** A connection ended or was refused, and the peer had not asked for it; on the loop. */
  abstract void closed(Peer peer, String why);

  /** Called each second on the loop with what that was; returns one line for the operator. */
  abstract String tick(Series.Point second);

  /**
   * Runs and waits.
   *
   * @param seconds the longest the run may take
   * @param progress receives a line each second
   * @throws LoadException if the run fails or takes longer
   */
  final Report await(long seconds, Consumer<String> progress) throws InterruptedException {
    loop.execute(guarded(this::begin));
    after(TICK_NANOS, this::everySecond);
    try {
      for (long second = 0; second < seconds; second++) {
        try {
          return outcome.get(1, TimeUnit.SECONDS);
        } catch (TimeoutException stillRunning) {
          progress.accept(status);
        }
      }
      throw new LoadException("not finished after " + seconds + " s: " + status);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof LoadException known) {
        throw known;
      }
      throw new IllegalStateException(e.getCause());
    } finally {
      sockets.close().await(2, TimeUnit.SECONDS);
      group.shutdownGracefully(0, 2, TimeUnit.SECONDS).await(3, TimeUnit.SECONDS);
    }
  }

  /** Nanoseconds since the run was made. */
  final long now() {
    return System.nanoTime() - origin;
  }

  /** Refuses a rate that is none; 0 is as fast as the bounds allow. */
  static void checkRate(double rate) {
    if (!(rate >= 0 && rate <= 10_000_000)) {
      throw new LoadException("--rate: " + rate + " (allowed: 0 to 10000000 a second)");
    }
  }

  /** Lets {@code peer} write at the end of this turn. */
  final void touch(Peer peer) {
    if (peer.touched) {
      return;
    }
    peer.touched = true;
    touched.add(peer);
    if (!turnScheduled) {
      turnScheduled = true;
      loop.execute(this::turn);
    }
  }

  private void turn() {
    turnScheduled = false;
    List<Peer> batch = touched;
    touched = turning;
    turning = batch;
    try {
      long now = now();
      for (Peer peer : batch) {
        peer.touched = false;
        peer.turn(now);
      }
    } catch (RuntimeException e) {
      fail(e);
    }
    batch.clear();
  }

  /** Runs {@code task} on the loop after {@code nanos}; what it throws fails the run. */
  final void after(long nanos, Runnable task) {
    loop.schedule(guarded(task), nanos, TimeUnit.NANOSECONDS);
  }

  final void fail(Throwable cause) {
    outcome.completeExceptionally(cause);
  }

  /** Ends the run: says goodbye on every connection, then hands over the report. */
  final void finish(Report report) {
    for (Peer peer : List.copyOf(open)) {
      goodbye(peer);
    }
    after(TimeUnit.MILLISECONDS.toNanos(100), () -> outcome.complete(report));
  }

  /** The last word on a connection. */
  void goodbye(Peer peer) {
    peer.leave();
  }

  /** Opens {@code peers}, 64 at a time, and runs {@code then} when all are ready. */
  final void dial(List<? extends Peer> peers, Runnable then) {
    toDial = new ArrayDeque<>(peers);
    dialed = then;
    for (int i = 0; i < CONCURRENT_HANDSHAKES; i++) {
      dialNext();
    }
  }

  /** Tells that a connection opened by {@link #dial} is ready. */
  final void dialedOne() {
    dialing--;
    secondsWithoutDialing = 0;
    dialNext();
    if (dialing == 0 && toDial.isEmpty()) {
      dialed.run();
    }
  }

  private void dialNext() {
    Peer peer = toDial.poll();
    if (peer != null) {
      dialing++;
      open(peer);
    }
  }

  /** Where a connection goes: to the nodes in turn. */
  Target target(Peer peer) {
    return node(peer.number());
  }

  /** A node; numbers beyond the last begin again. */
  final Target node(int number) {
    return setup.targets().get(number % setup.targets().size());
  }

  final int nodes() {
    return setup.targets().size();
  }

  final Optional<Tls> tls() {
    return setup.tls();
  }

  /** The user name of a peer that shows a certificate, else nothing. */
  final String userName(Peer peer) {
    return target(peer).isSecure() ? setup.tls().orElseThrow().name(peer.number()) : "";
  }

  final void open(Peer peer) {
    ChannelFuture opening =
        target(peer).open(group, peer, setup.tls().orElse(null), peer.number(), opened++);
    sockets.add(opening.channel());
    opening.addListener(
        done -> {
          if (!done.isSuccess()) {
            closed(peer, target(peer).explain(done.cause()));
          }
        });
  }

  /** Live connections, for keep alive and goodbye. */
  final List<Peer> connections() {
    return open;
  }

  private void everySecond() {
    long now = now();
    status = tick(series.close(now));
    if (dialing > 0 && ++secondsWithoutDialing >= HANDSHAKE_SECONDS) {
      throw new LoadException(
          "no handshake completed for " + HANDSHAKE_SECONDS + " s, " + dialing + " under way");
    }
    long second = now / TICK_NANOS;
    for (int i = 0; i < open.size(); i++) {
      open.get(i).keepAlive(i, second);
    }
    if (!outcome.isDone()) {
      after(TICK_NANOS, this::everySecond);
    }
  }

  private Runnable guarded(Runnable task) {
    return () -> {
      try {
        task.run();
      } catch (RuntimeException e) {
        fail(e);
      }
    };
  }
}
