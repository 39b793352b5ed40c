package io.busbar.shard;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiPredicate;

/**
 * The stored sessions of a group, by name and in the order of their epochs, in which a checkpoint
 * goes through them.
 */
final class Sessions {
  private final Map<String, StoredSession> byName = new HashMap<>();
  private final Owners owners =
      new Owners(all -> byName.values().forEach(one -> all.accept(one.owner, one.name)));
  private StoredSession first;
  private StoredSession last;

  /** Where a checkpoint goes on, or null. */
  private StoredSession next;

  /** Where a review goes on, or null. */
  private StoredSession reviewed;

  StoredSession get(String name) {
    return byName.get(name);
  }

  int size() {
    return byName.size();
  }

  /** All of them, in no order. */
  Collection<StoredSession> all() {
    return byName.values();
  }

  /** The names of those that belong to someone. */
  Set<String> of(String owner) {
    return owners.of(owner);
  }

  /** Those that are connected at nodes that are gone, in the order of their epochs. */
  List<StoredSession> at(Command.Gone nodes) {
    List<StoredSession> there = new ArrayList<>();
    for (StoredSession session = first; session != null; session = session.after) {
      if (session.location != null && nodes.isOf(session.location.node())) {
        there.add(session);
      }
    }
    return there;
  }

  /** Deliveries in all inboxes. */
  int deliveries() {
    return byName.values().stream().mapToInt(session -> session.inbox.size()).sum();
  }

  /** Adds a session, whose epoch is the greatest. */
  void add(StoredSession session) {
    byName.put(session.name, session);
    owners.added(session.owner, session.name);
    link(session);
  }

  /** The epoch of a session is the greatest now. */
  void renewed(StoredSession session) {
    unlink(session);
    link(session);
  }

  void remove(StoredSession session) {
    byName.remove(session.name);
    owners.removed(session.owner, session.name);
    unlink(session);
  }

  private void link(StoredSession session) {
    session.before = last;
    session.after = null;
    if (last == null) {
      first = session;
    } else {
      last.after = session;
    }
    last = session;
  }

  private void unlink(StoredSession session) {
    if (next == session) {
      next = session.after;
    }
    if (reviewed == session) {
      reviewed = session.after;
    }
    if (session.before == null) {
      first = session.after;
    } else {
      session.before.after = session.after;
    }
    if (session.after == null) {
      last = session.before;
    } else {
      session.after.before = session.before;
    }
  }

  /**
   * Some of those that are wanted, by their names and owners, after a place.
   *
   * @param visits sessions that are looked at, at most
   */
  SessionView.Page list(
      SessionView.Mark after, int most, int visits, BiPredicate<String, String> wanted) {
    List<SessionView> some = new ArrayList<>();
    StoredSession session = after(after);
    for (int i = 0; session != null; session = session.after, i++) {
      if (some.size() == most || i == visits) {
        StoredSession last = session.before;
        return new SessionView.Page(some, new SessionView.Mark(last.name, last.epoch));
      }
      if (wanted.test(session.name, session.owner)) {
        some.add(session.view());
      }
    }
    return new SessionView.Page(some, null);
  }

  private StoredSession after(SessionView.Mark mark) {
    if (mark == null) {
      return first;
    }
    StoredSession at = byName.get(mark.name());
    if (at != null && at.epoch == mark.epoch()) {
      return at.after;
    }
    StoredSession next = first;
    while (next != null && next.epoch <= mark.epoch()) {
      next = next.after;
    }
    return next;
  }

  /** A review begins anew. */
  void beginReview() {
    reviewed = first;
  }

  /** The next so many sessions of a review; none at its end. */
  List<Owned> review(int most) {
    List<Owned> some = new ArrayList<>();
    for (; reviewed != null && some.size() < most; reviewed = reviewed.after) {
      some.add(
          new Owned(reviewed.name, reviewed.owner, List.copyOf(reviewed.subscriptions.values())));
    }
    return some;
  }

  /** A checkpoint begins. */
  void rewind() {
    next = first;
  }

  /** The next session on a checkpoint's way, or null at the end. */
  StoredSession next() {
    StoredSession session = next;
    next = session == null ? null : session.after;
    return session;
  }
}
