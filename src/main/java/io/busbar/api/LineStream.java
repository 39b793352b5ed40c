package io.busbar.api;

import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.json.JsonObject;
import java.util.function.Supplier;

/**
 * An answer that goes on: lines of JSON as they come, until whoever asked goes away, does not read,
 * or has had them for long enough. For one event loop.
 */
final class LineStream {
  /** How often what came is sent, in milliseconds. */
  static final long TURN = 200;

  /** After so many turns without a line an empty one says that there is none. */
  private static final int SILENT_TURNS = 50;

  private static final String LINES = "application/x-ndjson";

  private final Vertx vertx;
  private final HttpServerResponse response;
  private final int mostMinutes;
  private final int mostTurns;
  private final int mostFull;
  private final Supplier<Future<String>> more;
  private final Runnable over;
  private long timer;
  private boolean isOver;
  private boolean isAsking;

  /** Whether the socket has not taken yet what was written last. */
  private boolean isWriting;

  private int turns;
  private int silent;
  private int full;

  /**
   * Begins nothing yet.
   *
   * @param minutes how long it lasts at most
   * @param mostFull how many milliseconds it may go unread
   * @param more what came since it was asked last, each line with its end; asked again when it has
   *     answered
   * @param over told once, however it ends
   */
  LineStream(
      Vertx vertx,
      HttpServerRequest request,
      int minutes,
      long mostFull,
      Supplier<Future<String>> more,
      Runnable over) {
    this.vertx = vertx;
    this.response = request.response();
    this.mostMinutes = minutes;
    this.mostTurns = (int) (minutes * 60_000L / TURN);
    this.mostFull = (int) (mostFull / TURN);
    this.more = more;
    this.over = over;
  }

  /** Answers, beginning with some lines; over at once if whoever asked has gone. */
  void begin(String first) {
    if (response.closed()) {
      end();
      return;
    }
    response
        .setChunked(true)
        .putHeader("content-type", LINES)
        .putHeader("cache-control", "no-store")
        .putHeader("x-content-type-options", "nosniff")
        .exceptionHandler(e -> end())
        .closeHandler(closed -> end())
        .endHandler(ended -> end());
    // something, so that the headers are there before the first line is
    write(first.isEmpty() ? "\n" : first);
    timer = vertx.setPeriodic(TURN, t -> turn());
  }

  private void end() {
    if (!isOver) {
      isOver = true;
      vertx.cancelTimer(timer);
      over.run();
    }
  }

  private void write(String lines) {
    isWriting = true;
    response.write(lines).onComplete(written -> isWriting = false);
  }

  /** Whoever reads slowly makes nothing gather here. */
  private void turn() {
    turns++;
    if (isWriting) {
      full++;
      if (full >= mostFull || turns >= mostTurns) {
        response.reset(); // else whoever does not read would look for ever
        end();
      }
      return;
    }
    full = 0;
    if (turns >= mostTurns) {
      response.end(
          new JsonObject().put("ended", "it has lasted %d minutes".formatted(mostMinutes)).encode()
              + '\n');
      end();
    } else if (!isAsking) {
      isAsking = true;
      more.get().onSuccess(this::came).onFailure(e -> failed());
    }
  }

  /** Nobody says what came: whoever reads is not to think that nothing did. */
  private void failed() {
    if (!isOver) {
      response.end(new JsonObject().put("failed", "this node did not answer").encode() + '\n');
      end();
    }
  }

  private void came(String lines) {
    isAsking = false;
    if (isOver) {
      return;
    }
    silent = lines.isEmpty() ? silent + 1 : 0;
    if (silent == SILENT_TURNS) {
      silent = 0;
      write("\n");
    } else if (!lines.isEmpty()) {
      write(lines);
    }
  }
}
