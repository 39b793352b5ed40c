package io.busbar.event;

/**
 * When an event is sent to its webhook again, as Event Grid does it: at once, then after 10 s, 30
 * s, 1 min, 5 min, and every 5 min from there; later where the webhook's answer asks for it.
 */
public final class RetrySchedule {
  /** In place of a status code: the webhook gave no answer. */
  public static final int NO_ANSWER = 0;

  /** Event Grid's schedule. */
  public static final RetrySchedule STANDARD = new RetrySchedule(1_000);

  /** What an answer means for the event. */
  public enum Verdict {
    /** The webhook has the event. */
    TAKEN,
    /** It will never take this event: no retry. */
    REFUSED,
    /** It may take it later. */
    RETRY
  }

  private static final int[] SECONDS = {0, 10, 30, 60, 300};
  private static final double SPREAD = 0.1;

  private final long millisPerSecond;

  /**
   * The same schedule in other units.
   *
   * @param millisPerSecond how long its seconds last; 1000 is {@link #STANDARD}
   */
  public RetrySchedule(long millisPerSecond) {
    this.millisPerSecond = millisPerSecond;
  }

  /** Judges a status code, or {@link #NO_ANSWER}. */
  public static Verdict verdict(int status) {
    return switch (status) {
      case 200, 201, 202, 203, 204 -> Verdict.TAKEN;
      case 400, 401, 403, 404, 413, 414 -> Verdict.REFUSED;
      default -> Verdict.RETRY;
    };
  }

  /**
   * How long to wait before an attempt.
   *
   * @param attempt the attempt to be made, from 1
   * @param status what the attempt before it was answered, or {@link #NO_ANSWER}
   * @param jitter in [0, 1): from a tenth less to a tenth more, never less than the answer asks for
   * @return milliseconds
   */
  public long delayMillis(int attempt, int status, double jitter) {
    if (attempt <= 1) {
      return 0;
    }
    int seconds = SECONDS[Math.min(attempt, SECONDS.length) - 1];
    int least =
        switch (status) {
          case 408 -> 120;
          case 503 -> 30;
          default -> 10;
        };
    double spread = seconds * (1 + SPREAD * (2 * jitter - 1));
    return Math.round(Math.max(least, spread) * millisPerSecond);
  }
}
