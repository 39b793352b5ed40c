package io.busbar.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.busbar.bus.Wire;
import io.busbar.config.Settings;
import io.busbar.shard.Bounds;
import io.busbar.shard.Command;
import io.busbar.shard.Effect;
import io.busbar.shard.Location;
import io.busbar.shard.Outcome;
import io.busbar.shard.StoredSubscription;
import io.busbar.testing.Await;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Stores of three nodes that are one, over real channels; here the test introduces them. */
@Timeout(120)
class EnsembleIT {
  private static final Vertx VERTX = Vertx.vertx();
  @TempDir private Path data;
  private final List<Peer> up = new CopyOnWriteArrayList<>();
  private final long introducing = VERTX.setPeriodic(20, t -> introduce());

  /** A store, and what it has told. */
  private final class Peer {
    final String name;

    /** Why its process would have ended. */
    private volatile Throwable ended;

    final List<Effect> told = new CopyOnWriteArrayList<>();
    final DurableStore store;
    final Future<Void> started;

    Peer(String name) {
      this(name, data.resolve(name));
    }

    Peer(String name, Path folder) {
      this.name = name;
      Settings.Replication replication =
          new Settings.Replication(new Settings.Address("127.0.0.1", 0), "a", 3, Optional.empty());
      store =
          new DurableStore(
              name,
              Settings.Storage.in(folder),
              new Ensemble(replication, name, 0, new NoMeters()),
              Bounds.INITIAL,
              new NoMeters(),
              cause -> {
                ended = cause;
                if (!(cause instanceof CutOffException)) {
                  throw new AssertionError(cause);
                }
              },
              Set.of(),
              UnaryOperator.identity());
      started = store.start(VERTX, told::add);
      up.add(this);
    }

    Outcome append(Command command) throws Exception {
      CompletableFuture<Appended> answer = new CompletableFuture<>();
      store.append(List.of(command), answer::complete);
      return ((Appended.Outcomes) answer.get(20, TimeUnit.SECONDS)).outcomes().get(0);
    }

    /** Whether a session was there. */
    boolean opens(String session) throws Exception {
      Location here = new Location(store.node(), 0, 1);
      Outcome outcome = append(new Command.Open(session, "", false, 1_000_000, null, here, 10));
      return ((Outcome.Opened) outcome).present();
    }

    void stop() throws Exception {
      up.remove(this);
      await(store.close());
    }

    Path folder() {
      return data.resolve(name);
    }
  }

  private void introduce() {
    for (Peer one : up) {
      List<Wire.Introduction> others = new ArrayList<>();
      int missing = 0;
      for (Peer other : up) {
        Wire.Introduction introduction = other.store.introduction();
        if (other != one && introduction != null) {
          others.add(introduction);
        } else if (other != one) {
          missing++;
        }
      }
      one.store.met(others, missing == 0);
    }
  }

  @AfterEach
  void close() throws Exception {
    for (Peer peer : up) {
      peer.stop();
    }
    VERTX.cancelTimer(introducing);
  }

  @AfterAll
  static void end() throws Exception {
    await(VERTX.close());
  }

  private static <T> T await(Future<T> future) throws Exception {
    return future.toCompletionStage().toCompletableFuture().get(30, TimeUnit.SECONDS);
  }

  private List<Peer> three() throws Exception {
    List<Peer> peers = Stream.of("a", "b", "c").map(Peer::new).toList();
    for (Peer peer : peers) {
      await(peer.started);
    }
    for (Peer peer : peers) {
      Await.until("all vote", () -> peer.store.voters().size() == 3, peer.store::voters);
    }
    Await.until(
        "one leads",
        () -> peers.stream().filter(peer -> peer.store.leads()).count() == 1,
        () -> peers.stream().map(peer -> peer.store.leads()).toList());
    return peers;
  }

  private static void delete(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }

  @Test
  void whatOneIsAnsweredTheOthersKnow() throws Exception {
    List<Peer> peers = three();
    for (Peer peer : peers) {
      assertThat(peer.opens("of-" + peer.name)).isFalse();
    }
    for (Peer peer : peers) {
      assertThat(peer.opens("of-a")).isTrue();
      assertThat(peer.opens("of-c")).isTrue();
    }
  }

  @Test
  void aFounderAloneWaits() throws Exception {
    Peer founder = new Peer("a");
    Await.elapsed(Duration.ofSeconds(1));
    assertThat(founder.started.isComplete()).isFalse();
    Peer other = new Peer("b");
    await(founder.started);
    await(other.started);
    assertThat(founder.opens("s")).isFalse();
    assertThat(other.opens("s")).isTrue();
  }

