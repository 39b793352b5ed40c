package io.busbar.chaos;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.netty.buffer.ByteBuf;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** A durable session that hears all streams at QoS 2 at most, and writes down what comes. */
final class Subscriber extends Client {
  /** How it keeps its connection while the messages are published. */
  enum Habit {
    /** Connected, as far as the broker lets it. */
    ONLINE,
    /** Subscribes, leaves, and comes back when publishing pauses. */
    OFFLINE,
    /** Comes and goes, half of the times without a word. */
    RECONNECTING
  }

  /** Topic filter that takes all. */
  static final String FILTER = "kill/#";

  private static final int SUBSCRIBE_ID = 1;
  private static final int QOS = 2;

  /** Nothing that is retained: it comes beside what is sent, and nobody could tell one copy. */
  private static final int OPTIONS = QOS | 0x20;

  private static final int MOST_FOREIGN = 100;

  /** Longest time of one stay or absence. */
  private static final int MOST_MILLIS = 1_500;

  final Habit habit;
  private final String filter;
  private final long run;
  private final List<Sent> sent;
  private final List<Heard> heard = new ArrayList<>();
  private final List<String> foreign = new ArrayList<>();

  /** QoS 2 messages whose PUBREL has not come, by packet id. */
  private final Map<Integer, Message> received = new HashMap<>();

  private final Random random;
  private boolean subscribed;
  private boolean roaming;
  private long foreigners;
  private long arrivals;

  Subscriber(
      Loop loop,
      Habit habit,
      String filter,
      List<InetSocketAddress> nodes,
      int number,
      long run,
      List<Sent> sent,
      long seed) {
    super(loop, "kill-sub-" + number, nodes, number);
    this.habit = habit;
    this.filter = filter;
    this.run = run;
    this.sent = sent;
    this.random = new Random(seed);
    sent.forEach(stream -> heard.add(new Heard()));
  }

  /** Whether it is connected and its SUBACK has come. */
  boolean isListening() {
    return isOpen() && subscribed;
  }

  /** Whether all messages are for it; else for one of those that share its subscription. */
  boolean getsAll() {
    return filter.equals(FILTER);
  }

  /** PUBLISH packets so far. */
  long arrivals() {
    return arrivals;
  }

  /** By stream. */
  List<Heard> heard() {
    return heard;
  }

  /** The first messages that nobody sent, or that broke the protocol, in words. */
  List<String> foreign() {
    return foreign;
  }

  long foreigners() {
    return foreigners;
  }

  /** Takes up its habit: publishing begins. */
  void disperse() {
    if (habit == Habit.OFFLINE) {
      leave(true);
    } else if (habit == Habit.RECONNECTING) {
      roaming = true;
      loop.after(random.nextInt(MOST_MILLIS), this::move);
    }
  }

  /** Connects to stay: publishing has ended. */
  void gather() {
    roaming = false;
    come();
  }

  private void move() {
    if (!roaming) {
      return;
    }
    if (isOpen()) {
      leave(random.nextBoolean());
    } else {
      come();
    }
    loop.after(random.nextInt(MOST_MILLIS), this::move);
  }

  @Override
  void connected(boolean present, int receiveMaximum) {
    if (!present) {
      received.clear();
      subscribed = false;
    }
    if (!subscribed) {
      Wire.subscribe(out(), SUBSCRIBE_ID, filter, OPTIONS);
    }
  }

  @Override
  void packet(int first, ByteBuf body) {
    switch (first >> 4) {
      case Wire.PUBLISH -> publish(first, body);
      case Wire.PUBREL -> {
        int packetId = body.readUnsignedShort();
        boolean known = received.remove(packetId) != null;
        Wire.ack(out(), Wire.PUBCOMP, packetId, known ? 0 : Wire.PACKET_ID_NOT_FOUND);
      }
      case Wire.SUBACK -> {
        int granted = body.getUnsignedByte(body.writerIndex() - 1);
        if (granted != QOS) {
          throw new KillException("%s: SUBACK says %d (wanted: 2)".formatted(id, granted));
        }
        subscribed = true;
      }
      default -> foreign("packet of type " + (first >> 4));
    }
  }

  private void publish(int first, ByteBuf body) {
    arrivals++;
    int qos = first >> 1 & 3;
    boolean dup = (first & 8) != 0;
    String topic = body.readCharSequence(body.readUnsignedShort(), UTF_8).toString();
    int packetId = qos == 0 ? 0 : body.readUnsignedShort();
    body.skipBytes(Wire.variable(body));
    Message message = Message.of(run, body);
    if (message == null
        || message.stream() >= sent.size()
        || !sent.get(message.stream()).topic.equals(topic)) {
      foreign("a message on %s that nobody sent".formatted(topic));
    } else if (sent.get(message.stream()).qos != qos) {
      foreign("%s %d came at QoS %d".formatted(topic, message.sequence(), qos));
    } else if (qos == 1) {
      heard.get(message.stream()).add(message.sequence(), connection(), dup);
    } else {
      exactlyOnce(message, packetId, dup, topic);
    }
    if (qos > 0) {
      Wire.ack(out(), qos == 1 ? Wire.PUBACK : Wire.PUBREC, packetId, 0);
    }
  }

  private void exactlyOnce(Message message, int packetId, boolean dup, String topic) {
    Message before = received.putIfAbsent(packetId, message);
    if (before == null) {
      heard.get(message.stream()).add(message.sequence(), connection(), dup);
    } else if (!before.equals(message)) {
      foreign(
          "%s %d came under packet id %d, which was not released from %s"
              .formatted(topic, message.sequence(), packetId, before));
    }
  }

  private void foreign(String what) {
    foreigners++;
    if (foreign.size() < MOST_FOREIGN) {
      foreign.add(what);
    }
  }
}
