package io.busbar.store;

import io.busbar.bus.Wire;
import io.busbar.shard.Command;
import io.busbar.shard.Effect;
import io.busbar.shard.EventQueueView;
import io.busbar.shard.InboxPage;
import io.busbar.shard.Outcome;
import io.busbar.shard.Owned;
import io.busbar.shard.Retained;
import io.busbar.shard.SessionView;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.util.Collection;
import java.util.List;
import java.util.function.BiPredicate;
import java.util.function.Consumer;

/**
 * The log behind the stored sessions and retained messages of a node.
 *
 * <p>One thread calls it, the session verticle's. The store calls back on a thread of its own, or
 * within the call; never on two threads at once. Answers and effects come in the order of the log:
 * whoever hands them on in their order tells everybody of an effect before the outcome that had it.
 */
public interface Store {
  /** What one page of retained messages holds at most. */
  int PAGE_MESSAGES = 256;

  /** Their bytes at most, unless it is one message. */
  int PAGE_BYTES = 256 * 1024;

  /**
   * Opens what is kept and begins to serve; before it has begun, nothing else may be called but
   * what a {@linkplain #isShared shared} one has for its nodes.
   *
   * @param vertx for connections to the stores of other nodes
   * @param effects is told what entries want done, those of other nodes included
   * @return fails if what is kept cannot be used
   */
  Future<Void> start(Vertx vertx, Consumer<Effect> effects);

  /**
   * Ends; what was not answered by then never is. Completes when nothing is open or called back any
   * more.
   */
  Future<Void> close();

  /**
   * Appends a batch. Batches take effect and are answered in the order in which they are given, so
   * that an empty one is answered when those before it are; one that is refused may be so before
   * them. A store without room refuses a batch with a command that {@linkplain Command#needsRoom
   * needs it} and takes others.
   *
   * @param commands not changed any more
   * @param feed whose it is
   * @param then gets the answer, once; effects of the batch come before it
   */
  void append(List<Command> commands, Feed feed, Consumer<Appended> then);

  /** The same, of a batch that is taken or not, whatever becomes of others. */
  default void append(List<Command> commands, Consumer<Appended> then) {
    append(commands, Feed.NONE, then);
  }

  /**
   * A page of the retained messages that match a filter, not older than what was answered before
   * the call.
   *
   * @param after {@link Retained.Page#next} of the page before, or null
   * @param then not called if there is nothing to read from: who asks has a time-out
   */
  void retained(byte[] filter, byte[] after, Consumer<Retained.Page> then);

  /**
   * A page of what a stored session is to get for a subscription ({@link
   * io.busbar.shard.Group#retained(String, String, byte[], int, long, long)}), whose SUBSCRIBE was
   * answered here or whose session was opened here.
   *
   * @param then not called if there is nothing to read from: who asks has a time-out
   */
  void retained(String session, String name, byte[] after, Consumer<Retained.Page> then);

  /**
   * The deliveries of a session's inbox from a sequence on, at most so many; none for an epoch that
   * is not the session's. Not older than the bells and answers before the call.
   *
   * @param then not called if there is nothing to read from: who asks has a time-out
   */
  void inbox(String session, long epoch, long from, int most, Consumer<InboxPage> then);

  /**
   * The bytes of events that were given out, in their order; null for one that is gone. Not older
   * than the answer that gave them out.
   *
   * @param then not called if there is nothing to read from: who asks has a time-out
   */
  void events(String queue, List<Outcome.Took> took, Consumer<List<byte[]>> then);

  /**
   * What waits in queues of events, in the order of their names.
   *
   * @param after the name that they come after, or null
   * @param then not called if there is nothing to read from: who asks has a time-out
   */
  void queues(String after, int most, Consumer<List<EventQueueView>> then);

  /**
   * A stored session, or null.
   *
   * @param then not called if there is nothing to read from: who asks has a time-out
   */
  void session(String name, Consumer<SessionView> then);

  /**
   * Some of the stored sessions.
   *
   * @param after {@link SessionView.Page#next} of the page before, or null for the first
   * @param wanted by the session's name, and its owner
   * @param then not called if there is nothing to read from: who asks has a time-out
   */
  void sessions(
      SessionView.Mark after,
      int most,
      BiPredicate<String, String> wanted,
      Consumer<SessionView.Page> then);

  /**
   * Has {@link Effect.Watched} told of some sessions: by one of the nodes that share the store.
   *
   * @param sessions by the session's name, and its owner; null for none
   */
  void watch(BiPredicate<String, String> sessions);

  /** Whether all nodes have one store: what one keeps is kept for all. */
  default boolean isShared() {
    return false;
  }

  /**
   * Whether this node may serve devices now: take what they send, and let them have what is for
   * them. One that shares a store may not for longer than {@link Leases#LEASE} after the others
   * have heard of it last, so that they know when it does not. From any thread, at little cost.
   */
  default boolean serves() {
    return true;
  }

  /** Who this node is in a shared store, or null while it does not know; from any thread. */
  default Wire.Introduction introduction() {
    return null;
  }

  /**
   * What all nodes of a shared store understand ({@link Wire.Introduction#forms}), for all that is
   * known; from any thread, at little cost.
   */
  default int forms() {
    return 0;
  }

  /**
   * The other nodes that are there now, as they introduced themselves.
   *
   * @param areAll whether no other is there that has not
   */
  default void met(Collection<Wire.Introduction> others, boolean areAll) {
    throw new IllegalStateException("a store of one node");
  }

  /** A place in the log of a shared store behind all that was answered here; from any thread. */
  default long position() {
    throw new IllegalStateException("a store of one node");
  }

  /**
   * Calls back when a shared store has told of all effects up to a place; at once if it does not
   * serve yet: then it will not before it has come there.
   */
  default void reached(long position, Runnable then) {
    throw new IllegalStateException("a store of one node");
  }

  /**
   * The nodes that share the store, as this one sees them; how far they are behind only the leader
   * knows. May be called before it serves.
   *
   * @param then not called if it is not open yet: who asks has a time-out
   */
  default void view(Consumer<Wire.StoreView> then) {
    throw new IllegalStateException("a store of one node");
  }

  /**
   * A node that is away is no member any more, if this one leads.
   *
   * @param node its id in the store
   * @param then whether that will be done
   */
  default void giveUp(String node, Consumer<Boolean> then) {
    throw new IllegalStateException("a store of one node");
  }

  /**
   * Hands on what this node has of a shared store. Completes when it is no member any more: then
   * nothing is appended or read here, and its disk is empty once it is closed.
   */
  default Future<Void> leave() {
    throw new IllegalStateException("a store of one node");
  }

  /** What this node is called in the {@link io.busbar.shard.Location}s of its connections. */
  String node();

  /** Has what is due happen: called a few times a second. */
  void tick();

  /**
   * Some of the stored sessions that are this node's to look after: all of them, if it leads a
   * shared store, else none.
   *
   * @param isNew whether a reading of all begins; else it goes on
   * @param then gets none at the end
   */
  void review(boolean isNew, int most, Consumer<List<Owned>> then);

  /** Stored sessions; from any thread, at little cost. */
  int sessions();

  /** Retained messages; from any thread, at little cost. */
  int retainedMessages();

  /** The bytes of the retained messages; from any thread, at little cost. */
  long retainedBytes();

  /** Retained messages that have expired since it was started; from any thread, at little cost. */
  long retainedExpired();

  /** Events in queues; for any thread, as it was some time ago. */
  int queuedEvents();

  /**
   * Deliveries that were there already, or were to be handed on, when it was started; 0 if it is
   * shared, for another node has counted them.
   */
  int restored();
}
