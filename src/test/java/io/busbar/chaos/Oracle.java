package io.busbar.chaos;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * Judges the records of the clients. Every subscriber had its SUBACK, for all streams, before the
 * first message was sent.
 *
 * <p>A QoS 1 message may come more than once: for each time that its publisher sent it again, and
 * once on each further connection of the subscriber [MQTT-4.3.2-4] [MQTT-4.4.0-1]. More often is
 * {@link Kind#EXCESS}. That a copy on a further connection must carry DUP [MQTT-3.3.1-1] is counted
 * but no violation: a broker that was killed between sending and writing that down cannot know.
 *
 * <p>Order is that of the first arrivals: at QoS 1 publishers, and brokers, repeat older messages
 * after newer ones (section 4.6).
 */
final class Oracle {
  /** What a broker did wrong. */
  enum Kind {
    /** Acknowledged, and never came. */
    LOST,
    /** QoS 2, and came twice. */
    DUPLICATED,
    /** QoS 1, and came more often than the standard allows. */
    EXCESS,
    /** Came for the first time after one that was sent later. */
    REORDERED,
    /** Acknowledged while somebody without a stored session was subscribed, and never came. */
    UNHEARD,
    /** Retained, and not what nodes tell a new subscriber, or not what all of them do. */
    RETAINED,
    /** Came, and nobody sent it, or not so. */
    FOREIGN,
    /** A stored session, acknowledged by CONNACK, was not there any more. */
    SESSION_LOST
  }

  /** One subscriber's record. */
  record Listener(
      String name,
      boolean isOrdered,
      List<Heard> heard,
      long foreign,
      List<String> foreigners,
      int sessionsLost) {}

  /**
   * What came of the streams of one QoS at one subscriber.
   *
   * @param delivered different messages
   * @param copies arrivals beyond the first of each message
   * @param withoutDup copies on a further connection, not sent again by the publisher, without DUP
   */
  record Row(
      String listener,
      int qos,
      long sent,
      long acknowledged,
      long delivered,
      long lost,
      long copies,
      long excess,
      long withoutDup,
      long reordered) {}

  /** All that was found. */
  record Verdict(List<Row> rows, Map<Kind, Long> violations, List<String> first) {
    boolean isClean() {
      return violations.values().stream().allMatch(count -> count == 0);
    }
  }

  private static final int NAMED = 10;

  /** More than one subscriber has. */
  private static final int CONNECTIONS = 1_000_000;

  /** How long after its acknowledgement a message may come, in ns. */
  private static final long UNDER_WAY = TimeUnit.SECONDS.toNanos(10);

  private final List<Sent> sent;
  private final List<Row> rows = new ArrayList<>();
  private final Map<Kind, Long> violations = new EnumMap<>(Kind.class);
  private final List<String> first = new ArrayList<>();
  private final long now;

  private Oracle(List<Sent> sent, long now) {
    this.sent = sent;
    this.now = now;
    for (Kind kind : Kind.values()) {
      violations.put(kind, 0L);
    }
  }

  /**
   * Judges a run.
   *
   * @param sent by stream
   * @param publisherSessionsLost how often a publisher's session was gone
   * @param publishersForeign what publishers got that answers nothing, in words
   */
  static Verdict judge(
      List<Sent> sent,
      List<Listener> listeners,
      int publisherSessionsLost,
      List<String> publishersForeign) {
    return judge(
        sent, listeners, List.of(), List.of(), publisherSessionsLost, publishersForeign, 0);
  }

  /** The record of sessions among which each message comes to one, in no order. */
  static Listener together(String name, List<Subscriber> members, int streams) {
    List<Heard> all = new ArrayList<>();
    List<String> foreign = new ArrayList<>();
    for (int stream = 0; stream < streams; stream++) {
      Heard heard = new Heard();
      for (int i = 0; i < members.size(); i++) {
        heard.addAll(members.get(i).heard().get(stream), i * CONNECTIONS);
      }
      all.add(heard);
    }
    members.forEach(one -> foreign.addAll(one.foreign()));
    return new Listener(
        name,
        false,
        all,
        members.stream().mapToLong(Subscriber::foreigners).sum(),
        foreign,
        members.stream().mapToInt(Client::sessionsLost).sum());
  }

  /**
   * Judges a run.
   *
   * @param visitors who has heard what while it was connected
   * @param retained what is wrong with retained messages, in words
   * @param now when visitors that are connected still have heard what they have, in ns
   */
  static Verdict judge(
      List<Sent> sent,
      List<Listener> listeners,
      List<Visitor> visitors,
      List<String> retained,
      int publisherSessionsLost,
      List<String> publishersForeign,
      long now) {
    Oracle oracle = new Oracle(sent, now);
    visitors.forEach(oracle::visitor);
    retained.forEach(what -> oracle.found(Kind.RETAINED, 1, () -> what));
    oracle.found(Kind.SESSION_LOST, publisherSessionsLost, () -> "of publishers");
    publishersForeign.forEach(what -> oracle.found(Kind.FOREIGN, 1, () -> what));
    for (Listener listener : listeners) {
      oracle.found(Kind.SESSION_LOST, listener.sessionsLost, () -> listener.name);
      oracle.found(
          Kind.FOREIGN, listener.foreign - listener.foreigners.size(), () -> listener.name);
      listener.foreigners.forEach(
          what -> oracle.found(Kind.FOREIGN, 1, () -> listener.name + ": " + what));
      for (int qos = 1; qos <= 2; qos++) {
        oracle.listener(listener, qos);
      }
    }
    return new Verdict(oracle.rows, oracle.violations, oracle.first);
  }

  /**
   * Whatever began after SUBACK, and was acknowledged, came if the connection lasted; and no QoS 2
   * message came twice on one.
   */
  private void visitor(Visitor visitor) {
    Sent stream = visitor.stream();
    Map<Integer, BitSet> heard = new HashMap<>();
    Heard all = visitor.heard();
    for (int i = 0; i < all.count(); i++) {
      int connection = all.connection(i);
      int sequence = all.sequence(i);
      BitSet here = heard.computeIfAbsent(connection, c -> new BitSet());
      if (stream.qos == 2 && here.get(sequence)) {
        found(
            Kind.DUPLICATED,
            1,
            () ->
                "%s, connection %d: %s %d came again"
                    .formatted(visitor.id, connection, stream.topic, sequence));
      }
      here.set(sequence);
    }
    for (Visitor.Stay stay : visitor.stays()) {
      BitSet here = heard.getOrDefault(stay.connection, new BitSet());
      stream.acknowledged().stream()
          .filter(one -> stream.sentAt(one) > stay.from && !here.get(one))
          .filter(one -> stream.acknowledgedAt(one) + UNDER_WAY < Math.min(stay.to, now))
          .forEach(
              one ->
                  found(
                      Kind.UNHEARD,
                      1,
                      () ->
                          "%s, connection %d: %s %d was sent %d ms after SUBACK"
                              .formatted(
                                  visitor.id,
                                  stay.connection,
                                  stream.topic,
                                  one,
                                  (stream.sentAt(one) - stay.from) / 1_000_000)));
    }
  }

  private void listener(Listener listener, int qos) {
    Tally sum = new Tally();
    for (int i = 0; i < sent.size(); i++) {
      if (sent.get(i).qos == qos && sent.get(i).isKept) {
        stream(listener, sent.get(i), listener.heard.get(i), sum);
      }
    }
    if (sum.sent > 0) {
      rows.add(
          new Row(
              listener.name,
              qos,
              sum.sent,
              sum.acknowledged,
              sum.delivered,
              sum.lost,
              sum.copies,
              sum.excess,
              sum.withoutDup,
              sum.reordered));
    }
  }

  private static final class Tally {
    long sent;
    long acknowledged;
    long delivered;
    long lost;
    long copies;
    long excess;
    long withoutDup;
    long reordered;
  }

  private void stream(Listener listener, Sent stream, Heard heard, Tally sum) {
    String name = listener.name;
    BitSet seen = new BitSet(stream.count());
    int[] connection = new int[stream.count()];
    int[] onConnection = new int[stream.count()];
    int newest = -1;
    for (int i = 0; i < heard.count(); i++) {
      int sequence = heard.sequence(i);
      Supplier<String> which = () -> "%s: %s %d".formatted(name, stream.topic, sequence);
      if (sequence < 0 || sequence >= stream.count()) {
        found(Kind.FOREIGN, 1, () -> which.get() + " was never sent");
        continue;
      }
      boolean isNewConnection = heard.connection(i) != connection[sequence];
      connection[sequence] = heard.connection(i);
      onConnection[sequence] = isNewConnection ? 1 : onConnection[sequence] + 1;
      int times = onConnection[sequence];
      int allowed = 1 + stream.repeats(sequence);
      if (!seen.get(sequence)) {
        seen.set(sequence);
        if (stream.isOfConnections && !stream.acknowledged().get(sequence)) {
          continue;
        }
        if (sequence < newest && listener.isOrdered) {
          sum.reordered++;
          int before = newest;
          found(Kind.REORDERED, 1, () -> "%s came after %d".formatted(which.get(), before));
        }
        newest = Math.max(newest, sequence);
        continue;
      }
      sum.copies++;
      if (stream.qos == 2) {
        found(Kind.DUPLICATED, 1, () -> which.get() + " came again");
      } else if (times > allowed) {
        sum.excess++;
        found(
            Kind.EXCESS,
            1,
            () ->
                "%s came %d times on one connection, and was sent %d times"
                    .formatted(which.get(), times, allowed));
      } else if (isNewConnection && allowed == 1 && !heard.dup(i)) {
        sum.withoutDup++;
      }
    }
    BitSet lost = (BitSet) stream.acknowledged().clone();
    lost.andNot(seen);
    lost.stream()
        .forEach(
            sequence ->
                found(
                    Kind.LOST,
                    1,
                    () ->
                        "%s: %s %d (QoS %d) was acknowledged and never came"
                            .formatted(name, stream.topic, sequence, stream.qos)));
    sum.sent += stream.count();
    sum.acknowledged += stream.acknowledged().cardinality();
    sum.delivered += seen.cardinality();
    sum.lost += lost.cardinality();
  }

  private void found(Kind kind, long count, Supplier<String> which) {
    if (count > 0) {
      violations.merge(kind, count, Long::sum);
      if (first.size() < NAMED) {
        first.add(kind + " " + which.get());
      }
    }
  }
}
