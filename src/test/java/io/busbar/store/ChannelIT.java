package io.busbar.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.busbar.config.Settings;
import io.busbar.shard.FormException;
import io.busbar.store.Channel.Count;
import io.busbar.testing.Await;
import io.busbar.testing.Leaks;
import io.busbar.testing.TestPki;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.net.SocketAddress;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import javax.net.ssl.SSLContext;
import org.bouncycastle.asn1.x500.X500Name;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The channel over real sockets, and everything that may be at the other end of them. */
class ChannelIT {
  private static final int FRAME_BYTES = 1 << 20;
  private static final int QUEUE_BYTES = 4 << 20;
  private static final String CLUSTER = "c1";

  @TempDir static Path home;
  private static TestPki pki;
  private static TestPki otherPki;
  private static int files;

  private final List<Party> parties = new ArrayList<>();

  /** What one node got. */
  record Got(String node, int kind, int group, byte[] body) {}

  /** A node: a channel on a Vert.x of its own. */
  private static final class Party {
    final Vertx vertx = Vertx.vertx(new VertxOptions().setEventLoopPoolSize(1));
    final Map<Count, AtomicLong> counts = new ConcurrentHashMap<>();
    final Queue<Got> got = new ConcurrentLinkedQueue<>();
    final Channel channel;
    volatile RuntimeException trouble;

    Party(String cluster, String node, ChannelSettings settings) throws Exception {
      channel =
          new Channel(vertx, settings, cluster, node, new Random(1), this::count)
              .handler(
                  (from, kind, group, body) -> {
                    if (trouble != null) {
                      throw trouble;
                    }
                    byte[] bytes = new byte[body.remaining()];
                    body.get(bytes);
                    got.add(new Got(from, kind, group, bytes));
                  });
    }

    void count(Count what, long by) {
      counts.computeIfAbsent(what, key -> new AtomicLong()).addAndGet(by);
    }

    long count(Count what) {
      AtomicLong count = counts.get(what);
      return count == null ? 0 : count.get();
    }

    SocketAddress address() {
      return SocketAddress.inetSocketAddress(channel.port(), "127.0.0.1");
    }

    void await(Count what, long least) {
      Await.until(what + " of " + least, () -> count(what) >= least, () -> counts);
    }

    void awaitReach(String node) {
      Await.until("reach " + node, () -> channel.reaches(node), () -> counts);
    }

    void awaitFrames(int least) {
      Await.until(least + " frames", () -> got.size() >= least, () -> got.size() + " " + counts);
    }

    void close() throws Exception {
      channel.close().toCompletionStage().toCompletableFuture().get(20, TimeUnit.SECONDS);
      vertx.close().toCompletionStage().toCompletableFuture().get(20, TimeUnit.SECONDS);
    }
  }

  @BeforeAll
  static void authorities() throws IOException {
    Leaks.watch();
    pki = TestPki.in(home.resolve("pki"));
    otherPki = TestPki.in(home.resolve("other"));
  }

  @AfterEach
  void closeAll() throws Exception {
    for (Party party : parties) {
      party.close();
    }
    assertThat(Leaks.found()).isEmpty();
  }

  private static ChannelSettings settings(int port, Optional<Settings.PeerTls> tls) {
    return new ChannelSettings("127.0.0.1", port, tls, FRAME_BYTES, QUEUE_BYTES, 100, 300, 10, 100);
  }

  private Party party(String cluster, String node, ChannelSettings settings) throws Exception {
    Party party = new Party(cluster, node, settings);
    parties.add(party);
    party.channel.listen().toCompletionStage().toCompletableFuture().get(20, TimeUnit.SECONDS);
    return party;
  }

  private Party party(String node) throws Exception {
    return party(CLUSTER, node, settings(0, Optional.empty()));
  }

  private Party party(String node, Settings.PeerTls tls) throws Exception {
    return party(CLUSTER, node, settings(0, Optional.of(tls)));
  }

  private static void introduce(Party a, Party b) {
    a.channel.peers(Map.of("a", a.address(), "b", b.address()));
    b.channel.peers(Map.of("a", a.address(), "b", b.address()));
  }

