package io.busbar.api;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.busbar.bus.Bus;
import io.busbar.mqtt.Encoder;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.ReasonCode;
import io.busbar.mqtt.Topics;
import io.busbar.policy.Permit;
import io.busbar.policy.TokenIssuer;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.util.NetUtil;
import io.vertx.core.Future;
import io.vertx.core.eventbus.EventBus;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.net.URLDecoder;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * MQTT messages published over HTTP, as Event Grid has it: they go the way of every other message,
 * and the answer says that all who promise to have them do.
 *
 * <pre>
 *   POST /mqtt/messages?topic=T      mqtt-qos, mqtt-retain, mqtt-response-topic, …; the payload
 * </pre>
 *
 * <p>Who publishes is known by a token of one of the namespace's issuers, or by a key of the
 * management API, which may publish to any topic. For one event loop.
 */
final class HttpPublish {
  private static final String PATH = "/mqtt/messages";
  private static final Pattern VERSION = Pattern.compile("202[3-9]-[0-9]{2}-[0-9]{2}(-preview)?");
  private static final Pattern TOKEN =
      Pattern.compile("[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]*");
  private static final long MAX_EXPIRY = 0xffff_ffffL;
  private static final int MAX_LEVELS = 128;

  /** Who publishes with a key. */
  private static final String OPERATOR = "management-api";

  private final EventBus bus;

  /** Null where whoever comes may do anything. */
  private final ApiKeys keys;

  HttpPublish(EventBus bus, ApiKeys keys) {
    this.bus = bus;
    this.keys = keys;
  }

  /** Whether a path is the one. */
  static boolean handles(String path) {
    return path != null && path.equalsIgnoreCase(PATH);
  }

  /** Completes when the message is where it belongs. */
  Future<Void> answer(HttpServerRequest request, byte[] payload) {
    if (!request.method().equals(HttpMethod.POST)) {
      request.response().putHeader("allow", "POST");
      throw new ApiError(405, "MethodNotAllowed", "method not allowed (allowed: POST)");
    }
    String version = request.getParam("api-version");
    if (version == null || !VERSION.matcher(version).matches()) {
      throw new ApiError(
          400,
          "InvalidApiVersionParameter",
          "the api-version is missing or not known (allowed: 2025-02-15-preview)");
    }
    return permit(request)
        .compose(
            permit -> {
              String topic = topic(request);
              Optional<String> why =
                  permit.isEmpty() ? Optional.empty() : permit.get().whyNotPublish(topic);
              if (why.isPresent()) {
                throw new ApiError(403, "Forbidden", why.get());
              }
              String name = permit.map(Permit::authenticationName).orElse(OPERATOR);
              Bus.Publisher publisher = new Bus.Publisher(name, name, 0);
              return publish(
                  new Bus.PublishMessage(
                      packet(request, topic, payload), publisher, address(request)));
            });
  }

  private static byte[] address(HttpServerRequest request) {
    return NetUtil.createByteArrayFromIpAddressString(request.remoteAddress().hostAddress());
  }

  private Future<Void> publish(Bus.PublishMessage message) {
    return bus.<Bus.Local>request(Bus.loop(0), message, Bus.local(Resources.TIMEOUT))
        .map(
            reply -> {
              if (reply.body() instanceof Bus.Refused no) {
                throw new ApiError(status(no.reason()), code(no.reason()), no.text());
              }
              return null;
            });
  }

  private static int status(ReasonCode reason) {
    return switch (reason) {
      case NOT_AUTHORIZED -> 403;
      case QUOTA_EXCEEDED -> 429;
      case PACKET_TOO_LARGE -> 413;
      case SERVER_UNAVAILABLE, SERVER_BUSY, UNSPECIFIED_ERROR -> 503;
      default -> 400;
    };
  }

  /** As the other errors of the API are written. */
  private static String code(ReasonCode reason) {
    StringBuilder code = new StringBuilder();
    for (String part : reason.name().split("_")) {
      code.append(part.charAt(0)).append(part.substring(1).toLowerCase(Locale.ROOT));
    }
    return code.toString();
  }

  // --- who asks ---

  /** What the client may do; empty for one who may do anything. */
  private Future<Optional<Permit>> permit(HttpServerRequest request) {
    if (keys == null) {
      return Future.succeededFuture(Optional.empty());
    }
    String given = request.getHeader("authorization");
    if (given == null || !given.toLowerCase(Locale.ROOT).startsWith("bearer ")) {
      throw unauthorized("no token is given (allowed: Authorization: Bearer TOKEN)");
    }
    String token = given.substring("bearer ".length()).strip();
    if (!TOKEN.matcher(token).matches()) {
      boolean may =
          keys.caller(token.getBytes(UTF_8))
              .filter(caller -> caller.role().compareTo(Role.OPERATOR) >= 0)
              .isPresent();
      if (!may) {
        throw unauthorized("the key is not known, or may not publish");
      }
      return Future.succeededFuture(Optional.empty());
    }
    return authenticate(request, token, List.of(TokenIssuer.Method.values()), 0, null);
  }

  private static ApiError unauthorized(String why) {
    return new ApiError(401, "Unauthorized", why);
  }

  private static ApiError refused(Bus.Refused no) {
    return no.reason() == ReasonCode.SERVER_UNAVAILABLE
        ? new ApiError(status(no.reason()), code(no.reason()), no.text())
        : unauthorized(no.text());
  }

