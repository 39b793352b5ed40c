package io.busbar.broker;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.bus.Bus;
import io.busbar.bus.Wire;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.eventbus.Message;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Whoever waits until another node knows a filter is told, whenever he begins to wait. */
class PeerTest {
  private static final Wire.Change CHANGE = new Wire.Change(new byte[] {'a'}, null, false, 1);

  private final Vertx vertx = Vertx.vertx();
  private final Context context = vertx.getOrCreateContext();
  private final BlockingQueue<Message<Buffer>> asked = new LinkedBlockingQueue<>();
  private Peer peer;

  @BeforeEach
  void start() throws Exception {
    vertx.eventBus().<Buffer>consumer(Bus.nodeMatching("other"), asked::add);
    peer = new Peer(vertx, "other", () -> new Peer.Snapshot("self", 1, 1, List::of));
    Future<Void> whole = on(() -> peer.confirmed());
    answer(true);
    await(whole);
  }

  @AfterEach
  void close() throws Exception {
    await(vertx.close());
  }

  /** Runs it on one thread, as the matching verticle does. */
  private <T> Future<T> on(Supplier<Future<T>> call) {
    Promise<T> promise = Promise.promise();
    context.runOnContext(v -> call.get().onComplete(promise));
    return promise.future();
  }

  private static <T> T await(Future<T> future) throws Exception {
    return future.toCompletionStage().toCompletableFuture().get(10, TimeUnit.SECONDS);
  }

  private void answer(boolean yes) throws Exception {
    Message<Buffer> message = asked.poll(10, TimeUnit.SECONDS);
    assertThat(message).isNotNull();
    message.reply(Wire.verdict(yes));
  }

  private Future<Void> change() {
    return on(
        () -> {
          peer.changed(CHANGE);
          return peer.confirmed();
        });
  }

  @Test
  void whoWaitsWhileAMessageIsOnItsWay_andHasNothingToAdd() throws Exception {
    Future<Void> first = change();
    Future<Void> second = on(() -> peer.confirmed());
    answer(true);
    await(first);
    await(second);
  }

  @Test
  void whoAddsSomethingMeanwhileWaitsForTheNextMessage() throws Exception {
    Future<Void> first = change();
    Future<Void> second = change();
    answer(true);
    await(first);
    assertThat(second.isComplete()).isFalse();
    answer(true);
    await(second);
  }

  @Test
  void whatIsNotTakenIsToldAgain() throws Exception {
    Future<Void> first = change();
    answer(false);
    Future<Void> second = on(() -> peer.confirmed());
    answer(true);
    await(first);
    await(second);
  }
}
