package io.busbar.cli;

import io.busbar.config.ConfigException;
import io.busbar.config.SettingsFile;
import io.busbar.policy.Resource.Kind;
import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLHandshakeException;
import picocli.CommandLine.Option;

/** The management API of a node, as the commands ask it. Its options are those of each of them. */
final class ApiClient {
  private static final Duration TIMEOUT = Duration.ofSeconds(60);

  /** Kinds in the order in which what refers to others comes after them. */
  static final List<Kind> KINDS =
      List.of(
          Kind.CA_CERTIFICATE,
          Kind.CLIENT,
          Kind.CLIENT_GROUP,
          Kind.TOPIC_SPACE,
          Kind.PERMISSION_BINDING,
          Kind.TOPIC,
          Kind.EVENT_SUBSCRIPTION);

  @Option(
      names = "--api",
      paramLabel = "URL",
      defaultValue = "https://127.0.0.1:" + SettingsFile.API_PORT,
      description = "the node's management API (${DEFAULT-VALUE})")
  private URI api;

  @Option(
      names = "--home",
      paramLabel = "DIR",
      defaultValue = "${sys:user.home}/.busbar",
      description = "where ca.pem, to trust, and api-key are (${DEFAULT-VALUE})")
  private Path home;

  @Option(
      names = "--key-file",
      paramLabel = "FILE",
      description = "file with the key (else BUSBAR_API_KEY, else api-key of the home)")
  private Path keyFile;

  @Option(
      names = "--certificate",
      paramLabel = "FILE",
      description = "PEM file of a certificate to come with, instead of a key")
  private Path certificate;

  @Option(
      names = "--certificate-key",
      paramLabel = "FILE",
      description = "PEM file of its private key (PKCS#8)")
  private Path certificateKey;

  private HttpClient client;

  /** An answer. */
  record Answer(int status, JsonObject body, Optional<String> breaks) {}

  /**
   * Asks for a path.
   *
   * @throws IOException if there is no answer, or one that is an error: its message says why
   */
  Answer ask(String method, String path, JsonObject body) throws IOException, InterruptedException {
    return send(method, path, body == null ? null : body.encode());
  }

  /** The same with any body, or none: null. */
  Answer send(String method, String path, String body) throws IOException, InterruptedException {
    HttpResponse<String> response = exchange(method, path, body);
    JsonObject answer = json(response.body());
    if (response.statusCode() >= 400) {
      throw new IOException(message(response.statusCode(), answer));
    }
    return new Answer(
        response.statusCode(), answer, response.headers().firstValue("x-busbar-breaks"));
  }

  private String message(int status, JsonObject answer) {
    JsonObject error = answer.getJsonObject("error", new JsonObject());
    return "%s: %s%s"
        .formatted(
            error.getString("code", "status " + status),
            error.getString("message", ""),
            status == 401
                ? " (key: --key-file, BUSBAR_API_KEY or %s)".formatted(home.resolve("api-key"))
                : "");
  }

  /**
   * Has an answer that goes on handed on line by line, until it ends.
   *
   * @throws IOException if there is no answer, or one that is an error, or it breaks off
   */
  void stream(String path, JsonObject body, Consumer<String> then)
      throws IOException, InterruptedException {
    HttpRequest.Builder request = request("POST", path, body.encode());
    HttpResponse<Stream<String>> response = exchange(request, HttpResponse.BodyHandlers.ofLines());
    try (Stream<String> lines = response.body()) {
      if (response.statusCode() >= 400) {
        throw new IOException(
            message(response.statusCode(), json(lines.collect(Collectors.joining("\n")))));
      }
      lines.filter(line -> !line.isEmpty()).forEach(then);
    } catch (UncheckedIOException e) {
      throw new IOException("%s: the answer broke off: %s".formatted(api, reason(e)), e);
    }
  }

  private static String reason(UncheckedIOException e) {
    return e.getCause().getMessage();
  }

  private HttpResponse<String> exchange(String method, String path, String body)
      throws IOException, InterruptedException {
    return exchange(
        request(method, path, body).timeout(TIMEOUT), HttpResponse.BodyHandlers.ofString());
  }

