package io.busbar.delivery;

import io.busbar.bus.Bus;
import io.busbar.event.RetrySchedule;
import io.busbar.event.RetrySchedule.Verdict;
import io.busbar.shard.Command;
import io.busbar.shard.Command.Return;
import io.busbar.shard.Outcome;
import io.busbar.telemetry.Spans;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.IntConsumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings the events of one queue to an endpoint, each until the endpoint has it, will never have
 * it, or it was tried often enough.
 *
 * <p>What it has in hand is locked in the queue, so that at most one courier of the cluster has an
 * event, and the event is another's if this one is gone. When an endpoint fails, events that were
 * not tried go back as if they had not been taken, and the endpoint rests; after that one request
 * is tried before others follow. So a dead endpoint costs its events no attempt but their own, and
 * nobody else anything.
 *
 * <p>For one event loop.
 */
final class Courier {
  private static final Logger LOG = LoggerFactory.getLogger(Courier.class);

  /** How often it looks for itself, in milliseconds: a bell may be lost. */
  private static final long LOOK = 5_000;

  private static final long TIMEOUT = 30_000;
  private static final long STORE_AGAIN = 500;
  private static final long DRAIN = 2_000;

  /** Events of one take, and of one acknowledgement. */
  private static final int BATCH = 256;

  /** Bytes of one take, where each request has one event. */
  private static final long BATCH_BYTES = 1 << 20;

  /** The status of what nobody could take. */
  private static final int UNFIT = 400;

  /** After so many failures in a row the endpoint rests. */
  private static final int FAILURES = 3;

  /**
   * So long an event may wait here, in milliseconds: its lock has to last until its request is
   * over.
   */
  private static final long PATIENCE = 10_000;

  /** Requests that may wait here for each that is on its way. */
  private static final int AHEAD = 4;

  private final Vertx vertx;
  private final String queue;
  private final Endpoint endpoint;
  private final RetrySchedule schedule;
  private final Counts counts;
  private final Spans spans;
  private final Promise<Void> stopped = Promise.promise();
  private final long lookTimer;

  /** Requests that are ready to be sent. */
  private final ArrayDeque<List<Held>> held = new ArrayDeque<>();

  private List<Command.Token> taken = new ArrayList<>();
  private int onTheWay;
  private int unsettled;
  private boolean isTaking;
  private boolean mayHaveMore = true;
  private boolean isSettling;
  private boolean isResting;
  private boolean isProbing;
  private boolean isStopping;
  private int failures;
  private long warnedAt = Long.MIN_VALUE;
  private long unsaid;

  /** An event in hand. */
  private record Held(Endpoint.Event event, Command.Token token, long takenAt) {}

  /** Where is counted what came of events. */
  record Counts(IntConsumer delivered, IntConsumer retried) {}

  Courier(
      Vertx vertx,
      String queue,
      Endpoint endpoint,
      RetrySchedule schedule,
      Counts counts,
      Spans spans) {
    this.vertx = vertx;
    this.spans = spans;
    this.queue = queue;
    this.endpoint = endpoint;
    this.schedule = schedule;
    this.counts = counts;
    this.lookTimer = vertx.setPeriodic(LOOK, t -> ready());
  }

  /** The queue has events. */
  void ready() {
    mayHaveMore = true;
    take();
  }

  /** Completes when nothing is in hand any more: what can be brought within a moment is. */
  Future<Void> stop() {
    isStopping = true;
    vertx.cancelTimer(lookTimer);
    putBack();
    vertx.setTimer(DRAIN, t -> end());
    if (onTheWay == 0 && unsettled == 0) {
      end();
    }
    return stopped.future();
  }

  private void end() {
    if (stopped.tryComplete()) {
      endpoint.close();
    }
  }

  // --- taking ---

  private int room() {
    int requests = isProbing ? 1 : endpoint.requests() * AHEAD;
    int free = requests - held.size() - onTheWay;
    if (endpoint.eventsPerRequest() == 1) {
      return Math.min(BATCH, free - (isProbing ? 0 : taken.size() / AHEAD));
    }
    return free > 0 && held.size() <= endpoint.requests() ? endpoint.eventsPerRequest() : 0;
  }

