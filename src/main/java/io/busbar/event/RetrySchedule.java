package io.busbar.event;

/**
 * When an event is brought to its receiver again, as Event Grid does it: at once, then after 10 s,
 * 30 s, 1 min, 5 min, and every 5 min from there; later where the receiver's answer asks for it.
 * And how long a receiver that fails is left alone.
 */
public final class RetrySchedule {
  /** In place of a status code: the receiver gave no answer. */
  public static final int NO_ANSWER = 0;

  /** Event Grid's schedule. */
  public static final RetrySchedule STANDARD = new RetrySchedule(1_000, 0, 10, 30, 60, 300);

  /** Event Grid's schedule for dead letters. */
  public static final RetrySchedule DEAD_LETTERS = new RetrySchedule(1_000, 0, 10, 60, 300);

  /** What an answer means for the event. */
  public enum Verdict {
    /** The receiver has the event. */
    TAKEN,
    /** It will never take this event: no retry. */
    REFUSED,
    /** It may take it later. */
    RETRY
  }

  private static final double SPREAD = 0.1;
  private static final int SHORT_REST = 10;
  private static final int REST = 30;
  private static final int LONG_REST = 300;

  private final long millisPerSecond;
  private final int[] seconds;

  private RetrySchedule(long millisPerSecond, int... seconds) {
    this.millisPerSecond = millisPerSecond;
    this.seconds = seconds;
  }

  /**
   * The same schedule in other units.
   *
   * @param millis how long its seconds last
   */
  public RetrySchedule at(long millis) {
    return new RetrySchedule(millis, seconds);
  }

  /** Judges a status code, or {@link #NO_ANSWER} and what is below it. */
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
    int wait = seconds[Math.min(attempt, seconds.length) - 1];
    int least =
        switch (status) {
          case 408 -> 120;
          case 503 -> 30;
          default -> 10;
        };
    double spread = wait * (1 + SPREAD * (2 * jitter - 1));
    return Math.round(Math.max(least, spread) * millisPerSecond);
  }

  /**
   * How long the receiver is left alone after an answer, for the sake of the events behind the one
   * that failed.
   *
   * @param status of the answer; 0 for none, below 0 for one that did not come in time (-1) or from
   *     a host that is not there (-2)
   * @param isAgain whether it has failed several times in a row
   * @return milliseconds, 0 for not at all
   */
  public long restMillis(int status, boolean isAgain) {
    int rest =
        switch (status) {
          case 400, 413, 414 -> 0;
          case 401, 403, 404, -2 -> LONG_REST;
          case NO_ANSWER -> isAgain ? REST : 0;
          default -> isAgain ? SHORT_REST : 0;
        };
    return rest * millisPerSecond;
  }
}