  private static byte[] body(int number, int length) {
    byte[] body = new byte[length];
    new Random(number).nextBytes(body);
    return body;
  }

  private static Settings.PeerTls tls(TestPki.Shown shown, TestPki trusted, String pattern)
      throws IOException, GeneralSecurityException {
    String name = "node-" + files++;
    shown.write(home, name);
    Path authority = home.resolve(trusted == pki ? "pki" : "other").resolve("ca.pem");
    return new Settings.PeerTls(
        home.resolve(name + ".pem"),
        home.resolve(name + "-key.pem"),
        authority,
        Optional.ofNullable(pattern));
  }

  private static TestPki.Shown issued(TestPki authority, String... names) throws Exception {
    Instant now = Instant.now();
    Duration hour = Duration.ofHours(1);
    return authority.issue(new X500Name("CN=node"), now.minus(hour), now.plus(hour), names);
  }

  private static Settings.PeerTls good(String host) throws Exception {
    return tls(issued(pki, host), pki, "*.nodes.test");
  }

  /** A socket of the test's own that speaks to a node. */
  private static Socket dial(Party party) throws IOException {
    Socket socket = new Socket(InetAddress.getLoopbackAddress(), party.channel.port());
    socket.setSoTimeout(20_000);
    return socket;
  }

  private static byte[] frame(int kind, int group, byte[] body) {
    return ByteBuffer.allocate(Frame.HEADER_BYTES + body.length)
        .putInt(body.length + 3)
        .put((byte) kind)
        .putShort((short) group)
        .put(body)
        .array();
  }

  private static byte[] hello(String cluster, String node, String other) {
    return frame(Frame.HELLO, 0, Hello.of(cluster, node, other).encode());
  }

  /** Reads frames until one is not a heartbeat. */
  private static Frame read(Socket socket) throws IOException {
    DataInputStream in = new DataInputStream(socket.getInputStream());
    while (true) {
      byte[] body = new byte[in.readInt() - 3];
      int kind = in.readUnsignedByte();
      int group = in.readUnsignedShort();
      in.readFully(body);
      if (kind != Frame.HEARTBEAT) {
        return new Frame(kind, group, body);
      }
    }
  }

  /** What comes until the other side closes. */
  private static byte[] rest(Socket socket) throws IOException {
    ByteArrayOutputStream rest = new ByteArrayOutputStream();
    InputStream in = socket.getInputStream();
    try {
      in.transferTo(rest);
    } catch (java.net.SocketException reset) {
      assertThat(reset).hasMessageContaining("reset");
    }
    return rest.toByteArray();
  }

  enum Cover {
    CLEAR,
    TLS
  }

  private List<Party> pair(Cover cover) throws Exception {
    Party a = cover == Cover.TLS ? party("a", good("a.nodes.test")) : party("a");
    Party b = cover == Cover.TLS ? party("b", good("b.nodes.test")) : party("b");
    introduce(a, b);
    a.awaitReach("b");
    b.awaitReach("a");
    return List.of(a, b);
  }

  @ParameterizedTest
  @EnumSource
  void framesArriveInOrderBothWays(Cover cover) throws Exception {
    List<Party> pair = pair(cover);
    Party a = pair.get(0);
    Party b = pair.get(1);

    Random random = new Random(7);
    List<byte[]> sent = new ArrayList<>();
    for (int i = 0; i < 500; i++) {
      byte[] body = body(i, i % 50 == 0 ? 20_000 : random.nextInt(300));
      sent.add(body);
      assertThat(a.channel.send("b", 1 + i % 254, i * 100, body)).isTrue();
      assertThat(b.channel.send("a", 1, 0, body)).isTrue();
    }

    a.awaitFrames(500);
    b.awaitFrames(500);
    int i = 0;
    for (Got got : b.got) {
      assertThat(got.node).isEqualTo("a");
      assertThat(got.kind).isEqualTo(1 + i % 254);
      assertThat(got.group).isEqualTo(i * 100);
      assertThat(got.body).isEqualTo(sent.get(i++));
    }
    i = 0;
    for (Got got : a.got) {
      assertThat(got.body).isEqualTo(sent.get(i++));
    }
    Await.until("nothing waits", () -> a.channel.queued("b") == 0, () -> a.channel.queued("b"));
    assertThat(a.count(Count.FRAMES_SENT)).isEqualTo(500);
    assertThat(b.count(Count.FRAMES_RECEIVED)).isEqualTo(500);
    assertThat(b.count(Count.BYTES_RECEIVED)).isEqualTo(a.count(Count.BYTES_SENT));
  }

