package io.busbar.delivery;

import io.busbar.config.TokenFile;
import io.busbar.event.CloudEvent;
import io.busbar.policy.EventDelivery.DeliveryAttribute;
import io.busbar.policy.EventDelivery.Webhook;
import io.busbar.telemetry.Spans;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import io.vertx.ext.web.client.HttpRequest;
import java.util.List;
import java.util.Optional;

/** A webhook that takes CloudEvents (CloudEvents HTTP binding and Webhooks 1.0). */
final class WebhookEndpoint implements Endpoint {
  private static final String BATCH = "application/cloudevents-batch+json; charset=utf-8";
  private static final String ALLOWED = "webhook-allowed-origin";
  private static final int MAX_HEADER = 4_096;

  /** Requests at once: of one event each, or of lists of them. */
  private static final int REQUESTS = 32;

  private static final int BATCHES = 4;

  private final Vertx vertx;
  private final Webhook webhook;
  private final TokenFile token;
  private final String origin;
  private final HttpSender sender;

  /**
   * A webhook.
   *
   * @param token shown to those who want one
   * @param origin who it is that sends
   */
  WebhookEndpoint(
      Vertx vertx, Webhook webhook, HttpSender.Setup setup, TokenFile token, String origin) {
    this.vertx = vertx;
    this.webhook = webhook;
    this.token = token;
    this.origin = origin;
    this.sender = new HttpSender(vertx, webhook.endpoint(), setup, REQUESTS);
  }

  @Override
  public int requests() {
    return webhook.maxEventsPerBatch() > 1 ? BATCHES : REQUESTS;
  }

  @Override
  public int eventsPerRequest() {
    return webhook.maxEventsPerBatch();
  }

  @Override
  public int bytesPerRequest() {
    return webhook.preferredBatchSizeInKilobytes() * 1_024;
  }

  @Override
  public String place() {
    return sender.place();
  }

  @Override
  public void close() {
    sender.close();
  }

  /**
   * Asks whether the webhook wants events from here (CloudEvents Webhooks 4.1).
   *
   * @return why not, or empty; never fails
   */
  Future<Optional<String>> introduce() {
    HttpRequest<Void> request =
        sender.request(HttpMethod.OPTIONS, "").putHeader("webhook-request-origin", origin);
    return withToken(request)
        .compose(ready -> sender.send(ready, Buffer.buffer(), ALLOWED))
        .map(this::refusal)
        .otherwise(e -> Optional.of("the node's token cannot be read"));
  }

  private Optional<String> refusal(HttpSender.Reply reply) {
    if (!reply.answer().isAnswered()) {
      return Optional.of("the webhook cannot be asked: " + reply.answer().text());
    }
    String allowed = "WebHook-Allowed-Origin: %s or *".formatted(origin);
    if (reply.answer().status() != 200) {
      return Optional.of(
          "the webhook answered OPTIONS with %d (allowed: 200, with %s)"
              .formatted(reply.answer().status(), allowed));
    }
    String header = reply.header();
    boolean isAllowed = header != null && (header.equals("*") || header.equalsIgnoreCase(origin));
    return isAllowed
        ? Optional.empty()
        : Optional.of(
            "the webhook's answer to OPTIONS wants no events from here (allowed: %s)"
                .formatted(allowed));
  }

  @Override
  public Future<Answer> send(List<Event> events, Spans.Context context) {
    HttpRequest<Void> request = sender.request(HttpMethod.POST, "").putHeader("origin", origin);
    Buffer body;
    if (webhook.maxEventsPerBatch() > 1) {
      request.putHeader("content-type", BATCH);
      body = list(events);
    } else if (webhook.isBinary()) {
      BinaryEvent event = BinaryEvent.of(events.get(0).json());
      event
          .attributes()
          .forEach((key, value) -> request.putHeader("ce-" + key, BinaryEvent.encoded(value)));
      event.contentType().ifPresent(type -> request.putHeader("content-type", printable(type)));
      body = Buffer.buffer(event.data());
    } else {
      request.putHeader("content-type", CloudEvent.CONTENT_TYPE);
      body = Buffer.buffer(events.get(0).json());
    }
    if (context.traceparent() != null) {
      request.putHeader("traceparent", context.traceparent());
    }
    if (context.tracestate() != null) {
      request.putHeader("tracestate", context.tracestate());
    }
    for (DeliveryAttribute one : webhook.attributes()) {
      String value =
          one.isDynamic() ? BinaryEvent.text(events.get(0).json(), one.value()) : one.value();
      if (value != null) {
        request.putHeader(one.name(), printable(value));
      }
    }
    return withToken(request)
        .compose(ready -> sender.send(ready, body, null))
        .map(HttpSender.Reply::answer)
        .otherwise(e -> new Answer(0, "the node's token cannot be read"));
  }

  private static Buffer list(List<Event> events) {
    int length = 2 + events.size();
    for (Event event : events) {
      length += event.json().length;
    }
    Buffer body = Buffer.buffer(length).appendString("[");
    String separator = "";
    for (Event event : events) {
      body.appendString(separator).appendBytes(event.json());
      separator = ",";
    }
    return body.appendString("]");
  }

  /** What may stand in a header. */
  private static String printable(String text) {
    String cut = text.length() > MAX_HEADER ? text.substring(0, MAX_HEADER) : text;
    return cut.replaceAll("[^\\x20-\\x7e]", "?");
  }

  private Future<HttpRequest<Void>> withToken(HttpRequest<Void> request) {
    if (!webhook.isWithToken()) {
      return Future.succeededFuture(request);
    }
    return vertx
        .executeBlocking(token::token)
        .map(
            one -> {
              one.ifPresent(text -> request.putHeader("authorization", "Bearer " + text));
              return request;
            });
  }
}