  @Test
  void othersWaitForTheFounder() throws Exception {
    Peer one = new Peer("b");
    Peer other = new Peer("c");
    Await.elapsed(Duration.ofSeconds(1));
    assertThat(one.started.isComplete() || other.started.isComplete()).isFalse();
    Peer founder = new Peer("a");
    await(one.started);
    assertThat(one.opens("s")).isFalse();
    await(founder.started);
    assertThat(founder.opens("s")).isTrue();
  }

  @Test
  void twoNodesOfOneNameAreRefused() throws Exception {
    three();
    Path elsewhere = data.resolve("elsewhere");
    Peer twin = new Peer("b", elsewhere);
    Throwable refused =
        twin.started
            .toCompletionStage()
            .handle((done, e) -> e)
            .toCompletableFuture()
            .get(20, TimeUnit.SECONDS);
    assertThat(refused).hasMessageContaining("another node is called b");
  }

  @Test
  void allMayStopAndStartAgain() throws Exception {
    List<Peer> peers = three();
    peers.get(0).opens("s");
    for (Peer peer : peers) {
      peer.stop();
    }
    for (Peer peer : three()) {
      assertThat(peer.opens("s")).isTrue();
    }
  }

  /** It must not found another store beside the one that is there. */
  @Test
  void aFounderWhoseDiskIsEmptiedJoinsTheOthers() throws Exception {
    List<Peer> peers = three();
    peers.get(1).opens("s");
    peers.get(0).stop();
    delete(peers.get(0).folder());
    Peer again = new Peer("a");
    await(again.started);
    assertThat(again.opens("s")).isTrue();
    Await.until(
        "it votes in place of its former disk",
        () -> {
          List<String> voters = peers.get(2).store.voters();
          return voters.size() == 3 && voters.contains(again.store.node());
        },
        peers.get(2).store::voters);
    // it votes: with it another one may be away
    peers.get(1).stop();
    assertThat(again.opens("t")).isFalse();
    assertThat(peers.get(2).opens("t")).isTrue();
  }

  @Test
  void aDamagedDiskIsGivenUpAndKeptBeside() throws Exception {
    List<Peer> peers = three();
    for (int i = 0; i < 20; i++) {
      peers.get(2).opens("s" + i);
    }
    String former = peers.get(2).store.node();
    peers.get(2).stop();
    damage(peers.get(2).folder().resolve("store"));
    Peer again = new Peer("c");
    await(again.started);
    assertThat(again.store.node()).isNotEqualTo(former).startsWith("c@");
    assertThat(again.store.sessions()).isEqualTo(20);
    assertThat(again.folder().resolve("store.damaged-1")).isDirectory();
    again.stop();
    Peer third = new Peer("c");
    await(third.started);
    assertThat(third.store.node()).isEqualTo(again.store.node());
  }

  /** Two of three disks are gone: an operator has the third one go on. */
  @Test
  void aDiskThatIsLeftGoesOnAloneIfAnOperatorAcceptsTheLoss() throws Exception {
    List<Peer> peers = three();
    peers.get(0).opens("s");
    for (Peer peer : peers) {
      peer.stop();
    }
    delete(peers.get(0).folder());
    Settings.Storage left = Settings.Storage.in(peers.get(1).folder());
    StoreRecovery.Found seen = StoreRecovery.look("b", left);
    assertThat(seen.members()).hasSize(3);
    assertThat(seen.store()).isEqualTo(seen.former());
    StoreRecovery.Found done = StoreRecovery.run("b", left);
    assertThat(done.last()).isEqualTo(seen.last());
    assertThat(done.store()).isNotEqualTo(seen.former());
    Peer alone = new Peer("b");
    await(alone.started);
    assertThat(alone.opens("s")).isTrue();
    assertThat(alone.store.voters()).containsExactly(seen.node());
    // one that has a part of the former store is another store's
    Peer foreign = new Peer("c");
    Await.elapsed(Duration.ofSeconds(2));
    assertThat(foreign.started.isComplete()).isFalse();
    assertThat(alone.store.voters()).containsExactly(seen.node());
    foreign.stop();
    delete(foreign.folder());
    Peer empty = new Peer("c");
    await(empty.started);
    assertThat(empty.opens("s")).isTrue();
    Await.until("both vote", () -> alone.store.voters().size() == 2, () -> alone.store.voters());
  }

