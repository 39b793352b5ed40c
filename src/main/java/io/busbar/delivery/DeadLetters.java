package io.busbar.delivery;

import io.busbar.shard.DeadLetter;
import io.busbar.telemetry.Spans;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.UUID;

/**
 * Where the events of a subscription are put that nobody took: as blobs of a storage account would
 * be, in a directory or over HTTP.
 *
 * <pre>
 *   CONTAINER/NAMESPACE/TOPIC/SUBSCRIPTION/yyyy/M/d/H/ID.json
 *   [{"deadLetterProperties": {…}, "event": {…}}, …]
 * </pre>
 */
final class DeadLetters implements Endpoint {
  private static final int EVENTS = 100;
  private static final int BYTES = 1 << 20;
  private static final DateTimeFormatter HOUR =
      DateTimeFormatter.ofPattern("yyyy/M/d/H").withZone(ZoneOffset.UTC);

  private final Vertx vertx;
  private final URI place;
  private final String folder;
  private final boolean isPush;

  /** Null where they are put into a directory. */
  private final HttpSender sender;

  /**
   * The dead letters of a subscription.
   *
   * @param place a directory, or the URL of a store
   * @param folder below it: container, namespace, topic, subscription
   * @param isPush whether the subscription's events were brought, not handed out
   */
  DeadLetters(Vertx vertx, URI place, String folder, boolean isPush, HttpSender.Setup setup) {
    this.vertx = vertx;
    this.place = place;
    this.folder = folder;
    this.isPush = isPush;
    this.sender = "file".equals(place.getScheme()) ? null : new HttpSender(vertx, place, setup, 1);
  }

  @Override
  public int requests() {
    return 1;
  }

  @Override
  public int eventsPerRequest() {
    return EVENTS;
  }

  @Override
  public int bytesPerRequest() {
    return BYTES;
  }

  @Override
  public String place() {
    return sender == null ? Path.of(place).toString() : sender.place();
  }

  @Override
  public void close() {
    if (sender != null) {
      sender.close();
    }
  }

  @Override
  public Future<Answer> send(List<Event> events, Spans.Context context) {
    Buffer body = Buffer.buffer("[");
    String separator = "";
    for (Event event : events) {
      body.appendString(separator)
          .appendString("{\"deadLetterProperties\":")
          .appendBuffer(properties(event.letter()).toBuffer())
          .appendString(",\"event\":")
          .appendBytes(event.json())
          .appendString("}");
      separator = ",";
    }
    body.appendString("]");
    String name = "/%s/%s/%s.json".formatted(folder, HOUR.format(Instant.now()), UUID.randomUUID());
    if (sender == null) {
      return vertx
          .executeBlocking(() -> write(Path.of(place).resolve(name.substring(1)), body.getBytes()))
          .otherwise(e -> new Answer(0, e.getClass().getSimpleName() + ": " + e.getMessage()));
    }
    return sender
        .send(
            sender
                .request(HttpMethod.PUT, name)
                .putHeader("content-type", "application/json")
                .putHeader("x-ms-blob-type", "BlockBlob"),
            body,
            null)
        // nothing is refused for good: where they are put may be mended
        .map(reply -> reply.answer().status() / 100 == 2 ? Answer.TAKEN : failed(reply.answer()));
  }

  private static Answer failed(Answer answer) {
    return new Answer(0, answer.isAnswered() ? "answered " + answer.status() : answer.text());
  }

  private JsonObject properties(DeadLetter letter) {
    JsonObject json =
        new JsonObject()
            .put("deadletterreason", reason(letter.cause()))
            .put("deliveryattempts", letter.deliveries())
            .put("deliveryresult", result(letter))
            .put("publishutc", time(letter.published()));
    return letter.attempted() == 0
        ? json
        : json.put("deliveryattemptutc", time(letter.attempted()));
  }

  private static String reason(DeadLetter.Cause cause) {
    return switch (cause) {
      case UNDELIVERED -> "Maximum delivery attempts was exceeded.";
      case EXPIRED -> "Time to live was exceeded.";
      case REJECTED -> "Event was rejected.";
    };
  }

  private String result(DeadLetter letter) {
    if (letter.result() > 0) {
      return "The endpoint answered with status %d.".formatted(letter.result());
    } else if (letter.deliveries() == 0) {
      return "Event was not delivered.";
    } else if (letter.cause() == DeadLetter.Cause.REJECTED) {
      return "Event was rejected by its receiver.";
    }
    return isPush ? "The endpoint gave no answer." : "Event was not acknowledged nor rejected.";
  }

  private static String time(long millis) {
    return Instant.ofEpochMilli(millis).toString();
  }

  /** It is there as a whole, and on the disk, or not at all. */
  private static Answer write(Path file, byte[] json) throws IOException {
    Files.createDirectories(file.getParent());
    Path part = file.resolveSibling(file.getFileName() + ".part");
    try (FileChannel out =
        FileChannel.open(part, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      ByteBuffer bytes = ByteBuffer.wrap(json);
      while (bytes.hasRemaining()) {
        out.write(bytes);
      }
      out.force(true);
    }
    Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
    try (FileChannel folder = FileChannel.open(file.getParent(), StandardOpenOption.READ)) {
      folder.force(true);
    }
    return Answer.TAKEN;
  }
}
