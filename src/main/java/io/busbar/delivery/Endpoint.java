package io.busbar.delivery;

import io.busbar.shard.DeadLetter;
import io.busbar.telemetry.Spans;
import io.vertx.core.Future;
import java.util.List;

/** Somebody whom events are brought to. For one event loop. */
interface Endpoint {
  /** In place of a status code: there was no answer in time. */
  int TIMED_OUT = -1;

  /** In place of a status code: whom the events are for does not exist. */
  int UNKNOWN_HOST = -2;

  /**
   * An event that is to be brought.
   *
   * @param json the event
   * @param deliveries how often it was tried, this time included
   * @param letter what became of it elsewhere, if it is a dead letter, or null
   */
  record Event(byte[] json, int deliveries, DeadLetter letter) {}

  /**
   * What came of it.
   *
   * @param status as of HTTP; 0 for no answer at all, or one of the values above
   * @param text what went wrong, in words that hold nothing secret
   */
  record Answer(int status, String text) {
    static final Answer TAKEN = new Answer(200, "");

    boolean isAnswered() {
      return status > 0;
    }
  }

  /** How many requests may be on their way at once. */
  int requests();

  /** How many events a request may have. */
  int eventsPerRequest();

  /** How many bytes of events a request may have, unless it is one. */
  int bytesPerRequest();

  /**
   * Brings events: all of them are taken, or none is.
   *
   * @param context of the request, for whoever takes part in traces
   * @return never fails
   */
  Future<Answer> send(List<Event> events, Spans.Context context);

  /** Where it is, in words that hold nothing secret. */
  String place();

  /** Nothing is sent any more. */
  void close();
}
