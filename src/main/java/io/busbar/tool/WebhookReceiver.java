package io.busbar.tool;

import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonObject;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;

/**
 * A webhook for trials, on loopback only: takes CloudEvents in structured JSON and shows the last
 * of them.
 *
 * <pre>
 *   POST /events      takes an event: 204; 400 if it is not a JSON object; 413 beyond 2 MB
 *   OPTIONS /events   allows whoever asks to send (CloudEvents webhook validation)
 *   GET /events       the last 100 events, at most 16 MB of them, oldest first, as a JSON array
 * </pre>
 *
 * <p>Thread-safe.
 */
public final class WebhookReceiver {
  private static final int MAX_EVENTS = 100;
  private static final int MAX_EVENT_BYTES = 2 << 20;
  private static final int MAX_BYTES = 16 << 20;

  private final ArrayDeque<Buffer> events = new ArrayDeque<>();
  private final List<Waiter> waiters = new ArrayList<>();
  private int bytes;
  private HttpServer server;

  private record Waiter(String subject, Promise<JsonObject> promise) {}

  /**
   * Listens on loopback.
   *
   * @param port 0 takes any free one
   * @return the port that is listened on
   */
  public Future<Integer> start(Vertx vertx, int port) {
    HttpServer made =
        vertx
            .createHttpServer(new HttpServerOptions().setIdleTimeout(120))
            .requestHandler(this::answer);
    synchronized (this) {
      server = made;
    }
    return made.listen(port, "127.0.0.1").map(HttpServer::actualPort);
  }

  /** Stops listening; whoever waits for an event is told so. */
  public Future<Void> close() {
    List<Waiter> left;
    HttpServer open;
    synchronized (this) {
      left = List.copyOf(waiters);
      waiters.clear();
      open = server;
    }
    left.forEach(waiter -> waiter.promise.fail("the webhook receiver was closed"));
    return open == null ? Future.succeededFuture() : open.close();
  }

  /** The next event of a subject that arrives after this call. */
  public Future<JsonObject> next(String subject) {
    Promise<JsonObject> promise = Promise.promise();
    synchronized (this) {
      waiters.add(new Waiter(subject, promise));
    }
    return promise.future();
  }

  private void answer(HttpServerRequest request) {
    if (!"/events".equals(request.path())) {
      end(request, 404);
    } else if (request.method().equals(HttpMethod.POST)) {
      take(request);
    } else if (request.method().equals(HttpMethod.GET)) {
      request.response().putHeader("content-type", "application/json").end(log());
    } else if (request.method().equals(HttpMethod.OPTIONS)) {
      String origin = request.getHeader("WebHook-Request-Origin");
      request
          .response()
          .putHeader("WebHook-Allowed-Origin", origin == null ? "*" : origin)
          .putHeader("WebHook-Allowed-Rate", "*")
          .putHeader("Allow", "GET, OPTIONS, POST")
          .end();
    } else {
      request.response().putHeader("Allow", "GET, OPTIONS, POST");
      end(request, 405);
    }
  }

  private void take(HttpServerRequest request) {
    Buffer body = Buffer.buffer();
    request.handler(
        part -> {
          if (body.length() + part.length() > MAX_EVENT_BYTES) {
            request.handler(null);
            request.response().putHeader("connection", "close");
            end(request, 413);
          } else {
            body.appendBuffer(part);
          }
        });
    request.endHandler(
        ended -> {
          if (request.response().ended()) {
            return; // it was too large
          }
          try {
            store(body, new JsonObject(body));
            end(request, 204);
          } catch (DecodeException e) {
            end(request, 400);
          }
        });
  }

  private void store(Buffer text, JsonObject event) {
    List<Waiter> served = new ArrayList<>();
    synchronized (this) {
      events.add(text);
      bytes += text.length();
      while (events.size() > MAX_EVENTS || bytes > MAX_BYTES) {
        bytes -= events.remove().length();
      }
      for (Iterator<Waiter> i = waiters.iterator(); i.hasNext(); ) {
        Waiter waiter = i.next();
        if (waiter.subject.equals(event.getValue("subject"))) {
          i.remove();
          served.add(waiter);
        }
      }
    }
    served.forEach(waiter -> waiter.promise.complete(event));
  }

  private synchronized Buffer log() {
    Buffer array = Buffer.buffer(bytes + 2 * events.size() + 2).appendString("[");
    String separator = "\n";
    for (Buffer event : events) {
      array.appendString(separator).appendBuffer(event);
      separator = ",\n";
    }
    return array.appendString("]\n");
  }

  private static void end(HttpServerRequest request, int status) {
    request.response().setStatusCode(status).end();
  }
}
