package io.busbar.bus;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.busbar.mqtt.Publish;
import io.busbar.mqtt.Topics;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Somebody looks at what clients of this node publish: the event loops put in what matches a
 * filter, whoever looks takes it out. Bounded: what comes faster than it is taken is only counted.
 * Thread-safe.
 */
public final class Tail {
  /** Bytes of a payload that are shown. */
  public static final int MOST_PAYLOAD = 1_024;

  private static final int MOST_MESSAGES = 256;

  private final byte[] filter;
  private final BlockingQueue<Seen> messages = new ArrayBlockingQueue<>(MOST_MESSAGES);
  private final AtomicLong skipped = new AtomicLong();
  private volatile boolean hasEnded;

  /**
   * A message that was published.
   *
   * @param client the publisher's authentication name, empty if there is none
   * @param bytes of the whole payload
   * @param payload its beginning
   * @param contentType or null
   */
  public record Seen(
      String topic,
      String client,
      int qos,
      boolean retain,
      int bytes,
      byte[] payload,
      String contentType) {}

  /**
   * Looks at topics.
   *
   * @param filter a valid topic filter
   */
  public Tail(String filter) {
    this.filter = filter.getBytes(UTF_8);
  }

  /** Takes a message in, if it is wanted. */
  public void show(Publish message, byte[] topic, String client) {
    if (!Topics.matches(filter, topic, 0, topic.length)) {
      return;
    }
    if (messages.remainingCapacity() == 0) {
      skipped.incrementAndGet();
      return;
    }
    int from = message.payloadOffset();
    int shown = Math.min(message.payloadLength(), MOST_PAYLOAD);
    Seen seen =
        new Seen(
            new String(topic, UTF_8),
            client,
            message.qos(),
            message.retain(),
            message.payloadLength(),
            Arrays.copyOfRange(message.array(), from, from + shown),
            message.contentType());
    if (!messages.offer(seen)) {
      skipped.incrementAndGet();
    }
  }

  /** What came since, oldest first; at most so many. */
  public List<Seen> take(int most) {
    List<Seen> taken = new ArrayList<>();
    messages.drainTo(taken, most);
    return taken;
  }

  /** How many were left out since this was asked last. */
  public long skipped() {
    return skipped.getAndSet(0);
  }

  /** Nobody looks any more. */
  public void end() {
    hasEnded = true;
  }

  /** Whether nobody looks any more. */
  public boolean hasEnded() {
    return hasEnded;
  }
}
