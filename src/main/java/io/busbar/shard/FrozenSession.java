package io.busbar.shard;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A session as it was when a checkpoint began. */
final class FrozenSession implements Freezer.Frozen {
  private final String name;
  private final String owner;
  private final long epoch;
  private final long expirySeconds;
  private final int window;
  private final Location location;
  private final Will will;
  private final long willAt;
  private final long endAt;
  private final long scheduledAt;
  private final long scheduled;
  private final long nextSequence;
  private final List<StoredSubscription> subscriptions;
  private final Map<Integer, Sending> receiving;
  private final Map<String, byte[]> replays;
  private final Inbox.Entry[] flight;
  private final Inbox.Entry[] waiting;
  private int written = -1;
  private long sequence;

  private FrozenSession(StoredSession session) {
    name = session.name;
    owner = session.owner;
    epoch = session.epoch;
    expirySeconds = session.expirySeconds;
    window = session.window;
    location = session.location;
    will = session.will;
    willAt = session.willAt;
    endAt = session.endAt;
    scheduledAt = session.scheduledAt;
    scheduled = session.scheduled;
    subscriptions = copy(session.subscriptions.values());
    receiving = session.receiving.isEmpty() ? Map.of() : new LinkedHashMap<>(session.receiving);
    replays = session.replays.isEmpty() ? Map.of() : new LinkedHashMap<>(session.replays);
    nextSequence = session.inbox.next();
    flight = session.inbox.inFlight();
    waiting = session.inbox.thatWait();
  }

  static FrozenSession of(StoredSession session) {
    return new FrozenSession(session);
  }

  private static <T> List<T> copy(Collection<T> from) {
    return from.isEmpty() ? List.of() : new ArrayList<>(from);
  }

  @Override
  public boolean write(CheckpointWriter out) {
    if (written < 0) {
      record(out.item(CheckpointWriter.SESSION));
      receiving.forEach(
          (packetId, sending) -> {
            if (sending != null) {
              sending.write(out.item(CheckpointWriter.SENDING).number(packetId));
            }
          });
      written = 0;
    }
    int all = flight.length + waiting.length;
    while (written < all && !out.isFull()) {
      Inbox.Entry entry =
          written < flight.length ? flight[written] : waiting[written - flight.length];
      delivery(out, entry);
      written++;
    }
    return written == all;
  }

  private void record(FormWriter form) {
    form.string(name).string(owner).number(epoch).number(expirySeconds).number(window);
    ValueForm.write(form, location);
    ValueForm.write(form, will);
    CheckpointWriter.time(form, willAt);
    CheckpointWriter.time(form, endAt);
    CheckpointWriter.time(form, scheduledAt);
    form.number(scheduled).number(nextSequence).number(subscriptions.size());
    subscriptions.forEach(one -> ValueForm.write(form, one));
    form.number(receiving.size());
    receiving.keySet().forEach(form::number);
    form.number(replays.size());
    replays.forEach(
        (filter, after) -> {
          form.string(filter);
          ValueForm.write(form, after);
        });
    form.number(flight.length).number(waiting.length);
  }

  private void delivery(CheckpointWriter out, Inbox.Entry entry) {
    Delivery it = entry.delivery();
    FormWriter form = out.item(CheckpointWriter.DELIVERY);
    int flags = it.qos();
    flags |= it.retain() ? 0x04 : 0;
    flags |= it.sent() ? 0x08 : 0;
    flags |= it.released() ? 0x10 : 0;
    flags |= entry.share() == null ? 0 : 0x20;
    flags |= it.ids().length == 0 ? 0 : 0x40;
    form.u8(flags).number(it.sequence() - sequence);
    sequence = it.sequence();
    out.body(entry.body());
    CheckpointWriter.time(form, it.expiresAt());
    if (entry.share() != null) {
      form.string(entry.share().name()).bytes(entry.share().filter());
    }
    if (it.ids().length > 0) {
      form.number(it.ids().length);
      for (int id : it.ids()) {
        form.number(id);
      }
    }
  }
}
