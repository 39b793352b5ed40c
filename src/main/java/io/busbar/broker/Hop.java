package io.busbar.broker;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * Takes the calls of another thread to the own one, in their order: all that have gathered
 * meanwhile with one wake-up. What is called on the own thread while nothing waits runs at once.
 */
final class Hop implements Executor {
  private final Executor home;
  private final BooleanSupplier isHome;
  private final Runnable after;
  private final Consumer<RuntimeException> failed;
  private List<Runnable> calls = new ArrayList<>();

  /** Whether calls wait or are being run: then none may overtake them. */
  private boolean isBusy;

  /**
   * A way to a thread.
   *
   * @param home runs a task on the own thread, later
   * @param isHome whether this is the own thread
   * @param after run on it after each batch of calls that came from elsewhere
   * @param failed told of a call that throws; the others run all the same
   */
  Hop(Executor home, BooleanSupplier isHome, Runnable after, Consumer<RuntimeException> failed) {
    this.home = home;
    this.isHome = isHome;
    this.after = after;
    this.failed = failed;
  }

  @Override
  public void execute(Runnable call) {
    boolean isNow;
    synchronized (this) {
      isNow = !isBusy && isHome.getAsBoolean();
      if (!isNow) {
        calls.add(call);
        if (isBusy) {
          return;
        }
        isBusy = true;
      }
    }
    if (isNow) {
      call.run();
    } else {
      home.execute(this::run);
    }
  }

  private void run() {
    List<Runnable> batch;
    synchronized (this) {
      batch = calls;
      calls = new ArrayList<>();
    }
    for (Runnable call : batch) {
      run(call);
    }
    run(after);
    synchronized (this) {
      isBusy = !calls.isEmpty();
      if (!isBusy) {
        return;
      }
    }
    // not in a loop: others have their turn
    home.execute(this::run);
  }

  private void run(Runnable call) {
    try {
      call.run();
    } catch (RuntimeException e) {
      failed.accept(e);
    }
  }
}
