package io.busbar.tool.load;

import java.util.concurrent.TimeUnit;

/**
 * Sessions that move: each is opened at one node after another while its former connection is still
 * there, which the broker is to end.
 */
final class Moving extends Repeating {
  private static final int EXPIRY_SECONDS = 3_600;

  private final int sessions;
  private final boolean isStored;
  private final double rate;
  private final Move[] latest;
  private long late;
  private long scheduled;
  private Schedule schedule;

  /**
   * A run.
   *
   * @param setup where a session goes, in turn
   * @param isStored whether the sessions outlive their connections
   * @param rate moves a second, of all
   */
  Moving(Setup setup, Window window, int sessions, boolean isStored, double rate) {
    super(setup, window, "move", "moves", "connack");
    Plan.check("sessions", sessions, 1, 10_000);
    checkRate(rate);
    if (rate == 0) {
      throw new LoadException("--rate: 0 (allowed: more, moves are on a schedule)");
    }
    Setup.requireFiles(2 * sessions);
    this.sessions = sessions;
    this.isStored = isStored;
    this.rate = rate;
    this.latest = new Move[sessions];
  }

  /** One connection of a session. */
  private final class Move extends Peer {
    private final int session;
    private final int at;
    private final long since = now();
    private boolean isOpened;

    Move(int session, int at) {
      super(Moving.this, "m", session);
      this.session = session;
      this.at = at;
    }

    @Override
    int expirySeconds() {
      return isStored ? EXPIRY_SECONDS : 0;
    }

    @Override
    void connected(Wire.Connack connack) {
      isOpened = true;
      done(since);
    }
  }

  @Override
  Target target(Peer peer) {
    return node(((Move) peer).at);
  }

  @Override
  void begin() {
    schedule = new Schedule(now(), rate);
    pump();
    started();
  }

  /** Moves whose turn has come; one that is still under way is left out, and counted. */
  private void pump() {
    while (!isStopped() && schedule.due(scheduled) <= now()) {
      int session = (int) (scheduled++ % sessions);
      Move before = latest[session];
      if (before != null && !before.isOpened) {
        late++;
        continue;
      }
      latest[session] = new Move(session, before == null ? session : before.at + 1);
      open(latest[session]);
    }
    if (!isStopped()) {
      after(TimeUnit.MILLISECONDS.toNanos(1), this::pump);
    }
  }

  @Override
  void ready(Peer peer) {
    throw new IllegalStateException("a session is never ready: it moves on");
  }

  @Override
  void closed(Peer peer, String why) {
    Move move = (Move) peer;
    if (!isStopped() && latest[move.session] == peer) {
      fail(new LoadException("the latest connection of a session ended: " + why));
    }
  }

  @Override
  void describe(Report report) {
    report.count("sessions", sessions);
    report.text("kept", isStored ? "stored" : "with the connection");
    report.number("rate", rate);
    report.count("left_out", late);
  }
}
