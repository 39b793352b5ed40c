package io.busbar.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.busbar.config.Durability;
import io.busbar.config.Settings;
import io.busbar.shard.Bounds;
import io.busbar.shard.Command;
import io.busbar.shard.Location;
import io.busbar.shard.Outcome;
import io.vertx.core.Future;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A store on a directory: what it finds again, and what it refuses to go on with. */
class DurableStoreTest {
  @TempDir private Path data;
  private final List<DurableStore> open = new ArrayList<>();

  @AfterEach
  void close() throws Exception {
    for (DurableStore store : open) {
      await(store.close());
    }
  }

  private static <T> T await(Future<T> future) throws Exception {
    return future.toCompletionStage().toCompletableFuture().get(20, TimeUnit.SECONDS);
  }

  private DurableStore start(boolean acceptsLoss) throws Exception {
    Settings.Storage storage = new Settings.Storage(data, Durability.FSYNC, 1 << 20);
    DurableStore store =
        new DurableStore(
            "node-1",
            acceptsLoss ? storage.acceptingLoss() : storage,
            null,
            Bounds.INITIAL,
            new NoMeters(),
            cause -> {
              throw new AssertionError(cause);
            },
            Set.of(),
            UnaryOperator.identity());
    try {
      await(store.start(null, effect -> {}));
    } catch (ExecutionException e) {
      await(store.close());
      throw e;
    }
    open.add(store);
    return store;
  }

  private void stop(DurableStore store) throws Exception {
    await(store.close());
    open.remove(store);
  }

  private static Outcome append(DurableStore store, Command command) throws Exception {
    CompletableFuture<Appended> answer = new CompletableFuture<>();
    store.append(List.of(command), answer::complete);
    return ((Appended.Outcomes) answer.get(20, TimeUnit.SECONDS)).outcomes().get(0);
  }

  private static boolean opens(DurableStore store, String session) throws Exception {
    Location here = new Location(store.node(), 0, 1);
    Outcome outcome =
        append(store, new Command.Open(session, "", false, 1_000_000, null, here, 10));
    return ((Outcome.Opened) outcome).present();
  }

  private Path journal() throws IOException {
    try (Stream<Path> files = Files.list(data.resolve("store"))) {
      return files.filter(file -> file.toString().endsWith(".journal")).findFirst().orElseThrow();
    }
  }

  /** Flips a bit so far from the end. */
  private void damage(long fromEnd) throws IOException {
    try (FileChannel file =
        FileChannel.open(journal(), StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      long at = file.size() - fromEnd;
      ByteBuffer one = ByteBuffer.allocate(1);
      file.read(one, at);
      one.put(0, (byte) (one.get(0) ^ 1)).flip();
      file.write(one, at);
    }
  }

  /** A node of an earlier version would not know the entry, and end. */
  @Test
  void whatAllUnderstandIsSaid_onceAllUnderstandThatEntry() {
    assertThat(DurableStore.isToBeSaid(1, 0)).isFalse();
    assertThat(DurableStore.isToBeSaid(2, 0)).isFalse();
    assertThat(DurableStore.isToBeSaid(3, 0)).isTrue();
    assertThat(DurableStore.isToBeSaid(3, 3)).isFalse();
    assertThat(DurableStore.isToBeSaid(3, 4)).isFalse();
    assertThat(DurableStore.isToBeSaid(4, 3)).isTrue();
  }

  @Test
  void whatWasAnsweredIsThereAgain() throws Exception {
    DurableStore store = start(false);
    assertThat(opens(store, "one")).isFalse();
    stop(store);
    store = start(false);
    assertThat(store.sessions()).isEqualTo(1);
    assertThat(opens(store, "one")).isTrue();
    assertThat(opens(store, "two")).isFalse();
  }

  @Test
  void oneProcessHasIt() throws Exception {
    start(false);
    assertThatThrownBy(() -> start(false))
        .hasCauseInstanceOf(DataDirectoryException.class)
        .hasMessageContaining("in use");
  }

  @Test
  void aTornTailIsCut() throws Exception {
    DurableStore store = start(false);
    opens(store, "one");
    stop(store);
    Files.write(journal(), new byte[] {1, 2, 3}, StandardOpenOption.APPEND);
    assertThat(opens(start(false), "one")).isTrue();
  }

  @Test
  void damageIsRefusedUntilTheLossIsAccepted() throws Exception {
    DurableStore store = start(false);
    opens(store, "before");
    final long before = Files.size(journal());
    opens(store, "after");
    opens(store, "more");
    stop(store);
    damage(Files.size(journal()) - before - 40);
    assertThatThrownBy(() -> start(false))
        .hasCauseInstanceOf(DataDirectoryException.class)
        .hasMessageContaining("the journal is damaged at position " + before)
        .hasMessageContaining("busbar start --accept-loss");

    DurableStore again = start(true);
    assertThat(again.sessions()).isEqualTo(1);
    assertThat(opens(again, "before")).isTrue();
    assertThat(data.resolve("store.damaged-1")).isDirectoryContaining("glob:**.journal");
    stop(again);
    assertThat(opens(start(false), "before")).as("and goes on from there").isTrue();
  }

  @Test
  void aLostJournalIsRefused() throws Exception {
    DurableStore store = start(false);
    opens(store, "one");
    stop(store);
    Files.delete(journal());
    for (int attempt = 0; attempt < 2; attempt++) {
      assertThatThrownBy(() -> start(false))
          .hasCauseInstanceOf(DataDirectoryException.class)
          .hasMessageContaining("has lost its journal")
          .hasMessageContaining("busbar start --accept-loss");
    }
    assertThat(start(true).sessions()).isZero();
  }
}