  @ParameterizedTest
  @EnumSource
  void theLongestFrameAndOneLonger(Cover cover) throws Exception {
    List<Party> pair = pair(cover);
    Party a = pair.get(0);
    Party b = pair.get(1);
    byte[] longest = body(1, FRAME_BYTES);

    assertThat(a.channel.send("b", 1, 2, longest)).isTrue();
    assertThat(a.channel.send("b", 1, 2, new byte[FRAME_BYTES + 1])).isFalse();
    assertThat(a.channel.send("b", 1, 3, new byte[0])).isTrue();

    b.awaitFrames(2);
    assertThat(b.got.remove().body).isEqualTo(longest);
    assertThat(b.got.remove().body).isEmpty();
    assertThat(a.count(Count.DROPPED_TOO_LONG)).isEqualTo(1);
  }

  @Test
  void whatHasNoPlaceInAFrame() throws Exception {
    Party a = party("a");
    for (int[] kindAndGroup : new int[][] {{0, 0}, {255, 0}, {-1, 0}, {1, -1}, {1, 65_536}}) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> a.channel.send("b", kindAndGroup[0], kindAndGroup[1], new byte[0]));
    }
    assertThatIllegalArgumentException()
        .isThrownBy(() -> a.channel.peers(Map.of("a b", a.address())));
  }

  @Test
  void whoIsNotThereGetsNothingAndNothingWaits() throws Exception {
    Party a = party("a");
    assertThat(a.channel.send("b", 1, 0, new byte[9])).isFalse();
    a.channel.peers(Map.of("b", SocketAddress.inetSocketAddress(1, "127.0.0.1")));
    assertThat(a.channel.send("b", 1, 0, new byte[9])).isFalse();
    assertThat(a.count(Count.DROPPED_UNREACHABLE)).isEqualTo(2);
    assertThat(a.channel.queued("b")).isZero();
    assertThat(a.channel.reaches("b")).isFalse();
  }

  /** Accepts, answers the hello, says that it is there, and reads nothing more. */
  @Test
  void aPeerThatNeverReadsCostsItsBound() throws Exception {
    Party a = party("a");
    Party c = party("c");
    try (ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
      a.channel.peers(
          Map.of(
              "b",
              SocketAddress.inetSocketAddress(server.getLocalPort(), "127.0.0.1"),
              "c",
              c.address()));
      try (Socket socket = server.accept()) {
        assertThat(Hello.decode(read(socket).body())).isEqualTo(Hello.of(CLUSTER, "a", "b"));
        socket.getOutputStream().write(hello(CLUSTER, "b", "a"));
        a.awaitReach("b");
        a.awaitReach("c");
        byte[] body = new byte[100_000];
        int taken = 0;
        while (a.channel.send("b", 1, 0, body)) {
          taken++;
          assertThat(a.channel.queued("b")).isLessThanOrEqualTo(QUEUE_BYTES);
          socket.getOutputStream().write(frame(Frame.HEARTBEAT, 0, new byte[0]));
        }
        assertThat(taken).isGreaterThan(30);
        assertThat(a.count(Count.DROPPED_FULL)).isEqualTo(1);
        for (int i = 0; i < 10; i++) { // the others are served meanwhile
          assertThat(a.channel.send("c", 1, i, body)).isTrue();
          c.awaitFrames(i + 1);
          socket.getOutputStream().write(frame(Frame.HEARTBEAT, 0, new byte[0]));
        }
        // silent now: given up though what was written never left
        a.await(Count.LOST, 1);
        assertThat(a.count(Count.SILENT)).isEqualTo(1);
        Await.until("freed", () -> a.channel.queued("b") == 0, () -> a.channel.queued("b"));
      }
    }
  }

  /** Removing a peer that does not read ends its connection, too. */
  @Test
  void aPeerThatNeverReadsIsLeft() throws Exception {
    Party a = party("a");
    try (ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
      a.channel.peers(
          Map.of("b", SocketAddress.inetSocketAddress(server.getLocalPort(), "127.0.0.1")));
      try (Socket socket = server.accept()) {
        read(socket);
        socket.getOutputStream().write(hello(CLUSTER, "b", "a"));
        a.awaitReach("b");
        while (a.channel.send("b", 1, 0, new byte[100_000])) {
          socket.getOutputStream().write(frame(Frame.HEARTBEAT, 0, new byte[0]));
        }

        a.channel.peers(Map.of());

        Await.until(
            "closed",
            () -> {
              try {
                socket.getOutputStream().write(frame(Frame.HEARTBEAT, 0, new byte[0]));
                return false;
              } catch (IOException closed) {
                return true;
              }
            },
            () -> a.counts);
        assertThat(a.channel.reaches("b")).isFalse();
      }
    }
  }

  /** A half-open peer: accepts and says nothing, with and without TLS, at first or later. */
  @ParameterizedTest
  @EnumSource
  void aSocketThatSaysNothingIsGivenUp(Cover cover) throws Exception {
    Party a = cover == Cover.TLS ? party("a", good("a.nodes.test")) : party("a");
    try (ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
      long start = System.nanoTime();
      a.channel.peers(
          Map.of("b", SocketAddress.inetSocketAddress(server.getLocalPort(), "127.0.0.1")));
      try (Socket first = server.accept();
          Socket second = server.accept()) {
        // 300 ms by the settings; a busy machine is slower
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(10));
        assertThat(first.isConnected() && second.isConnected()).isTrue();
        assertThat(a.channel.reaches("b")).isFalse();
        assertThat(rest(first).length).isPositive(); // its hello, and the end
        if (cover == Cover.CLEAR) {
          assertThat(a.count(Count.SILENT)).isPositive();
          read(second);
          second.getOutputStream().write(hello(CLUSTER, "b", "a"));
          a.awaitReach("b");
          a.await(Count.LOST, 1); // and silent from then on
        }
      }
    }
  }

  @Test
  void anIdleConnectionStays() throws Exception {
    List<Party> pair = pair(Cover.CLEAR);
    Await.elapsed(Duration.ofMillis(1_500)); // five times the longest silence

    for (Party party : pair) {
      assertThat(party.count(Count.CONNECTED)).isEqualTo(1);
      assertThat(party.count(Count.LOST)).isZero();
      assertThat(party.count(Count.FRAMES_SENT)).isZero();
    }
  }

  @ParameterizedTest
  @EnumSource
  void aPeerThatRestartsIsFoundAgain(Cover cover) throws Exception {
    List<Party> pair = pair(cover);
    Party a = pair.get(0);
    Party b = pair.get(1);
    int port = b.channel.port();
    parties.remove(b);
    b.close();
    a.await(Count.LOST, 1);
    assertThat(a.channel.send("b", 1, 0, new byte[1])).isFalse();

    Party again =
        party(
            CLUSTER,
            "b",
            settings(
                port, cover == Cover.TLS ? Optional.of(good("b.nodes.test")) : Optional.empty()));
    again.channel.peers(Map.of("a", a.address()));
    a.awaitReach("b");
    again.awaitReach("a");

    assertThat(a.channel.send("b", 1, 5, body(1, 100))).isTrue();
    assertThat(again.channel.send("a", 1, 6, body(2, 100))).isTrue();
    again.awaitFrames(1);
    a.awaitFrames(1);
    assertThat(again.got.remove().body).isEqualTo(body(1, 100));
    assertThat(a.got.remove().body).isEqualTo(body(2, 100));
  }

  @Test
  void aPeerThatMovesIsFollowed() throws Exception {
    List<Party> pair = pair(Cover.CLEAR);
    Party a = pair.get(0);
    Party moved = party("b");

    a.channel.peers(Map.of("b", moved.address()));
    a.await(Count.CONNECTED, 2);
    a.awaitReach("b");

    assertThat(a.channel.send("b", 1, 0, body(1, 10))).isTrue();
    moved.awaitFrames(1);
    assertThat(pair.get(1).got).isEmpty();
  }

  @Test
  void anotherCluster() throws Exception {
    Party a = party("a");
    Party b = party("c2", "b", settings(0, Optional.empty()));
    introduce(a, b);

    for (Party party : List.of(a, b)) {
      // on the connection it made, and on the one it took; again and again
      party.await(Count.REFUSED_CLUSTER, 4);
      assertThat(party.count(Count.CONNECTED)).isZero();
    }
    assertThat(a.channel.send("b", 1, 0, new byte[1])).isFalse();
  }

  @Test
  void anotherNodeAtAnAddress() throws Exception {
    Party a = party("a");
    Party c = party("c");
    a.channel.peers(Map.of("b", c.address()));
    a.await(Count.REFUSED_NODE, 1);
    c.await(Count.REFUSED_NODE, 1);
    assertThat(a.channel.reaches("b")).isFalse();
  }

  @Test
  void aNodeThatFindsItself() throws Exception {
    Party a = party("a");
    a.channel.peers(Map.of("b", a.address(), "a", a.address()));
    a.await(Count.REFUSED_NODE, 2);
    assertThat(a.channel.reaches("a")).isFalse();
    try (Socket socket = dial(a)) {
      socket.getOutputStream().write(hello(CLUSTER, "a", "a"));
      assertThat(Hello.decode(read(socket).body())).isEqualTo(Hello.of(CLUSTER, "a", "a"));
      assertThat(rest(socket)).isEmpty();
    }
  }

  @Test
  void anotherVersion() throws Exception {
    Party a = party("a");
    try (Socket socket = dial(a)) {
      byte[] later = new Hello(2, 3, CLUSTER, "b", "a").encode();
      socket.getOutputStream().write(frame(Frame.HELLO, 0, later));
      assertThat(Hello.decode(read(socket).body())).isEqualTo(Hello.of(CLUSTER, "a", "b"));
      assertThat(rest(socket)).isEmpty();
      assertThat(a.count(Count.REFUSED_VERSION)).isEqualTo(1);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "GET / HTTP/1.1\r\nHost: busbar\r\n\r\n",
        "\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003",
        "\u0000\u0000\u0000\u0003\u0007\u0000\u0000", // a frame before a hello
        "\u0000\u0000\u0000\u0003\u0000\u0000\u0000", // an empty hello
        "\u0000\u0000\u0000\u0000\u0000\u0000\u0000",
        "\u0000\u0000\u0004\u0004\u0000\u0000\u0000", // a hello of 1,025 bytes
      })
  void garbageDisturbsNobody(String garbage) throws Exception {
    List<Party> pair = pair(Cover.CLEAR);
    Party a = pair.get(0);
    for (int i = 0; i < 20; i++) {
      try (Socket socket = dial(a)) {
        socket.getOutputStream().write(garbage.getBytes(StandardCharsets.ISO_8859_1));
        assertThat(rest(socket)).isEmpty();
      }
    }
    assertThat(a.count(Count.REFUSED_GARBAGE)).isEqualTo(20);
    assertThat(pair.get(1).channel.send("a", 1, 0, body(1, 10))).isTrue();
    a.awaitFrames(1);
    assertThat(a.count(Count.LOST)).isZero();
  }

  /** Who says who it is, and then sends what is too long, a second hello or nothing at all. */
  @Test
  void aPeerThatMisbehavesLater() throws Exception {
    Party a = party("a");
    byte[] tooLong =
        ByteBuffer.allocate(7).putInt(FRAME_BYTES + 4).put((byte) 1).putShort((short) 0).array();
    for (byte[] bad : List.of(tooLong, hello(CLUSTER, "b", "a"))) {
      try (Socket socket = dial(a)) {
        socket.getOutputStream().write(hello(CLUSTER, "b", "a"));
        read(socket);
        socket.getOutputStream().write(frame(1, 9, body(3, 3)));
        a.awaitFrames(1);
        assertThat(a.got.remove().group).isEqualTo(9);
        socket.getOutputStream().write(bad);
        rest(socket);
      }
    }
    assertThat(a.count(Count.REFUSED_GARBAGE)).isEqualTo(2);
    try (Socket silent = dial(a)) {
      silent.getOutputStream().write(hello(CLUSTER, "b", "a"));
      read(silent);
      rest(silent);
    }
    assertThat(a.count(Count.SILENT)).isEqualTo(1);
  }

  /** Bytes that come one at a time do not keep a connection that has not said who it is. */
  @Test
  void aStrangerThatDripsIsGivenUp() throws Exception {
    Party a = party("a");
    try (Socket socket = dial(a)) {
      byte[] hello = hello(CLUSTER, "x".repeat(200), "a");
      Await.until(
          "closed",
          () -> {
            try {
              socket.getOutputStream().write(hello, 0, 1);
              return false;
            } catch (IOException closed) {
              return true;
            }
          },
          () -> a.counts);
    }
    assertThat(a.count(Count.SILENT) + a.count(Count.REFUSED_GARBAGE)).isEqualTo(1);
  }

  @Test
  void aCrowdOfStrangers() throws Exception {
    Party a = party("a");
    List<Socket> crowd = new ArrayList<>();
    try {
      for (int i = 0; i < 100; i++) {
        crowd.add(dial(a));
      }
      a.await(Count.REFUSED_CROWD, 36);
      a.await(Count.SILENT, 1); // and they do not stay
    } finally {
      for (Socket socket : crowd) {
        socket.close();
      }
    }
    Party b = party("b");
    introduce(a, b);
    b.awaitReach("a");
  }

  @Test
  void whoConnectsAgainReplacesItself() throws Exception {
    Party a = party("a");
    try (Socket first = dial(a);
        Socket second = dial(a)) {
      first.getOutputStream().write(hello(CLUSTER, "b", "a"));
      read(first);
      second.getOutputStream().write(hello(CLUSTER, "b", "a"));
      read(second);
      rest(first);
      second.getOutputStream().write(frame(1, 1, new byte[0]));
      a.awaitFrames(1);
    }
  }

  @Test
  void aReceiverThatThrowsLosesTheConnectionOnly() throws Exception {
    List<Party> pair = pair(Cover.CLEAR);
    Party a = pair.get(0);
    Party b = pair.get(1);
    for (RuntimeException trouble :
        List.of(new FormException("damaged"), new IllegalStateException("on purpose"))) {
      long before = a.count(Count.CONNECTED);
      b.trouble = trouble;
      assertThat(a.channel.send("b", 1, 0, new byte[10])).isTrue();
      a.await(Count.CONNECTED, before + 1);
      b.trouble = null;
      a.awaitReach("b");
      assertThat(a.channel.send("b", 1, 7, new byte[10])).isTrue();
      b.awaitFrames(1);
      assertThat(b.got.remove().group).isEqualTo(7);
    }
    assertThat(b.count(Count.REFUSED_GARBAGE)).isEqualTo(1);
  }

  /** Certificates that the handshake itself refuses, on either side. */
  @Test
  void certificatesThatAreNotBelieved() throws Exception {
    Instant now = Instant.now();
    Duration hour = Duration.ofHours(1);
    Map<String, Settings.PeerTls> bad = new HashMap<>();
    bad.put("other CA", tls(issued(otherPki, "b.nodes.test"), pki, "*.nodes.test"));
    bad.put(
        "expired",
        tls(
            pki.issue(
                new X500Name("CN=node"), now.minus(hour), now.minusSeconds(60), "b.nodes.test"),
            pki,
            "*.nodes.test"));
    bad.put(
        "not yet valid",
        tls(
            pki.issue(
                new X500Name("CN=node"), now.plus(hour), now.plus(hour).plus(hour), "b.nodes.test"),
            pki,
            "*.nodes.test"));
    for (Map.Entry<String, Settings.PeerTls> each : bad.entrySet()) {
      Party a = party("a", good("a.nodes.test"));
      Party b = party("b", each.getValue());
      introduce(a, b);

      // a refuses as the one who accepted, b hears of it; a refuses as the one who dialled
      a.await(Count.REFUSED_HANDSHAKE, 1);
      b.await(Count.REFUSED_HANDSHAKE, 1);
      assertThat(a.count(Count.CONNECTED)).as(each.getKey()).isZero();
      assertThat(b.count(Count.CONNECTED)).as(each.getKey()).isZero();
      assertThat(a.channel.send("b", 1, 0, new byte[1])).isFalse();
      assertThat(b.channel.send("a", 1, 0, new byte[1])).isFalse();
    }
  }

  /** Certificates of the authority that are not a node's: a device's, for example. */
  @Test
  void certificatesOfOthers() throws Exception {
    for (TestPki.Shown shown :
        List.of(issued(pki), issued(pki, "device-1"), issued(pki, "b.x.nodes.test"))) {
      Party a = party("a", good("a.nodes.test"));
      Party b = party("b", tls(shown, pki, "*.nodes.test"));
      introduce(a, b);

      a.await(Count.REFUSED_CERTIFICATE, 4); // on the one it made and the one it took
      assertThat(a.count(Count.CONNECTED)).isZero();
      assertThat(b.count(Count.CONNECTED)).isZero();
      assertThat(b.channel.send("a", 1, 0, new byte[1])).isFalse();
    }
  }

  /** Without a pattern: the host at which a peer is reached is what its certificate is for. */
  @Test
  void theHostWithoutAPattern() throws Exception {
    Settings.PeerTls right = tls(issued(pki, "localhost"), pki, null);
    Party a = party("a", right);
    Party b = party("b", right);
    Party wrong = party("c", tls(issued(pki, "elsewhere"), pki, null));
    Map<String, SocketAddress> all = new HashMap<>();
    for (Map.Entry<String, Party> each : Map.of("a", a, "b", b, "c", wrong).entrySet()) {
      int port = each.getValue().channel.port();
      all.put(each.getKey(), SocketAddress.inetSocketAddress(port, "localhost"));
    }
    a.channel.peers(all);
    b.channel.peers(all);
    wrong.channel.peers(all);

    a.awaitReach("b");
    b.awaitReach("a");
    a.await(Count.REFUSED_CERTIFICATE, 4);
    assertThat(a.channel.reaches("c")).isFalse();
    assertThat(wrong.channel.reaches("a")).isFalse();
  }

  @Test
  void withoutACertificateOrInClearText() throws Exception {
    Party a = party("a", good("a.nodes.test"));
    SSLContext nothing = pki.context(null);
    try (Socket socket =
        nothing.getSocketFactory().createSocket(dial(a), "localhost", a.channel.port(), true)) {
      try {
        socket.getOutputStream().write(hello(CLUSTER, "b", "a"));
        assertThat(socket.getInputStream().read()).isEqualTo(-1);
      } catch (IOException refused) {
        assertThat(refused).hasMessageMatching("(?i).*(certificate|reset|closed|broken).*");
      }
    }
    a.await(Count.REFUSED_HANDSHAKE, 1);
    try (Socket socket = dial(a)) {
      socket.getOutputStream().write(hello(CLUSTER, "b", "a"));
      rest(socket);
    }
    a.await(Count.REFUSED_HANDSHAKE, 2);
    assertThat(a.got).isEmpty();
  }

  @Test
  void anAddressThatIsTakenAndAFileThatIsNone() throws Exception {
    Party a = party("a");
    Party b = new Party(CLUSTER, "b", settings(a.channel.port(), Optional.empty()));
    parties.add(b);
    assertThat(b.channel.listen().toCompletionStage().toCompletableFuture())
        .failsWithin(Duration.ofSeconds(20));
    Settings.PeerTls none =
        new Settings.PeerTls(
            home.resolve("none.pem"), home.resolve("none"), home.resolve("none"), Optional.empty());
    Party c = new Party(CLUSTER, "c", settings(0, Optional.of(none)));
    parties.add(c);
    assertThat(c.channel.listen().toCompletionStage().toCompletableFuture())
        .failsWithin(Duration.ofSeconds(20));
  }
}