  private HttpRequest.Builder request(String method, String path, String body) throws IOException {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(api.resolve(path))
            .header("content-type", "application/json")
            .method(
                method,
                body == null
                    ? HttpRequest.BodyPublishers.noBody()
                    : HttpRequest.BodyPublishers.ofString(body));
    String key = certificate == null || keyFile != null ? key() : null;
    if (key != null) {
      request.header("authorization", "Bearer " + key);
    }
    return request;
  }

  private <T> HttpResponse<T> exchange(
      HttpRequest.Builder request, HttpResponse.BodyHandler<T> handler)
      throws IOException, InterruptedException {
    try {
      return client().send(request.build(), handler);
    } catch (ConnectException e) {
      throw new IOException(
          "no node answers at %s (start one, or name another with --api)".formatted(api), e);
    } catch (SSLHandshakeException e) {
      throw new IOException(
          "%s: its certificate is not trusted (needed: one of %s)"
              .formatted(api, home.resolve("ca.pem")),
          e);
    } catch (IOException e) {
      throw new IOException("%s: %s".formatted(api, e.getMessage()), e);
    }
  }

  private static JsonObject json(String text) throws IOException {
    try {
      return text.isBlank() ? new JsonObject() : new JsonObject(text);
    } catch (DecodeException e) {
      throw new IOException("the answer is not JSON: is this a node of Busbar?", e);
    }
  }

  /** The namespace's name. */
  String namespace() throws IOException, InterruptedException {
    JsonArray all = ask("GET", "/namespaces", null).body().getJsonArray("value");
    if (all.isEmpty()) {
      throw new IOException("the node has no namespace yet (busbar apply makes one)");
    }
    return all.getJsonObject(0).getString("name");
  }

  /** The path of a kind's resources, or of one; that of an event subscription is topic/name. */
  static String path(String namespace, Kind kind, String name) {
    String own = "/namespaces/" + namespace + "/";
    if (kind == Kind.EVENT_SUBSCRIPTION) {
      int slash = name.indexOf('/');
      if (slash < 0) {
        throw new ConfigException(
            "\"%s\" names no event subscription (allowed: TOPIC/NAME)".formatted(name));
      }
      return subscriptions(namespace, name.substring(0, slash))
          + "/"
          + encoded(name.substring(slash + 1));
    }
    return own + kind.plural() + (name == null ? "" : "/" + encoded(name));
  }

  /** The same, below the namespace. */
  static String below(Kind kind, String name) {
    return path("", kind, name).substring("/namespaces//".length());
  }

  private static String subscriptions(String namespace, String topic) {
    return path(namespace, Kind.TOPIC, topic) + "/" + Kind.EVENT_SUBSCRIPTION.plural();
  }

  /** As a part of a path, or of a query. */
  static String encoded(String name) {
    return URLEncoder.encode(name, StandardCharsets.UTF_8).replace("+", "%20");
  }

  /** All resources of a kind, page after page; event subscriptions are named topic/name. */
  List<JsonObject> all(String namespace, Kind kind) throws IOException, InterruptedException {
    return all(namespace, kind, null);
  }

  /** The same, as far as a filter wants them, or null. */
  List<JsonObject> all(String namespace, Kind kind, String filter)
      throws IOException, InterruptedException {
    List<JsonObject> all = new ArrayList<>();
    each(namespace, kind, filter, all::add);
    return all;
  }

  /** The same, handed on page after page. */
  void each(String namespace, Kind kind, String filter, Consumer<JsonObject> then)
      throws IOException, InterruptedException {
    if (kind != Kind.EVENT_SUBSCRIPTION) {
      each(filtered(path(namespace, kind, null), filter), then);
      return;
    }
    for (JsonObject topic : all(namespace, Kind.TOPIC)) {
      String name = topic.getString("name");
      each(
          filtered(subscriptions(namespace, name), filter),
          one -> then.accept(one.put("name", name + "/" + one.getString("name"))));
    }
  }

  /** The path of a list. */
  static String filtered(String path, String filter) {
    return path + "?$top=100" + (filter == null ? "" : "&$filter=" + encoded(filter));
  }

  /**
   * All resources of a kind with what is not shown to everybody: what makes them again.
   *
   * @throws IOException if the key may not have that
   */
  List<JsonObject> whole(String namespace, Kind kind) throws IOException, InterruptedException {
    List<JsonObject> all = all(namespace, kind);
    for (JsonObject one : all) {
      complete(namespace, kind, one.getString("name"), one);
    }
    return all;
  }

