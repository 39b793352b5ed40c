package io.busbar.api;

import io.busbar.api.Management.Answer;
import io.busbar.bus.Bus;
import io.busbar.shard.Command;
import io.busbar.shard.SessionView;
import io.busbar.shard.StoredSubscription;
import io.vertx.core.Future;
import io.vertx.core.MultiMap;
import io.vertx.core.eventbus.EventBus;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.time.Instant;
import java.util.List;
import java.util.function.BiPredicate;

/**
 * The sessions of the cluster, looked at and ended over the API.
 *
 * <pre>
 *   GET    /sessions?client=NAME&$filter=…&$top=…   those of a client, or all
 *   GET    /sessions/NAME
 *   POST   /sessions/NAME/disconnect                its connection ends, the session stays
 *   DELETE /sessions/NAME                           it ends, with what is queued in it
 * </pre>
 */
final class Sessions {
  private static final String ROOT = "/sessions";
  private static final String DISCONNECT = "/disconnect";
  private static final long FOR_EVER = 0xffff_ffffL;

  private final EventBus bus;
  private final Resources resources;

  Sessions(EventBus bus, Resources resources) {
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
    String rest = path.substring(ROOT.length() + 1);
    boolean disconnects = rest.endsWith(DISCONNECT);
    String name =
        ResourcePath.decoded(
            disconnects ? rest.substring(0, rest.length() - DISCONNECT.length()) : rest);
    if (disconnects) {
      if (!method.equals("POST")) {
        throw Management.notAllowed(request, "POST");
      }
      return ask(new Bus.Disconnect(name)).map(listed -> one(name, listed));
    }
    return switch (method) {
      case "GET" -> ask(new Bus.FindSession(name)).map(listed -> one(name, listed));
      case "DELETE" -> ask(new Bus.FindSession(name)).compose(listed -> end(name, listed));
      default -> throw Management.notAllowed(request, "GET, DELETE");
    };
  }

  private Future<Bus.SessionsListed> ask(Bus.Local question) {
    return bus.<Bus.Local>request(Bus.SESSION, question, Bus.local(Resources.TIMEOUT))
        .map(reply -> (Bus.SessionsListed) reply.body());
  }

  private Future<Answer> list(MultiMap query, String uri) {
    Paging paging = Paging.of(query);
    if (paging.after() != null && !paging.after().matches("(?s)s|c|s[0-9]{1,18}:.*|c[^:]+:.*")) {
      throw ApiError.invalid("$skipToken: not one of a nextLink");
    }
    String client = query.get("client");
    BiPredicate<String, String> wanted =
        (name, owner) -> (client == null || client.equals(owner)) && paging.names().test(name);
    return ask(new Bus.ListSessions(paging.after(), paging.most(), wanted))
        .map(
            listed -> {
              JsonArray value = new JsonArray();
              listed.sessions().forEach(one -> value.add(json(one, false)));
              JsonObject body = new JsonObject().put("value", value);
              if (listed.next() != null) {
                body.put("nextLink", Paging.next(uri, query, listed.next()));
              }
              return new Answer(200, body);
            });
  }

  private static Answer one(String name, Bus.SessionsListed listed) {
    if (listed.sessions().isEmpty()) {
      throw ApiError.notFound("session '%s'".formatted(name));
    }
    return new Answer(200, json(listed.sessions().get(0), true));
  }

  private Future<Answer> end(String name, Bus.SessionsListed listed) {
    if (listed.sessions().isEmpty()) {
      return Future.succeededFuture(new Answer(204, null));
    }
    Future<?> ended =
        listed.sessions().get(0).stored() == null
            ? ask(new Bus.Disconnect(name))
            : resources.append(List.of(new Command.End(name)));
    return ended.map(done -> new Answer(200, null));
  }

  private static JsonObject json(Bus.SessionShown session, boolean isWhole) {
    JsonObject json =
        new JsonObject()
            .put("name", session.name())
            .put("client", session.client())
            .put("state", session.node() == null ? "disconnected" : "connected")
            .put("stored", session.stored() != null);
    if (session.node() != null) {
      json.put("node", session.node());
    }
    SessionView stored = session.stored();
    if (stored == null) {
      return json;
    }
    json.put("queued", stored.queued());
    if (stored.expirySeconds() != FOR_EVER) {
      json.put("expirySeconds", stored.expirySeconds());
    }
    if (stored.endsAt() != Long.MAX_VALUE) {
      json.put("endsAt", Instant.ofEpochMilli(stored.endsAt()).toString());
    }
    if (!isWhole) {
      return json.put("subscriptions", stored.subscriptions().size());
    }
    JsonArray subscriptions = new JsonArray();
    for (StoredSubscription one : stored.subscriptions()) {
      subscriptions.add(new JsonObject().put("filter", one.name()).put("qos", one.qos()));
    }
    if (stored.will() != null) {
      json.put(
          "will",
          new JsonObject()
              .put("topic", RetainedMessages.view(stored.will().packet()).topic())
              .put("delaySeconds", stored.will().delaySeconds()));
    }
    return json.put("subscriptions", subscriptions);
  }
}
