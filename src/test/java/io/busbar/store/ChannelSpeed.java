package io.busbar.store;

import io.busbar.config.Settings;
import io.busbar.testing.TestPki;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.net.SocketAddress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import org.bouncycastle.asn1.x500.X500Name;

/**
 * Frames a second over loopback, one way, both nodes in this process, one thread sending as fast as
 * the queue takes it. Run by hand, with the class path of the tests.
 */
final class ChannelSpeed {
  private static final int WARM_UP_SECONDS = 3;
  private static final int SECONDS = 4;

  private ChannelSpeed() {}

  public static void main(String[] arguments) throws Exception {
    Path home = Files.createTempDirectory("channel-bench");
    Optional<Settings.PeerTls> tls = Optional.of(tls(home));
    for (Optional<Settings.PeerTls> cover : List.of(tls, Optional.<Settings.PeerTls>empty())) {
      for (int bytes : new int[] {1_024, 65_536}) {
        run(cover, bytes);
      }
    }
  }

  private static void run(Optional<Settings.PeerTls> tls, int bytes) throws Exception {
    Vertx from = vertx();
    Vertx to = vertx();
    LongAdder taken = new LongAdder();
    ChannelSettings settings = ChannelSettings.of("127.0.0.1", 0, tls, 0);
    Channel a = new Channel(from, settings, "bench", "a", new Random(1), (what, by) -> {});
    Channel b =
        new Channel(to, settings, "bench", "b", new Random(2), (what, by) -> {})
            .handler((node, kind, group, body) -> taken.increment());
    listen(a);
    listen(b);
    b.peers(Map.of("a", address(a)));
    a.peers(Map.of("b", address(b)));
    while (!a.reaches("b")) {
      LockSupport.parkNanos(1_000_000);
    }
    byte[] body = new byte[bytes];
    send(a, body, WARM_UP_SECONDS);
    long before = taken.sum();
    long start = System.nanoTime();
    send(a, body, SECONDS);
    double seconds = (System.nanoTime() - start) / 1e9;
    double rate = (taken.sum() - before) / seconds;
    System.out.printf(
        "%s %6d B: %,10.0f frames/s %,8.0f MB/s%n",
        tls.isPresent() ? "TLS  " : "clear", bytes, rate, rate * bytes / 1e6);
    from.close();
    to.close();
  }

  /** As fast as the queue takes it. */
  private static void send(Channel channel, byte[] body, int seconds) {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
    while (System.nanoTime() < end) {
      if (channel.queued("b") > 4 << 20 || !channel.send("b", 1, 0, body)) {
        LockSupport.parkNanos(50_000);
      }
    }
  }

  private static Vertx vertx() {
    return Vertx.vertx(new VertxOptions().setEventLoopPoolSize(1).setPreferNativeTransport(true));
  }

  private static void listen(Channel channel) throws InterruptedException {
    CountDownLatch listening = new CountDownLatch(1);
    channel.listen().onSuccess(done -> listening.countDown());
    listening.await();
  }

  private static SocketAddress address(Channel channel) {
    return SocketAddress.inetSocketAddress(channel.port(), "127.0.0.1");
  }

  private static Settings.PeerTls tls(Path home) throws IOException, GeneralSecurityException {
    TestPki pki = TestPki.in(home);
    Instant now = Instant.now();
    TestPki.Shown shown =
        pki.issue(
            new X500Name("CN=node"),
            now.minus(Duration.ofHours(1)),
            now.plus(Duration.ofHours(1)),
            "n.nodes.test");
    shown.write(home, "node");
    return new Settings.PeerTls(
        home.resolve("node.pem"),
        home.resolve("node-key.pem"),
        home.resolve("ca.pem"),
        Optional.of("*.nodes.test"));
  }
}