  /**
   * A token does not say for which method it is.
   *
   * @param before why it is none of an earlier method that is offered, or null; that nobody can say
   *     whether it is one goes before others
   */
  private Future<Optional<Permit>> authenticate(
      HttpServerRequest request,
      String token,
      List<TokenIssuer.Method> methods,
      int next,
      Bus.Refused before) {
    Bus.Authenticate who =
        new Bus.Authenticate(
            MqttVersion.V5,
            "http",
            null,
            null,
            List.of(),
            String.valueOf(request.remoteAddress()),
            methods.get(next).wire(),
            token.getBytes(UTF_8));
    return bus.<Bus.Local>request(Bus.AUTHORIZATION, who, Bus.local(Resources.TIMEOUT))
        .compose(
            reply -> {
              if (reply.body() instanceof Bus.Authenticated known) {
                return Future.succeededFuture(Optional.of(known.permit()));
              }
              Bus.Refused no =
                  reply.body() instanceof Bus.Refused refused
                      ? refused
                      : new Bus.Refused(ReasonCode.NOT_AUTHORIZED, "the token is not enough");
              boolean isTold =
                  no.reason() == ReasonCode.SERVER_UNAVAILABLE
                      || (before == null && no.reason() != ReasonCode.BAD_AUTHENTICATION_METHOD);
              Bus.Refused why = isTold ? no : before;
              if (next + 1 < methods.size()) {
                return authenticate(request, token, methods, next + 1, why);
              }
              throw refused(why == null ? no : why);
            });
  }

  // --- what for ---

  private static String topic(HttpServerRequest request) {
    String topic = request.getParam("topic");
    if (topic == null) {
      throw ApiError.invalid("topic: missing (allowed: ?topic=TOPIC, percent-encoded)");
    }
    return judged("topic", topic);
  }

  private static String judged(String what, String topic) {
    byte[] bytes = topic.getBytes(UTF_8);
    String problem = Topics.nameError(bytes, 0, bytes.length, MAX_LEVELS);
    if (problem == null && topic.startsWith("$")) {
      problem = "topics that begin with $ are the server's own";
    }
    if (problem != null) {
      throw new ApiError(403, "Forbidden", what + ": " + problem);
    }
    return topic;
  }

  /** What the query says goes before what a header says. */
  private static String given(HttpServerRequest request, String parameter, String header) {
    String inQuery = parameter == null ? null : request.getParam(parameter);
    return inQuery == null ? request.getHeader(header) : inQuery;
  }

  private static boolean flag(String name, String value, boolean absent) {
    if (value != null && !value.equals("0") && !value.equals("1")) {
      throw ApiError.invalid(name + ": not one of its values (allowed: 0, 1)");
    }
    return value == null ? absent : value.equals("1");
  }

  private static byte[] packet(HttpServerRequest request, String topic, byte[] payload) {
    boolean isAcknowledged = flag("mqtt-qos", given(request, "qos", "mqtt-qos"), true);
    boolean isRetained = flag("mqtt-retain", given(request, "retain", "mqtt-retain"), false);
    PropertyWriter properties = new PropertyWriter();
    String format = "mqtt-payload-format-indicator";
    if (flag(format, request.getHeader(format), false)) {
      properties.number(Property.PAYLOAD_FORMAT_INDICATOR, 1);
    }
    String expiry = request.getHeader("mqtt-message-expiry");
    if (expiry != null) {
      if (!expiry.matches("[0-9]{1,10}") || Long.parseLong(expiry) > MAX_EXPIRY) {
        throw ApiError.invalid(
            "mqtt-message-expiry: no number of seconds (allowed: 0 to " + MAX_EXPIRY + ")");
      }
      properties.number(Property.MESSAGE_EXPIRY_INTERVAL, Long.parseLong(expiry));
    }
    String contentType = request.getHeader("content-type");
    if (contentType != null) {
      properties.string(Property.CONTENT_TYPE, contentType);
    }
    String response = request.getHeader("mqtt-response-topic");
    if (response != null) {
      properties.string(Property.RESPONSE_TOPIC, responseTopic(response));
    }
    String correlation = request.getHeader("mqtt-correlation-data");
    if (correlation != null) {
      properties.binary(Property.CORRELATION_DATA, base64("mqtt-correlation-data", correlation));
    }
    String user = request.getHeader("mqtt-user-properties");
    if (user != null) {
      userProperties(properties, user);
    }
    ByteBuf out = Unpooled.buffer();
    Encoder.publish(out, MqttVersion.V5, topic, isAcknowledged ? 1 : 0, 0, payload, properties);
    byte[] packet = ByteBufUtil.getBytes(out);
    packet[0] |= (byte) (isRetained ? 1 : 0);
    return packet;
  }

  private static String responseTopic(String encoded) {
    try {
      return judged("mqtt-response-topic", URLDecoder.decode(encoded.replace("+", "%2B"), UTF_8));
    } catch (IllegalArgumentException e) {
      throw ApiError.invalid("mqtt-response-topic: a percent sign that encodes nothing");
    }
  }

  private static byte[] base64(String name, String value) {
    try {
      return Base64.getDecoder().decode(value);
    } catch (IllegalArgumentException e) {
      throw ApiError.invalid(name + ": not base64");
    }
  }

  /**
   * A JSON list of objects with one member each, in base64 or, as some samples have it, as it is.
   */
  private static void userProperties(PropertyWriter properties, String given) {
    String name = "mqtt-user-properties";
    String json =
        given.strip().startsWith("[") ? given : new String(base64(name, given.strip()), UTF_8);
    try {
      for (Object one : new JsonArray(json)) {
        for (Map.Entry<String, Object> pair : (JsonObject) one) {
          properties.user(pair.getKey(), (String) pair.getValue());
        }
      }
    } catch (DecodeException | ClassCastException e) {
      throw ApiError.invalid(
          name + ": not a list of objects with texts (allowed: [{\"k\":\"v\"},…] in base64)");
    }
  }
}
