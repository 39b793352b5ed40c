package io.busbar.shard;

import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32C;

/** Reads a checkpoint, whose form {@link CheckpointWriter} tells, into a new machine. */
final class Restore {
  private static final int[] NO_IDS = {};

  private final InputStream bytes;
  private final List<Body> bodies = new ArrayList<>();
  private final List<Stream> streams = new ArrayList<>();
  private final List<Effect.Pending> effects = new ArrayList<>();
  private final List<Group.Once> onces = new ArrayList<>();
  private final List<StoredSession> sessions = new ArrayList<>();
  private final List<Pool> pools = new ArrayList<>();
  private final Map<Share.Key, Share.Key> keys = new HashMap<>();
  private CheckpointHeader header;
  private Group group;
  private long items;
  private boolean isAtEnd;

  /**
   * What the deliveries and pooled messages that follow belong to, and how many are still to come.
   */
  private StoredSession session;

  private Pool pool;
  private int flight;
  private int waiting;
  private int pooled;
  private EventQueue queue;
  private int events;
  private long sequence;

  /** A share whose members are known by their names. */
  private record Pool(Share share, List<String> members) {}

  Restore(InputStream bytes) {
    this.bytes = bytes;
  }

  Machine machine() throws IOException {
    for (long block = 0; !isAtEnd; block++) {
      FormReader in = block(block);
      while (!in.isAtEnd()) {
        item(in);
      }
    }
    if (bytes.read() >= 0) {
      throw new FormException("bytes follow the end of the checkpoint");
    }
    // so a session that changed while the checkpoint was written comes to its place
    sessions.sort(Comparator.comparingLong(one -> one.epoch));
    sessions.forEach(group::restore);
    pools.forEach(this::share);
    group.restore(header, effects, onces);
    return new Machine(group, header.now(), streams);
  }

  private FormReader block(long number) throws IOException {
    byte[] head = bytes.readNBytes(8);
    int length = head.length < 8 ? -1 : i32(head, 0);
    byte[] payload = length <= 0 ? head : bytes.readNBytes(length);
    if (length <= 0 || payload.length < length) {
      throw new FormException.Damaged(
          "the checkpoint ends within block " + number + ", or is damaged");
    }
    CRC32C crc = new CRC32C();
    crc.update(payload);
    if ((int) crc.getValue() != i32(head, 4)) {
      throw new FormException.Damaged("block " + number + " of the checkpoint is damaged");
    }
    return new FormReader(payload);
  }

  private static int i32(byte[] from, int at) {
    int value = 0;
    for (int i = 0; i < 4; i++) {
      value = value << 8 | (from[at + i] & 0xff);
    }
    return value;
  }

  private void item(FormReader in) {
    int kind = in.u8();
    boolean isPart =
        kind == CheckpointWriter.DELIVERY
            || kind == CheckpointWriter.POOLED
            || kind == CheckpointWriter.EVENT;
    boolean isWhole = flight + waiting + pooled + events == 0;
    boolean isOfSession = kind == CheckpointWriter.SENDING && session != null && sequence == 0;
    boolean isInPlace = isOfSession || isPart != isWhole;
    if (isAtEnd || !isInPlace || (header == null) != (kind == CheckpointWriter.HEADER)) {
      throw in.wrong("an item of kind " + kind + " where none may be");
    }
    switch (kind) {
      case CheckpointWriter.HEADER -> {
        header = CheckpointHeader.read(in);
        group = new Group(header.bounds());
      }
      case CheckpointWriter.STREAM -> streams.add(Stream.read(in));
      case CheckpointWriter.WILL ->
          effects.add(new Effect.WillDue(in.number(), in.string(), in.string(), in.bytes()));
      case CheckpointWriter.REPICK ->
          effects.add(new Effect.Repick(in.number(), in.string(), in.bytes(), in.bytes()));
      case CheckpointWriter.ONCE -> onces.add(new Group.Once(in.u31(), in.number()));
      case CheckpointWriter.SESSION -> session(in);
      case CheckpointWriter.DELIVERY -> delivery(in);
      case CheckpointWriter.SHARE -> {
        pool = new Pool(new Share(key(in)), in.list(FormReader::string));
        pooled = in.u31();
        pools.add(pool);
      }
      case CheckpointWriter.POOLED -> {
        pool.share.add(new Share.Pooled(body(in), in.u8(), time(in)));
        pooled--;
      }
      case CheckpointWriter.RETAINED -> group.retained().restore(in.bytes(), time(in));
      case CheckpointWriter.RESOURCE ->
          group
              .resources()
              .restore(
                  new StoredResource(
                      in.u8(),
                      in.string(),
                      ValueForm.string(in),
                      in.string(),
                      in.number(),
                      in.number(),
                      in.bytes()));
      case CheckpointWriter.QUEUE -> {
        queue = EventQueue.restore(group.eventQueues(), in);
        events = in.u31();
        group.eventQueues().restore(queue);
      }
      case CheckpointWriter.EVENT -> {
        queue.restore(
            new EventQueue.Event(
                in.number(),
                body(in),
                in.number(),
                in.u31(),
                in.flag(),
                in.number(),
                in.number(),
                in.number(),
                in.u31(),
                DeadLetter.read(in)));
        events--;
      }
      case CheckpointWriter.FORMS -> group.understood(in.u31());
      case CheckpointWriter.SENDING -> session.receiving.put(in.u31(), Sending.read(in));
      case CheckpointWriter.END -> {
        if (in.number() != items) {
          throw in.wrong("the checkpoint lacks items");
        }
        isAtEnd = true;
      }
      default -> throw in.wrong("an item of kind " + kind);
    }
    items++;
  }