  private void take() {
    if (isStopping || isTaking || isResting || !mayHaveMore) {
      return;
    }
    int room = room();
    if (room <= 0) {
      return;
    }
    isTaking = true;
    mayHaveMore = false;
    boolean isSingle = endpoint.eventsPerRequest() == 1;
    long bytes = isSingle ? BATCH_BYTES : endpoint.bytesPerRequest();
    append(new Command.Take(queue, room, bytes))
        .compose(
            outcome ->
                outcome instanceof Outcome.Given given && !given.events().isEmpty()
                    ? read(given)
                    : Future.succeededFuture(List.<Held>of()))
        .onComplete(
            events -> {
              isTaking = false;
              if (events.failed()) {
                vertx.setTimer(STORE_AGAIN, t -> ready());
                return;
              }
              if (!events.result().isEmpty()) {
                mayHaveMore = true;
                hold(events.result());
              }
              if (isStopping || isResting) {
                putBack();
              }
              send();
              take();
            });
  }

  private Future<List<Held>> read(Outcome.Given given) {
    return vertx
        .eventBus()
        .<Bus.Local>request(
            Bus.SESSION, new Bus.ReadEvents(queue, given.events()), Bus.local(TIMEOUT))
        .map(
            reply -> {
              List<byte[]> bodies = ((Bus.EventBodies) reply.body()).events();
              long now = System.nanoTime() / 1_000_000;
              List<Held> events = new ArrayList<>();
              for (int i = 0; i < bodies.size(); i++) {
                Outcome.Took took = given.events().get(i);
                if (bodies.get(i) != null) {
                  events.add(
                      new Held(
                          new Endpoint.Event(bodies.get(i), took.deliveries(), took.letter()),
                          new Command.Token(given.queue(), took.sequence(), took.deliveries()),
                          now));
                }
              }
              return events;
            });
  }

  private void hold(List<Held> events) {
    if (endpoint.eventsPerRequest() > 1) {
      held.add(events);
    } else {
      events.forEach(one -> held.add(List.of(one)));
    }
  }

  /** Gives back what was not tried; it is ready again, for whoever takes it. */
  private void putBack() {
    List<Command.Token> tokens = new ArrayList<>();
    held.forEach(request -> request.forEach(one -> tokens.add(one.token)));
    held.clear();
    if (!tokens.isEmpty()) {
      settle(Return.Kind.PUT_BACK, 0, 0, tokens);
    }
  }

  // --- bringing ---

  private void send() {
    while (!isResting && !held.isEmpty() && onTheWay < (isProbing ? 1 : endpoint.requests())) {
      if (System.nanoTime() / 1_000_000 - held.element().get(0).takenAt > PATIENCE) {
        putBack();
        return;
      }
      List<Held> request = held.remove();
      onTheWay++;
      bring(request.stream().map(Held::event).toList())
          .onComplete(
              answer -> {
                onTheWay--;
                answered(request, answer.result());
                send();
                take();
                endIfDone();
              });
    }
  }

  /** An event that cannot be brought at all is refused, as if its receiver had. */
  private Future<Endpoint.Answer> bring(List<Endpoint.Event> events) {
    if (!spans.areOn()) {
      return bring(events, Spans.Context.NONE);
    }
    Spans.Span span =
        spans.push(
            events.stream().map(event -> context(event.json())).toList(), queue, endpoint.place());
    return bring(events, span.context())
        .onSuccess(
            answer -> {
              if (answer.isAnswered()) {
                span.status(answer.status());
              }
              if (RetrySchedule.verdict(answer.status()) == Verdict.TAKEN) {
                span.end();
              } else {
                span.fail(answer.text());
              }
            });
  }

  /** The trace that an event is part of (CloudEvents Distributed Tracing 1.0). */
  private static Spans.Context context(byte[] json) {
    return Spans.Context.of(
        BinaryEvent.text(json, "traceparent"), BinaryEvent.text(json, "tracestate"));
  }

  private Future<Endpoint.Answer> bring(List<Endpoint.Event> events, Spans.Context context) {
    try {
      return endpoint
          .send(events, context)
          .otherwise(e -> new Endpoint.Answer(0, e.getClass().getSimpleName()));
    } catch (RuntimeException e) {
      LOG.error("an event cannot be brought: queue={}", queue, e);
      return Future.succeededFuture(new Endpoint.Answer(UNFIT, "cannot be brought"));
    }
  }

