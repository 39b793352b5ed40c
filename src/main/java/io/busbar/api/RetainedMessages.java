package io.busbar.api;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.busbar.api.Management.Answer;
import io.busbar.bus.Bus;
import io.busbar.mqtt.Encoder;
import io.busbar.mqtt.MqttException;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.Publish;
import io.busbar.mqtt.Topics;
import io.busbar.shard.Command;
import io.busbar.shard.Retained;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.vertx.core.Future;
import io.vertx.core.MultiMap;
import io.vertx.core.eventbus.EventBus;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.List;
import java.util.Map;

/**
 * The retained messages of the cluster, looked at and taken away over the API.
 *
 * <pre>
 *   GET    /retained?filter=FILTER&$top=…   those that match, without their payloads
 *   GET    /retained/TOPIC
 *   DELETE /retained/TOPIC                  nobody is told
 * </pre>
 */
final class RetainedMessages {
  private static final String ROOT = "/retained";
  private static final int MAX_LEVELS = 128;
  private static final int MAX_BYTES = 65_535;

  private final EventBus bus;
  private final Resources resources;

  RetainedMessages(EventBus bus, Resources resources) {
    this.bus = bus;
    this.resources = resources;
  }

  static boolean handles(String path) {
    return path.equals(ROOT) || path.startsWith(ROOT + "/");
  }

  Future<Answer> answer(HttpServerRequest request) {
    String path = request.path();
    String method = request.method().name();
    if (path.equals(ROOT)) {
      if (!method.equals("GET")) {
        throw Management.notAllowed(request, "GET");
      }
      return list(request.params(), request.absoluteURI());
    }
    String topic = ResourcePath.decoded(path.substring(ROOT.length() + 1));
    byte[] name = topic.getBytes(UTF_8);
    String wrong =
        name.length > MAX_BYTES
            ? "longer than %d bytes".formatted(MAX_BYTES)
            : Topics.nameError(name, 0, name.length, MAX_LEVELS);
    if (wrong != null) {
      throw ApiError.invalid("topic: " + wrong);
    }
    return switch (method) {
      case "GET" ->
          read(name, null)
              .map(
                  page -> {
                    if (page.packets().isEmpty()) {
                      throw ApiError.notFound("retained message of '%s'".formatted(topic));
                    }
                    return new Answer(200, json(view(page.packets().get(0)), true));
                  });
      case "DELETE" -> read(name, null).compose(page -> remove(topic, page));
      default -> throw Management.notAllowed(request, "GET, DELETE");
    };
  }

  private Future<Retained.Page> read(byte[] filter, byte[] after) {
    return bus.<Bus.Local>request(
            Bus.SESSION, new Bus.ReadRetained(filter, after), Bus.local(Resources.TIMEOUT))
        .map(reply -> ((Bus.RetainedPage) reply.body()).page());
  }

  private Future<Answer> list(MultiMap query, String uri) {
    Paging paging = Paging.of(query);
    String filter = query.get("filter") == null ? "#" : query.get("filter");
    byte[] bytes = filter.getBytes(UTF_8);
    String wrong =
        bytes.length > MAX_BYTES
            ? "longer than %d bytes".formatted(MAX_BYTES)
            : Topics.filterError(bytes, 0, bytes.length, MAX_LEVELS);
    if (wrong != null) {
      throw ApiError.invalid("filter: " + wrong);
    }
    byte[] after = paging.after() == null ? null : paging.after().getBytes(UTF_8);
    return read(bytes, after)
        .map(
            page -> {
              JsonArray value = new JsonArray();
              String next = page.next() == null ? null : new String(page.next(), UTF_8);
              for (byte[] packet : page.packets()) {
                Publish message = view(packet);
                if (value.size() == paging.most()) {
                  next = message.topic();
                  break;
                }
                value.add(json(message, false));
              }
              JsonObject body = new JsonObject().put("value", value);
              if (next != null) {
                body.put("nextLink", Paging.next(uri, query, next));
              }
              return new Answer(200, body);
            });
  }

  /** An empty message takes the place of a retained one [MQTT-3.3.1-6]; this one nobody gets. */
  private Future<Answer> remove(String topic, Retained.Page page) {
    if (page.packets().isEmpty()) {
      return Future.succeededFuture(new Answer(204, null));
    }
    ByteBuf out = Unpooled.buffer();
    Encoder.publish(out, MqttVersion.V5, topic, 0, 0, new byte[0], new PropertyWriter());
    byte[] packet = ByteBufUtil.getBytes(out);
    packet[0] |= 1;
    return resources
        .append(List.of(new Command.Publish(packet, null, 0, false, List.of())))
        .map(done -> new Answer(200, null));
  }

  /** A message as the store has it. */
  static Publish view(byte[] packet) {
    Publish view = new Publish();
    try {
      view.parse(packet, 0, packet.length, MqttVersion.V5);
    } catch (MqttException e) {
      throw new IllegalStateException("a packet that was accepted", e);
    }
    return view;
  }

  private static JsonObject json(Publish message, boolean isWhole) {
    JsonObject json =
        new JsonObject()
            .put("topic", message.topic())
            .put("qos", message.qos())
            .put("bytes", message.payloadLength());
    if (message.expirySeconds() >= 0) {
      json.put("expiresInSeconds", message.expirySeconds());
    }
    if (message.contentType() != null) {
      json.put("contentType", message.contentType());
    }
    if (!isWhole) {
      return json;
    }
    JsonArray properties = new JsonArray();
    for (Map.Entry<String, String> one : message.userProperties()) {
      properties.add(new JsonObject().put("name", one.getKey()).put("value", one.getValue()));
    }
    byte[] payload = new byte[message.payloadLength()];
    System.arraycopy(message.array(), message.payloadOffset(), payload, 0, payload.length);
    return json.put("userProperties", properties).put("payloadBase64", payload);
  }
}