  /** One of them, or null. */
  JsonObject whole(String namespace, Kind kind, String name)
      throws IOException, InterruptedException {
    HttpResponse<String> response = exchange("GET", path(namespace, kind, name), null);
    if (response.statusCode() == 404) {
      return null;
    }
    JsonObject one = json(response.body());
    if (response.statusCode() >= 400) {
      throw new IOException(message(response.statusCode(), one));
    }
    complete(namespace, kind, name, one);
    return one;
  }

  private void complete(String namespace, Kind kind, String name, JsonObject one)
      throws IOException, InterruptedException {
    if (kind != Kind.EVENT_SUBSCRIPTION) {
      return;
    }
    JsonObject to = destination(one);
    if (to.remove("endpointBaseUrl") != null) {
      String path = path(namespace, kind, name);
      to.put("endpointUrl", secret(path + "/getFullUrl", "endpointUrl"));
      if (to.containsKey("deliveryAttributeMappings")) {
        to.put("deliveryAttributeMappings", secret(path + "/getDeliveryAttributes", "value"));
      }
    }
  }

  private Object secret(String path, String key) throws IOException, InterruptedException {
    return ask("POST", path, null).body().getValue(key);
  }

  private static JsonObject destination(JsonObject subscription) {
    return subscription
        .getJsonObject("properties")
        .getJsonObject("deliveryConfiguration")
        .getJsonObject("push", new JsonObject())
        .getJsonObject("destination", new JsonObject())
        .getJsonObject("properties", new JsonObject());
  }

  /** Hands on what a list has, page after page. */
  void each(String path, Consumer<JsonObject> then) throws IOException, InterruptedException {
    String next = path;
    while (next != null) {
      JsonObject page = ask("GET", next, null).body();
      for (Object one : page.getJsonArray("value")) {
        then.accept((JsonObject) one);
      }
      String link = page.getString("nextLink");
      URI uri = link == null ? null : URI.create(link);
      next = uri == null ? null : uri.getRawPath() + "?" + uri.getRawQuery();
    }
  }

  /** The kind that a person means: its name, in one or many, in any case. */
  static Kind kind(String word) {
    String bare = word.toLowerCase(Locale.ROOT).replace("-", "");
    for (Kind kind : KINDS) {
      String plural = kind.plural().toLowerCase(Locale.ROOT);
      if (bare.equals(plural) || bare.equals(plural.substring(0, plural.length() - 1))) {
        return kind;
      }
    }
    throw new ConfigException(
        "\"%s\" is no kind of resource (allowed: %s)"
            .formatted(word, String.join(", ", KINDS.stream().map(Kind::plural).toList())));
  }

  private String key() throws IOException {
    if (keyFile != null) {
      return Files.readString(keyFile).strip();
    }
    String given = System.getenv("BUSBAR_API_KEY");
    if (given != null && !given.isBlank()) {
      return given.strip();
    }
    Path file = home.resolve("api-key");
    return Files.isReadable(file) ? Files.readString(file).strip() : null;
  }

  private HttpClient client() throws IOException {
    if (client != null) {
      return client;
    }
    HttpClient.Builder builder = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(10));
    Path authority = home.resolve("ca.pem");
    if ((certificate == null) != (certificateKey == null)) {
      throw new ConfigException("--certificate, --certificate-key: one of them (allowed: both)");
    }
    boolean hasAuthority = Files.isReadable(authority);
    if ("https".equals(api.getScheme()) && (hasAuthority || certificate != null)) {
      builder.sslContext(context(hasAuthority ? authority : null));
    }
    client = builder.build();
    return client;
  }

  /** The home's authority, besides nobody: who talks to a node of his own knows who signed it. */
  private SSLContext context(Path authority) throws IOException {
    try {
      SSLContext context = SSLContext.getInstance("TLS");
      context.init(
          certificate == null
              ? null
              : TlsFiles.identity(certificate, certificateKey).getKeyManagers(),
          authority == null ? null : TlsFiles.trust(authority).getTrustManagers(),
          null);
      return context;
    } catch (GeneralSecurityException e) {
      throw new IOException("the certificates cannot be used: " + e.getMessage(), e);
    }
  }
}
