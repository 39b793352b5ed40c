package io.busbar.api;

import io.busbar.bus.Bus;
import io.busbar.config.ConfigException;
import io.busbar.config.Limit;
import io.busbar.config.ResourceForm;
import io.busbar.config.Settings;
import io.busbar.mqtt.Topics;
import io.busbar.policy.Explanation;
import io.busbar.policy.PermissionBinding.Permission;
import io.busbar.policy.Policy;
import io.busbar.policy.Resource.Kind;
import io.busbar.session.Rates;
import io.busbar.telemetry.Meter;
import io.busbar.telemetry.Telemetry;
import io.vertx.core.Future;
import io.vertx.core.MultiMap;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.eventbus.EventBus;
import io.vertx.core.eventbus.ReplyException;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import javax.net.ssl.SSLPeerUnverifiedException;

/**
 * The management API: who asks, what for, and the answer. Resources are {@link Resources}'. For the
 * event loop of its verticle.
 *
 * <pre>
 *   GET /explain?client=NAME&publish=TOPIC     why a client may do that, or why not
 *   GET /explain?client=NAME&subscribe=FILTER
 *   POST the same with {"changes": […]}        what would be after these changes of a batch
 *   ANY /subscriptions/…, /namespaces/…        resources, see {@link ResourcePath}
 *   POST /topics/…                             events, see {@link Events}
 *   POST /mqtt/messages                        MQTT messages, see {@link HttpPublish}
 *   GET /cluster, …                            the nodes, see {@link ClusterNodes}
 *   GET /openapi.json                          what all of this is
 *   GET /sessions, …                           see {@link Sessions}
 *   GET /retained, …                           see {@link RetainedMessages}
 *   GET /queues                                see {@link EventBacklog}
 *   GET /node, /nodes, …                       see {@link NodeStatus}
 *   POST /tail                                 see {@link Tailing}
 *   POST /trace                                see {@link Tracing}
 *   POST /shadow                               see {@link Shadowing}
 *   GET /console/, …                           see {@link Console}; without a key
 * </pre>
 */
public final class Management {

  private static final int MAX_BODY = 1 << 20;

  /** Connections may be silent for so long: a receiver waits up to two minutes for events. */
  static final int IDLE_SECONDS = 150;

  private static final int MAX_TOPIC = 65_535;
  private static final int MAX_LEVELS = 128;

  /** Callers that are told apart. */
  private static final int MOST_CALLERS = 10_000;

  private static final String EXPLAIN = "/explain";
  private static final String DESCRIPTION = "/openapi.json";
  private static final String BEARER = "bearer ";

  private final EventBus bus;
  private final Telemetry telemetry;
  private final Resources resources;
  private final Batch batch;
  private final Events events;
  private final HttpPublish publish;
  private final ClusterNodes nodes;
  private final Sessions sessions;
  private final RetainedMessages retained;
  private final EventBacklog backlog;
  private final NodeStatus status;
  private final Tailing tailing = new Tailing();
  private final Tracing tracing = new Tracing();
  private final Shadowing shadowing = new Shadowing();

  /** Null where it is switched off. */
  private final Console console;

  private Vertx vertx;

  /** Null where whoever comes may do anything. */
  private final ApiKeys keys;

  private final JsonObject description = description();
  private final Rates callers;
  private final Rates strangers;
  private final int mostRequests;

  /** An answer without an error. */
  record Answer(int status, JsonObject body, String breaks) {
    Answer(int status, JsonObject body) {
      this(status, body, null);
    }
  }

  /**
   * The API of a node.
   *
   * @param status of the node and the others
   * @param isOpen whether whoever comes may do anything; else those who have a key of the settings
   */
  public Management(
      EventBus bus, Settings settings, Telemetry telemetry, NodeStatus status, boolean isOpen) {
    this.bus = bus;
    this.telemetry = telemetry;
    this.keys = isOpen ? null : new ApiKeys(settings.api().orElseThrow().keys());
    this.events = new Events(bus, telemetry, keys);
    this.publish = new HttpPublish(bus, keys);
    this.nodes = new ClusterNodes(bus, settings.nodeName());
    this.resources =
        new Resources(
            bus,
            settings,
            new NamespaceShape(
                settings.host(), settings.limits().get(Limit.SESSION_EXPIRY), settings.profile()));
    this.batch = new Batch(resources);
    this.mostRequests = settings.limits().intValue(Limit.API_REQUESTS);
    this.callers = new Rates(mostRequests, mostRequests, MOST_CALLERS);
    this.strangers = new Rates(mostRequests, mostRequests, MOST_CALLERS);
    this.sessions = new Sessions(bus, resources);
    this.retained = new RetainedMessages(bus, resources);
    this.backlog = new EventBacklog(bus);
    this.status = status;
    this.console = isOpen || settings.api().orElseThrow().console() ? new Console() : null;
  }

