package io.busbar.delivery;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.busbar.policy.EventDelivery.Kafka;
import io.busbar.telemetry.Spans;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * A topic of Kafka, which takes CloudEvents (CloudEvents Kafka binding 1.0). An event is taken when
 * all replicas in sync have it.
 */
final class KafkaEndpoint implements Endpoint {
  /** One after the other, so that events of one key stay in order. */
  private static final int REQUESTS = 1;

  private static final int EVENTS = 500;
  private static final int BYTES = 512 * 1_024;
  private static final int TOO_LARGE = 413;

  /** A producer may wait so long for who leads, and so long in all, in milliseconds. */
  private static final int BLOCK = 10_000;

  private static final int DELIVERY = 30_000;

  private final Vertx vertx;
  private final Kafka to;
  private final Path file;

  /** Made where it may block; null before, and after the end. */
  private Producer<byte[], byte[]> producer;

  private boolean isClosed;

  /**
   * A topic.
   *
   * @param file has the properties of a Kafka client
   */
  KafkaEndpoint(Vertx vertx, Kafka to, Path file) {
    this.vertx = vertx;
    this.to = to;
    this.file = file;
  }

  private Properties properties() throws IOException {
    Properties given = new Properties();
    try (Reader in = Files.newBufferedReader(file)) {
      given.load(in);
    }
    Properties properties = new Properties();
    properties.put(ProducerConfig.CLIENT_ID_CONFIG, "busbar");
    properties.put(ProducerConfig.MAX_BLOCK_MS_CONFIG, BLOCK);
    properties.put(ProducerConfig.REQUEST_TIMEOUT_MS_CONFIG, DELIVERY / 2);
    properties.put(ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG, DELIVERY);
    properties.putAll(given);
    // what is promised does not depend on the file
    properties.put(ProducerConfig.ACKS_CONFIG, "all");
    properties.put(ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, true);
    return properties;
  }

  @Override
  public int requests() {
    return REQUESTS;
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
    return "kafka:" + to.topic();
  }

  @Override
  public void close() {
    vertx.executeBlocking(
        () -> {
          end();
          return true;
        },
        false);
  }

  private synchronized void end() {
    isClosed = true;
    if (producer != null) {
      producer.close(Duration.ofSeconds(1));
      producer = null;
    }
  }

  @Override
  public Future<Answer> send(List<Event> events, Spans.Context context) {
    Promise<Answer> answer = Promise.promise();
    Context home = vertx.getOrCreateContext();
    AtomicInteger left = new AtomicInteger(events.size());
    AtomicReference<Exception> failure = new AtomicReference<>();
    List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
    for (Event event : events) {
      ProducerRecord<byte[], byte[]> record = record(to, event.json());
      if (context.traceparent() != null) {
        put(record.headers(), "traceparent", context.traceparent());
      }
      if (context.tracestate() != null) {
        put(record.headers(), "tracestate", context.tracestate());
      }
      records.add(record);
    }
    vertx
        .executeBlocking(
            () -> {
              Producer<byte[], byte[]> out = producer();
              for (ProducerRecord<byte[], byte[]> one : records) {
                out.send(
                    one,
                    (there, e) -> {
                      if (e != null) {
                        failure.compareAndSet(null, e);
                      }
                      if (left.decrementAndGet() == 0) {
                        home.runOnContext(v -> answer.tryComplete(answer(failure.get())));
                      }
                    });
              }
              return true;
            },
            false)
        .onFailure(e -> answer.tryComplete(answer(e)));
    return answer.future();
  }

  private synchronized Producer<byte[], byte[]> producer() throws IOException {
    if (isClosed) {
      throw new IOException("nothing is sent there any more");
    }
    if (producer == null) {
      producer =
          new KafkaProducer<>(properties(), new ByteArraySerializer(), new ByteArraySerializer());
    }
    return producer;
  }

  private static Answer answer(Throwable e) {
    if (e == null) {
      return Answer.TAKEN;
    } else if (e instanceof RecordTooLargeException) {
      return new Answer(TOO_LARGE, "an event is larger than the topic takes");
    }
    // what a client of Kafka says names hosts and topics, and no passwords
    String why = e instanceof KafkaException && e.getCause() != null ? ": " + e.getCause() : "";
    return new Answer(0, e.getClass().getSimpleName() + ": " + e.getMessage() + why);
  }

  /** An event as a record of a topic. */
  static ProducerRecord<byte[], byte[]> record(Kafka to, byte[] json) {
    JsonObject event = new JsonObject(Buffer.buffer(json));
    // what belongs together stays in order
    String key = event.getString("partitionkey", event.getString("subject"));
    byte[] keyBytes = key == null ? null : key.getBytes(UTF_8);
    if (!to.isBinary()) {
      ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(to.topic(), keyBytes, json);
      put(record.headers(), "content-type", "application/cloudevents+json; charset=UTF-8");
      return record;
    }
    BinaryEvent parts = BinaryEvent.of(json);
    ProducerRecord<byte[], byte[]> record =
        new ProducerRecord<>(to.topic(), keyBytes, parts.data());
    parts.attributes().forEach((name, value) -> put(record.headers(), "ce_" + name, value));
    parts.contentType().ifPresent(type -> put(record.headers(), "content-type", type));
    return record;
  }

  private static void put(Headers headers, String name, String value) {
    headers.add(name, value.getBytes(UTF_8));
  }
}