  private void answered(List<Held> request, Endpoint.Answer answer) {
    Verdict verdict = RetrySchedule.verdict(answer.status());
    if (verdict == Verdict.TAKEN) {
      failures = 0;
      isProbing = false;
      counts.delivered.accept(request.size());
      request.forEach(one -> taken.add(one.token));
      acknowledge();
      return;
    }
    warn(answer);
    boolean isOfOneEvent = answer.status() == UNFIT || answer.status() == 413;
    if (isOfOneEvent && request.size() > 1) {
      // one of them is to blame, the others are not
      request.forEach(one -> held.addFirst(List.of(one)));
      if (isStopping || isResting) {
        putBack();
      }
      return;
    }
    if (verdict == Verdict.REFUSED) {
      settle(Return.Kind.REJECT, 0, answer.status(), request.stream().map(Held::token).toList());
    } else {
      release(request, answer.status());
    }
    failures += isOfOneEvent || answer.status() == 414 ? 0 : 1;
    long rest = schedule.restMillis(answer.status(), failures >= FAILURES);
    if (rest > 0 && !isResting) {
      rest(rest);
    }
  }

  /** What was tried as often comes again at the same time: an entry for all of it. */
  private void release(List<Held> request, int status) {
    counts.retried.accept(request.size());
    double jitter = ThreadLocalRandom.current().nextDouble();
    Map<Integer, List<Command.Token>> byDeliveries = new TreeMap<>();
    for (Held one : request) {
      byDeliveries.computeIfAbsent(one.event.deliveries(), n -> new ArrayList<>()).add(one.token);
    }
    byDeliveries.forEach(
        (deliveries, tokens) ->
            settle(
                Return.Kind.RELEASE,
                schedule.delayMillis(deliveries + 1, status, jitter),
                Math.max(0, status),
                tokens));
  }

  private void rest(long millis) {
    isResting = true;
    putBack();
    vertx.setTimer(
        millis,
        t -> {
          isResting = false;
          isProbing = true;
          // one more is enough
          failures = FAILURES - 1;
          ready();
        });
  }

  /** At most a line in half a minute. */
  private void warn(Endpoint.Answer answer) {
    long now = System.nanoTime();
    unsaid++;
    if (warnedAt == Long.MIN_VALUE || now - warnedAt > 30_000_000_000L) {
      LOG.warn(
          "events are not taken: queue={} endpoint={} because={} failures since the last such line={}",
          queue,
          endpoint.place(),
          answer.isAnswered() ? "answered " + answer.status() : answer.text(),
          unsaid);
      warnedAt = now;
      unsaid = 0;
    }
  }

  // --- settling ---

  /** What was taken meanwhile goes into one entry. */
  private void acknowledge() {
    if (isSettling || taken.isEmpty()) {
      return;
    }
    isSettling = true;
    List<Command.Token> some = taken;
    taken = new ArrayList<>();
    unsettled += some.size();
    append(new Command.Return(queue, Return.Kind.ACKNOWLEDGE, 0, 0, some))
        .onComplete(
            done -> {
              isSettling = false;
              unsettled -= some.size();
              if (done.failed() && !isStopping) {
                // else it comes again when its lock ends
                taken.addAll(some);
                vertx.setTimer(STORE_AGAIN, t -> acknowledge());
                return;
              }
              acknowledge();
              take();
              endIfDone();
            });
  }

  /** If that fails, the events come again when their locks end. */
  private void settle(Return.Kind kind, long delay, int result, List<Command.Token> tokens) {
    unsettled += tokens.size();
    append(new Command.Return(queue, kind, delay, result, tokens))
        .onFailure(e -> LOG.warn("events could not be given back: queue={}", queue))
        .onComplete(
            done -> {
              unsettled -= tokens.size();
              endIfDone();
            });
  }

  private void endIfDone() {
    if (isStopping && onTheWay == 0 && unsettled == 0 && taken.isEmpty()) {
      end();
    }
  }

  private Future<Outcome> append(Command command) {
    return vertx
        .eventBus()
        .<Bus.Local>request(Bus.SESSION, new Bus.Append(List.of(command)), Bus.local(TIMEOUT))
        .compose(
            reply -> {
              Bus.Appended appended = (Bus.Appended) reply.body();
              return appended.refusal() == null
                  ? Future.succeededFuture(appended.outcomes().get(0))
                  : Future.failedFuture("the store takes nothing: " + appended.refusal());
            });
  }
}