  private void session(FormReader in) {
    session = new StoredSession(in.string(), in.string());
    session.epoch = in.number();
    session.expirySeconds = in.number();
    session.window = in.u31();
    session.location = ValueForm.location(in);
    session.will = ValueForm.will(in);
    session.willAt = time(in);
    session.endAt = time(in);
    session.scheduledAt = time(in);
    session.scheduled = in.number();
    session.inbox.restore(in.number());
    for (StoredSubscription one : in.list(ValueForm::subscription)) {
      session.subscriptions.put(one.name(), one);
    }
    in.list(FormReader::u31).forEach(packetId -> session.receiving.put(packetId, null));
    for (int i = in.count(); i > 0; i--) {
      session.replays.put(in.string(), ValueForm.bytes(in));
    }
    flight = in.u31();
    waiting = in.u31();
    sequence = 0;
    sessions.add(session);
  }

  private void delivery(FormReader in) {
    int flags = in.u8();
    sequence += in.number();
    Body body = body(in);
    long expiresAt = time(in);
    Share.Key share = (flags & 0x20) == 0 ? null : key(in);
    int[] ids = NO_IDS;
    if ((flags & 0x40) != 0) {
      ids = new int[in.count()];
      for (int i = 0; i < ids.length; i++) {
        ids[i] = in.u31();
      }
    }
    Delivery delivery =
        new Delivery(
            sequence,
            body.packet,
            flags & 0x03,
            (flags & 0x04) != 0,
            ids,
            expiresAt,
            (flags & 0x08) != 0,
            (flags & 0x10) != 0);
    boolean isInFlight = flight > 0;
    session.inbox.restore(new Inbox.Entry(delivery, body, share), isInFlight);
    flight -= isInFlight ? 1 : 0;
    waiting -= isInFlight ? 0 : 1;
  }

  private Body body(FormReader in) {
    int ordinal = in.number(bodies.size(), "the number of a body");
    if (ordinal > 0) {
      return bodies.get(ordinal - 1);
    }
    Body body = new Body(in.bytes());
    bodies.add(body);
    return body;
  }

  private Share.Key key(FormReader in) {
    Share.Key key = new Share.Key(in.string(), in.bytes());
    Share.Key known = keys.putIfAbsent(key, key);
    return known == null ? key : known;
  }

  private static long time(FormReader in) {
    long time = in.number();
    return time == 0 ? Long.MAX_VALUE : time - 1;
  }

  private void share(Pool restored) {
    Share share = restored.share;
    String name = StoredSubscription.name(share.key.name(), share.key.filter());
    for (String one : restored.members) {
      StoredSession member = group.session(one);
      if (member == null || !member.subscriptions.containsKey(name)) {
        throw new FormException("a member of " + name + " is missing in the checkpoint");
      }
      share.members.put(member, member.subscriptions.get(name));
    }
    group.restore(share);
  }
}