  private static JsonObject description() {
    try (InputStream in = Management.class.getResourceAsStream("openapi.json")) {
      return new JsonObject(Buffer.buffer(in.readAllBytes()));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Begins to look after itself, once a second. */
  void start(Vertx its) {
    vertx = its;
    events.start(vertx);
    vertx.setPeriodic(
        1_000,
        t -> {
          callers.sweep(System.nanoTime() / 1_000_000);
          strangers.sweep(System.nanoTime() / 1_000_000);
          refresh(vertx);
        });
  }

  /** Completes when the keys are those of the file. */
  Future<?> refresh(Vertx vertx) {
    return keys == null
        ? Future.succeededFuture()
        : vertx.executeBlocking(
            () -> {
              keys.refresh();
              return true;
            });
  }

  /** Whether a path is one of the API's. */
  static boolean handles(String path) {
    return path.equals(EXPLAIN)
        || path.equals(DESCRIPTION)
        || ClusterNodes.handles(path)
        || Events.handles(path)
        || HttpPublish.handles(path)
        || Sessions.handles(path)
        || RetainedMessages.handles(path)
        || EventBacklog.handles(path)
        || NodeStatus.handles(path)
        || isStream(path)
        || Console.handles(path)
        || ResourcePath.is(path);
  }

  /** Whether its answer goes on until whoever asked goes away. */
  private static boolean isStream(String path) {
    return Tailing.handles(path) || Tracing.handles(path) || Shadowing.handles(path);
  }

  /** Answers a request, one day. */
  void handle(HttpServerRequest request) {
    if (Console.handles(request.path())) {
      showConsole(request);
      return;
    }
    String site = request.getHeader("sec-fetch-site");
    if (site != null && !site.equals("same-origin") && !site.equals("none")) {
      // a browser shows who asks by a certificate, or from this machine, for any page it has open
      fail(
          request,
          "-",
          new ApiError(403, "AuthorizationFailed", "pages of other sites may not ask this API"));
      return;
    }
    Future<Answer> answer;
    if (Events.handles(request.path())) {
      read(request)
          .compose(body -> events.answer(request, body))
          .onSuccess(good -> sendEvents(request, good))
          .onFailure(
              e -> {
                // whoever waited for events may have left
                if (!request.response().closed()) {
                  fail(request, "-", e);
                }
              });
      return;
    }
    if (HttpPublish.handles(request.path())) {
      read(request)
          .compose(body -> publish.answer(request, body))
          .onSuccess(
              done -> {
                telemetry.count(Meter.API_REQUESTS, "204");
                HttpVerticle.send(request, 204, HttpVerticle.JSON, "");
              })
          .onFailure(e -> fail(request, "-", e));
      return;
    }
    String remote = request.remoteAddress().hostAddress();
    Caller caller = null;
    try {
      caller = caller(request).orElse(null);
      admit(caller, remote);
      Caller known = known(request, caller);
      if (isStream(request.path())) {
        look(request, known);
        return;
      }
      answer = read(request).compose(body -> answer(request, known, body));
    } catch (ApiError e) {
      answer = Future.failedFuture(e);
    }
    String who = caller == null ? "-" : caller.name();
    answer.onSuccess(good -> send(request, who, good)).onFailure(e -> fail(request, who, e));
  }

  private void showConsole(HttpServerRequest request) {
    if (console != null) {
      console.answer(request);
    } else {
      Console.refuse(
          request, new ApiError(404, "NotFound", "the console is switched off (api.console)"));
    }
  }

  /**
   * An answer that goes on, with what clients do as they do it: to those who may change what they
   * may do.
   */
  private void look(HttpServerRequest request, Caller caller) {
    if (!request.method().equals(HttpMethod.POST)) {
      throw notAllowed(request, "POST");
    }
    require(caller.role(), Role.OPERATOR);
    read(request)
        .compose(body -> begin(request, caller, body))
        .onSuccess(begun -> telemetry.count(Meter.API_REQUESTS, "200"))
        .onFailure(e -> fail(request, caller.name(), e));
  }

  private Future<Void> begin(HttpServerRequest request, Caller caller, byte[] body) {
    if (Tailing.handles(request.path())) {
      String filter = Tailing.filter(body);
      tailing.answer(vertx, request, filter);
      looks("messages looked at", caller, request, "filter", filter);
      return Future.succeededFuture();
    } else if (Tracing.handles(request.path())) {
      Tracing.Wanted wanted = Tracing.wanted(body);
      String whom = wanted.shown();
      return tracing
          .answer(vertx, request, wanted, () -> looks("trace ended", caller, request, "whom", whom))
          .onSuccess(begun -> looks("trace begun", caller, request, "whom", whom))
          .mapEmpty();
    }
    int minutes = Shadowing.minutes(body);
    return changes(body)
        .compose(
            changes ->
                shadowing
                    .answer(
                        vertx,
                        request,
                        changes,
                        minutes,
                        () -> looks("shadow ended", caller, request, "changes", changes.size()))
                    .onSuccess(
                        begun -> looks("shadow begun", caller, request, "changes", changes.size()))
                    .mapEmpty());
  }

  private void looks(
      String event, Caller by, HttpServerRequest request, String kind, Object value) {
    telemetry
        .audit()
        .changed(event, "who", by.name(), kind, value, "remote", request.remoteAddress());
  }

  // --- who asks ---

  /** Who asks, by a key or else by the certificate of the connection; empty if not known. */
  private Optional<Caller> caller(HttpServerRequest request) {
    if (keys == null) {
      return Optional.of(Caller.ANYBODY);
    }
    String given = request.getHeader("authorization");
    if (given != null && given.toLowerCase(Locale.ROOT).startsWith(BEARER)) {
      return keys.caller(given.substring(BEARER.length()).strip().getBytes(StandardCharsets.UTF_8));
    }
    try {
      return request.sslSession() == null
          ? Optional.empty()
          : keys.caller(
              ((X509Certificate) request.sslSession().getPeerCertificates()[0])
                  .getSubjectX500Principal());
    } catch (SSLPeerUnverifiedException e) {
      return Optional.empty(); // it came without
    }
  }

  private static Caller known(HttpServerRequest request, Caller caller) {
    if (caller != null) {
      return caller;
    }
    throw new ApiError(
        401,
        "AuthenticationFailed",
        request.getHeader("authorization") == null
            ? "no key is given, nor a certificate that is known (allowed: Authorization: Bearer KEY)"
            : "the key is not known");
  }

  /** Strangers, of whom there may be any number, take nothing from those who are known. */
  private void admit(Caller caller, String remote) {
    if (keys == null) {
      return;
    }
    long now = System.nanoTime() / 1_000_000;
    boolean isFew = caller == null ? strangers.take(remote, now) : callers.take(caller.name(), now);
    if (!isFew) {
      throw new ApiError(
          429,
          "TooManyRequests",
          "more than %s = %d requests of one caller within a second: try again later"
              .formatted(Limit.API_REQUESTS.key(), mostRequests));
    }
  }

  private static void require(Role has, Role needed) {
    if (has.compareTo(needed) < 0) {
      throw new ApiError(
          403,
          "AuthorizationFailed",
          "a key of role %s may not do this (needed: %s)".formatted(has.key(), needed.key()));
    }
  }

  // --- what for ---

  /** The body of a request that may have one. */
  private static Future<byte[]> read(HttpServerRequest request) {
    String method = request.method().name();
    if (!List.of("PUT", "PATCH", "POST").contains(method)) {
      request.resume();
      return Future.succeededFuture(new byte[0]);
    }
    Promise<byte[]> whole = Promise.promise();
    Buffer body = Buffer.buffer();
    request.handler(
        part -> {
          if (body.length() + part.length() <= MAX_BODY) {
            body.appendBuffer(part);
          } else {
            whole.tryFail(
                new ApiError(
                    413,
                    "RequestEntityTooLarge",
                    "a body has at most %d bytes".formatted(MAX_BODY)));
          }
        });
    request.endHandler(end -> whole.tryComplete(body.getBytes()));
    request.exceptionHandler(whole::tryFail);
    return whole.future();
  }

  private Future<Answer> answer(HttpServerRequest request, Caller caller, byte[] body) {
    Role role = caller.role();
    MultiMap query = request.params();
    if (request.path().equals(EXPLAIN)) {
      if (request.method().equals(HttpMethod.GET)) {
        return explain(query, List.of());
      }
      if (!request.method().equals(HttpMethod.POST)) {
        throw notAllowed(request, "GET, POST");
      }
      return explainDraft(query, body);
    }
    if (request.path().equals(DESCRIPTION)) {
      if (!request.method().equals(HttpMethod.GET)) {
        throw notAllowed(request, "GET");
      }
      return Future.succeededFuture(new Answer(200, description));
    }
    if (NodeStatus.handles(request.path())) {
      return status.answer(vertx, request, caller);
    }
    if (EventBacklog.handles(request.path())) {
      return backlog.answer(request);
    }
    if (ClusterNodes.handles(request.path())) {
      if (!request.method().equals(HttpMethod.GET)) {
        require(role, Role.OWNER);
      }
      return nodes.answer(request);
    }
    if (Sessions.handles(request.path()) || RetainedMessages.handles(request.path())) {
      if (!request.method().equals(HttpMethod.GET)) {
        require(role, Role.OPERATOR);
      }
      return Sessions.handles(request.path()) ? sessions.answer(request) : retained.answer(request);
    }
    ResourcePath path = ResourcePath.of(request.path());
    if (path.isArm()) {
      ApiVersions.require(query.get("api-version"));
    }
    if (path.action() != null && !request.method().equals(HttpMethod.POST)) {
      throw notAllowed(request, "POST");
    }
    return switch (request.method().name()) {
      case "GET" -> resources.get(path, query, request.absoluteURI());
      // whether it exists
      case "HEAD" ->
          resources.get(path, query, request.absoluteURI()).map(there -> new Answer(204, null));
      case "PUT" -> {
        require(role, Role.OPERATOR);
        yield resources.put(path, body);
      }
      case "PATCH" -> {
        require(role, Role.OPERATOR);
        boolean isPatched =
            path.kind() == null
                || path.kind() == Kind.TOPIC
                || path.kind() == Kind.EVENT_SUBSCRIPTION;
        if (!isPatched) {
          throw notAllowed(request, "GET, PUT, DELETE");
        }
        yield resources.patch(path, body);
      }
      case "DELETE" -> {
        require(role, Role.OPERATOR);
        yield resources.delete(path);
      }
      case "POST" -> {
        if (path.action() == null) {
          throw notAllowed(request, "GET, PUT, PATCH, DELETE");
        }
        if (path.action().equals("batch")) {
          require(role, Role.OPERATOR);
          yield batch.carryOut(path, body, "true".equals(query.get("dryRun")));
        }
        if (path.action().equals("importClients")) {
          require(role, Role.OPERATOR);
          yield batch.importClients(path, body);
        }
        if (path.kind() == Kind.EVENT_SUBSCRIPTION) {
          // who may change where events go may see where they go
          require(role, Role.OPERATOR);
          yield resources.secrets(path);
        }
        require(role, Role.OWNER);
        yield resources.keys(path, body);
      }
      default -> throw notAllowed(request, "GET, PUT, PATCH, DELETE");
    };
  }

  static ApiError notAllowed(HttpServerRequest request, String allowed) {
    request.response().putHeader("allow", allowed);
    return new ApiError(
        405,
        "MethodNotAllowed",
        "method %s (allowed here: %s)".formatted(request.method(), allowed));
  }

  // --- why ---

  /** What would be if changes were made, and what is now. */
  private Future<Answer> explainDraft(MultiMap query, byte[] body) {
    return changes(body)
        .compose(changes -> explain(query, changes))
        .compose(
            then ->
                explain(query, List.of())
                    .map(
                        now -> {
                          then.body().put("now", brief(now.body()));
                          return then;
                        }));
  }

  /** What the changes of a batch would make. */
  private Future<List<Policy.Change>> changes(byte[] body) {
    return resources
        .find(Kind.NAMESPACE, "")
        .map(
            namespace -> {
              if (namespace == null) {
                throw ApiError.notFound("the namespace");
              }
              String name =
                  ResourceForm.decode(Kind.NAMESPACE, namespace.value()).resource().name();
              return Batch.draft(ResourcePath.of("/namespaces/" + name), body);
            });
  }

  private static JsonObject brief(JsonObject explained) {
    return new JsonObject()
        .put("allowed", explained.getValue("allowed"))
        .put("reason", explained.getValue("reason"));
  }

  private Future<Answer> explain(MultiMap query, List<Policy.Change> changes) {
    String client = query.get("client");
    String topic = query.get("publish");
    String filter = query.get("subscribe");
    if (client == null || client.isEmpty() || (topic == null) == (filter == null)) {
      throw ApiError.invalid(
          "explain needs client and either publish or subscribe"
              + " (as in /explain?client=NAME&publish=TOPIC)");
    }
    String wanted = topic == null ? inner(filter) : topic;
    byte[] bytes = wanted.getBytes(StandardCharsets.UTF_8);
    String problem =
        bytes.length > MAX_TOPIC
            ? "longer than %d bytes".formatted(MAX_TOPIC)
            : topic == null
                ? Topics.filterError(bytes, 0, bytes.length, MAX_LEVELS)
                : Topics.nameError(bytes, 0, bytes.length, MAX_LEVELS);
    if (problem != null) {
      throw ApiError.invalid((topic == null ? "subscribe: " : "publish: ") + problem);
    }
    Permission right = topic == null ? Permission.SUBSCRIBER : Permission.PUBLISHER;
    return bus.<Bus.Local>request(
            Bus.AUTHORIZATION,
            new Bus.Explain(client, right, wanted, changes),
            Bus.local(Resources.TIMEOUT))
        .map(reply -> new Answer(200, json(((Bus.Explained) reply.body()).explanation())));
  }

  /** A shared subscription is judged by its filter. */
  private static String inner(String filter) {
    int slash = filter.startsWith("$share/") ? filter.indexOf('/', "$share/".length()) : -1;
    return slash < 0 ? filter : filter.substring(slash + 1);
  }

  private static JsonObject json(Explanation why) {
    JsonArray bindings = new JsonArray();
    for (Explanation.Binding binding : why.bindings()) {
      JsonArray templates = new JsonArray();
      for (Explanation.Template template : binding.templates()) {
        JsonObject one =
            new JsonObject()
                .put("template", template.text())
                .put("filters", new JsonArray(template.filters()))
                .put("matches", template.matches());
        templates.add(template.whyNone() == null ? one : one.put("nothing", template.whyNone()));
      }
      bindings.add(
          new JsonObject()
              .put("permissionBinding", binding.name())
              .put("clientGroup", binding.group())
              .put("inGroup", binding.isInGroup())
              .put("topicSpace", binding.topicSpace())
              .put("topicTemplates", templates));
    }
    JsonObject json = new JsonObject().put("allowed", why.allowed()).put("reason", why.reason());
    if (why.client() != null) {
      json.put("client", why.client().name())
          .put("authenticationName", why.client().authenticationName())
          .put("enabled", why.client().enabled());
    }
    return json.put("clientGroups", new JsonArray(why.groups())).put("bindings", bindings);
  }

  // --- the answer ---

  private void send(HttpServerRequest request, String who, Answer answer) {
    boolean isChange = !request.method().equals(HttpMethod.GET);
    if (isChange && !request.method().equals(HttpMethod.HEAD)) {
      telemetry
          .audit()
          .changed(
              "request carried out",
              "who",
              who,
              "method",
              request.method(),
              "path",
              request.path(),
              "status",
              answer.status(),
              "remote",
              request.remoteAddress());
    }
    if (answer.breaks() != null) {
      request.response().putHeader("x-busbar-breaks", answer.breaks());
    }
    telemetry.count(Meter.API_REQUESTS, Integer.toString(answer.status()));
    HttpVerticle.send(
        request,
        answer.status(),
        HttpVerticle.JSON,
        answer.body() == null ? "" : answer.body().encode());
  }

  /** Not logged, as there may be thousands a second. */
  private void sendEvents(HttpServerRequest request, Buffer answer) {
    telemetry.count(Meter.API_REQUESTS, "200");
    HttpVerticle.send(request, 200, HttpVerticle.JSON, answer);
  }

  private void fail(HttpServerRequest request, String who, Throwable cause) {
    ApiError error = error(cause).orElse(null);
    if (error == null) {
      telemetry.count(Meter.API_REQUESTS, "500");
      HttpVerticle.fail(request, cause);
      return;
    }
    telemetry
        .audit()
        .denied(
            "request refused",
            who.equals("-") ? request.remoteAddress().hostAddress() : who,
            "who",
            who,
            "method",
            request.method(),
            "path",
            request.path(),
            "status",
            error.status(),
            "remote",
            request.remoteAddress(),
            "reason",
            error.getMessage());
    request.response().putHeader("x-ms-error-code", error.code());
    if (error.status() == 401) {
      request.response().putHeader("www-authenticate", "Bearer");
    }
    if (error.status() == 429) {
      request.response().putHeader("retry-after", "1");
    }
    if (error.status() == 413) {
      // the rest of the body is not read
      request.response().putHeader("connection", "close");
    }
    telemetry.count(Meter.API_REQUESTS, Integer.toString(error.status()));
    HttpVerticle.send(request, error.status(), HttpVerticle.JSON, error.toJson().encode());
  }

  private static Optional<ApiError> error(Throwable cause) {
    if (cause instanceof ApiError error) {
      return Optional.of(error);
    } else if (cause instanceof ConfigException broken) {
      return Optional.of(ApiError.invalid(broken.getMessage()));
    } else if (cause instanceof ReplyException) {
      return Optional.of(ApiError.unavailable("the store did not answer: try again"));
    }
    return Optional.empty();
  }
}
