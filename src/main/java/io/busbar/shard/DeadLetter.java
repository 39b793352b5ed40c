package io.busbar.shard;

import java.util.List;

/**
 * What became of an event that nobody took, kept with it for whoever looks after such events.
 *
 * @param cause why it is here
 * @param deliveries how often it was given out
 * @param published when it came, in milliseconds since 1970
 * @param attempted when it was given out last, in milliseconds since 1970, or 0 if it never was
 * @param result what came of that, as whoever had it said ({@link Command.Return#result})
 */
public record DeadLetter(Cause cause, int deliveries, long published, long attempted, int result) {
  private static final List<Cause> CAUSES = List.of(Cause.values());

  /** Why nobody has the event. */
  public enum Cause {
    /** It was given out as often as it may be. */
    UNDELIVERED(Effect.Loss.EVENT_UNDELIVERED),
    /** Its time was over. */
    EXPIRED(Effect.Loss.EVENT_EXPIRED),
    /** Whoever had it will never take it. */
    REJECTED(Effect.Loss.EVENT_REJECTED);

    final Effect.Loss loss;

    Cause(Effect.Loss loss) {
      this.loss = loss;
    }
  }

  static void write(FormWriter out, DeadLetter it) {
    out.flag(it != null);
    if (it != null) {
      out.u8(CAUSES.indexOf(it.cause)).number(it.deliveries).number(it.published);
      out.number(it.attempted).number(it.result);
    }
  }

  static DeadLetter read(FormReader in) {
    if (!in.flag()) {
      return null;
    }
    int cause = in.u8();
    if (cause >= CAUSES.size()) {
      throw in.wrong("a dead letter of cause " + cause);
    }
    return new DeadLetter(CAUSES.get(cause), in.u31(), in.number(), in.number(), in.u31());
  }
}
