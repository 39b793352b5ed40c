package io.busbar.store;

import io.busbar.shard.Command;
import io.busbar.shard.Delivery;
import io.busbar.shard.Outcome;
import io.busbar.shard.Retained;
import java.util.List;
import java.util.function.Consumer;

/**
 * The log behind the stored sessions and retained messages of a node. Called from one thread, the
 * session verticle's, which also takes the outcomes and effects.
 */
public interface Store {
  /**
   * Appends an entry. Entries take effect in the order in which they are appended.
   *
   * @param then gets the outcome when the entry is as safe as the store promises; effects of the
   *     entry come before it
   */
  void append(Command command, Consumer<Outcome> then);

  /**
   * A page of the retained messages that match a filter, as of now.
   *
   * @param after {@link Retained.Page#next} of the page before, or null
   */
  Retained.Page retained(byte[] filter, byte[] after);

  /**
   * The deliveries of a session's inbox from a sequence on, at most so many; none for an epoch that
   * is not the session's.
   */
  List<Delivery> inbox(String session, long epoch, long from, int most);

  /** Has what is due happen: called a few times a second. */
  void tick();

  /** Stored sessions. */
  int sessions();

  /** Retained messages. */
  int retainedMessages();
}