  @Test
  void aDirectoryWithoutAPartOfAStoreIsNotRecovered() {
    assertThatThrownBy(() -> StoreRecovery.run("z", Settings.Storage.in(data.resolve("z"))))
        .isInstanceOf(DataDirectoryException.class)
        .hasMessageContaining("has no part of a store");
  }

  private static void damage(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      Path journal =
          files.filter(file -> file.toString().endsWith(".journal")).findFirst().orElseThrow();
      try (FileChannel file =
          FileChannel.open(journal, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
        ByteBuffer one = ByteBuffer.allocate(1);
        long at = file.size() / 2;
        file.read(one, at);
        one.put(0, (byte) (one.get(0) ^ 1)).flip();
        file.write(one, at);
      }
    }
  }

  @Test
  void eachIndexIsToldAndAPlaceInTheLogIsReached() throws Exception {
    List<Peer> peers = three();
    byte[] filter = "a/b".getBytes(StandardCharsets.UTF_8);
    Location here = new Location(peers.get(0).store.node(), 0, 1);
    Outcome.Opened opened =
        (Outcome.Opened) peers.get(0).append(new Command.Open("s", "", false, 100, null, here, 10));
    StoredSubscription subscription =
        new StoredSubscription("a/b", null, filter, 1, false, false, 0, 0);
    peers.get(0).append(new Command.Subscribe("s", opened.epoch(), List.of(subscription)));
    for (Peer peer : peers) {
      CompletableFuture<Boolean> known = new CompletableFuture<>();
      peer.store.reached(
          peers.get(0).store.position(),
          () ->
              known.complete(
                  peer.told.stream()
                      .anyMatch(
                          effect ->
                              effect instanceof Effect.Interest interest && interest.added())));
      assertThat(known.get(20, TimeUnit.SECONDS)).isTrue();
    }
  }

  @Test
  void aLeaderThatStopsHasAnotherLead() throws Exception {
    List<Peer> peers = three();
    Peer leader = peers.stream().filter(peer -> peer.store.leads()).findFirst().orElseThrow();
    leader.stop();
    List<Peer> others = peers.stream().filter(peer -> peer != leader).toList();
    Await.until(
        "another one leads",
        () -> others.stream().anyMatch(peer -> peer.store.leads()),
        () -> others.stream().map(peer -> peer.store.leads()).toList());
    assertThat(others.get(0).opens("s")).isFalse();
  }

  /** A node that leaves without a word leaves its sessions behind, connected as it seems. */
  @Test
  void theSessionsOfANodeThatStaysAwayAreDisconnected() throws Exception {
    List<Peer> peers = three();
    Location there = new Location(peers.get(2).store.node(), 0, 1);
    peers.get(0).append(new Command.Open("s", "", false, 1, null, there, 10));
    peers.get(2).stop();
    Peer one = peers.get(0);
    Await.until(
        "the session has ended",
        () -> {
          one.store.tick();
          peers.get(1).store.tick();
          return one.store.sessions() == 0;
        },
        one.store::sessions);
  }

  @Test
  void aNodeThatDoesNotSeeMostOfThemDisownsItsConnections() throws Exception {
    List<Peer> peers = three();
    peers.get(0).stop();
    assertThat(peers.get(2).opens("s")).as("two of three go on").isFalse();
    peers.get(1).stop();
    Await.until(
        "it is told",
        () -> peers.get(2).told.stream().anyMatch(effect -> effect instanceof Effect.Left),
        () -> peers.get(2).told);
  }

  @Test
  void aNodeThatIsTakenForGoneEnds_andAllHearOfIt() throws Exception {
    List<Peer> peers = three();
    String gone = peers.get(1).store.node();
    assertThat(peers.get(1).store.serves()).isTrue();
    peers.get(0).append(new Command.Gone(gone));
    Await.until("it ends", () -> peers.get(1).ended != null, () -> peers.get(1).told);
    assertThat(peers.get(1).ended).hasMessageContaining(gone);
    for (Peer other : List.of(peers.get(0), peers.get(2))) {
      Await.until("it is told", () -> other.told.contains(new Effect.Left(gone)), () -> other.told);
    }
  }

  /** What a node may do without the others it does for the time of a lease. */
  @Test
  void aNodeWithoutTheOthersServesNoMore() throws Exception {
    List<Peer> peers = three();
    Peer last = peers.get(2);
    peers.get(0).stop();
    peers.get(1).stop();
    long stopped = System.nanoTime();
    Await.until("its lease has ended", () -> !last.store.serves(), last.store::voters);
    assertThat(System.nanoTime() - stopped).isLessThan(Leases.LEASE + TimeUnit.SECONDS.toNanos(1));
  }
}
