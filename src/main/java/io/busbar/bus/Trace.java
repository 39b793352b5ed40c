package io.busbar.bus;

import io.vertx.core.json.JsonObject;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Somebody looks at what one client does at this node: the event loops and the session verticle put
 * in what happens, whoever looks takes it out. Bounded: what comes faster than it is taken is only
 * counted. Thread-safe.
 */
public final class Trace {
  /** Bytes of a payload that are shown at most. */
  public static final int MOST_PAYLOAD = 1_024;

  private static final int MOST_EVENTS = 512;
  private static final long MOST_BYTES = 512 * 1024;

  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.SSS'Z'", Locale.ROOT)
          .withZone(ZoneOffset.UTC);

  /** How a line begins: by that they can be put in order. */
  private static final int BEGINNING = "{\"time\":\"2026-11-29T00:00:00.000Z".length();

  private final Whom whom;
  private final BlockingQueue<String> lines = new ArrayBlockingQueue<>(MOST_EVENTS);
  private final AtomicLong bytes = new AtomicLong();
  private final AtomicLong skipped = new AtomicLong();
  private volatile boolean hasEnded;

  /**
   * Who is looked at.
   *
   * @param isSession whether the name is a session's; else it is a client's authentication name,
   *     whose case does not matter
   * @param payload bytes of payloads that are shown, 0 to {@link #MOST_PAYLOAD}
   */
  public record Whom(boolean isSession, String name, int payload) {
    /** Whether a client's session is meant; either may be null, if it is not known. */
    public boolean is(String client, String session) {
      return isSession
          ? name.equals(session)
          : client != null && client.toLowerCase(Locale.ROOT).equals(name.toLowerCase(Locale.ROOT));
    }
  }

  /** Looks at somebody. */
  public Trace(Whom whom) {
    this.whom = whom;
  }

  /** Who is looked at. */
  public Whom whom() {
    return whom;
  }

  /**
   * What happened, as a line of JSON.
   *
   * @param node where
   * @param of the client's authentication name and the session's, as far as they are known
   * @param what the type of a packet, or what else happened
   * @param more what else is to be told, in its order
   */
  public static String line(String node, Map<String, ?> of, String what, Map<String, ?> more) {
    JsonObject json = new JsonObject().put("time", TIME.format(Instant.now())).put("node", node);
    of.forEach(json::put);
    json.put("what", what);
    more.forEach(json::put);
    return json.encode();
  }

  /** Puts lines of several nodes in the order of their times. */
  public static void sort(List<String> lines) {
    lines.sort((a, b) -> a.substring(0, BEGINNING).compareTo(b.substring(0, BEGINNING)));
  }

  /** Takes in a line of JSON. */
  public void add(String line) {
    if (hasEnded || bytes.get() + line.length() > MOST_BYTES || !lines.offer(line)) {
      skipped.incrementAndGet();
    } else {
      bytes.addAndGet(line.length());
    }
  }

  /** What came since, oldest first; at most so many. */
  public List<String> take(int most) {
    List<String> taken = new ArrayList<>();
    lines.drainTo(taken, most);
    taken.forEach(line -> bytes.addAndGet(-line.length()));
    return taken;
  }

  /** How many were left out since this was asked last. */
  public long skipped() {
    return skipped.getAndSet(0);
  }

  /** Nobody looks any more. */
  public void end() {
    hasEnded = true;
    lines.clear();
  }

  /** Whether nobody looks any more. */
  public boolean hasEnded() {
    return hasEnded;
  }
}
