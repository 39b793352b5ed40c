package io.busbar.testing;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.config.Settings;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.json.JsonObject;
import io.vertx.core.net.PemTrustOptions;
import io.vertx.ext.web.client.HttpRequest;
import io.vertx.ext.web.client.HttpResponse;
import io.vertx.ext.web.client.WebClient;
import io.vertx.ext.web.client.WebClientOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.concurrent.TimeUnit;
import java.util.function.IntSupplier;

/** Whoever speaks to the API of a node of a test, with one of three keys. */
public final class ApiClient implements AutoCloseable {
  public static final String OWNER = "the-owner";
  public static final String OPERATOR = "the-operator";
  public static final String READER = "the-reader";

  private final Vertx vertx = Vertx.vertx();
  private final WebClient client;
  private final IntSupplier port;

  /**
   * Speaks to a node.
   *
   * @param authority who signed its certificate
   * @param port where its API is
   */
  public ApiClient(Path authority, IntSupplier port) {
    this.port = port;
    this.client =
        WebClient.create(
            vertx,
            new WebClientOptions()
                .setSsl(true)
                .setTrustOptions(new PemTrustOptions().addCertPath(authority.toString())));
  }

  /** Settings with an API, whose keys are written into a directory that has a server's files. */
  public static Settings with(Settings of, Path home) throws IOException, GeneralSecurityException {
    StringBuilder keys = new StringBuilder();
    for (String key : new String[] {OWNER, OPERATOR, READER}) {
      byte[] hash = MessageDigest.getInstance("SHA-256").digest(key.getBytes(UTF_8));
      keys.append(key.substring("the-".length()))
          .append(' ')
          .append(HexFormat.of().formatHex(hash))
          .append('\n');
    }
    Files.writeString(home.resolve("api-keys"), keys);
    return of.with(
        new Settings.Api(
            new Settings.Address("127.0.0.1", 0),
            home.resolve("server.pem"),
            home.resolve("server-key.pem"),
            home.resolve("api-keys")));
  }

  /** What a future comes to. */
  public static <T> T await(Future<T> future) throws Exception {
    return future.toCompletionStage().toCompletableFuture().get(60, TimeUnit.SECONDS);
  }

  /** A request with a key, or with no key: null. */
  public HttpRequest<Buffer> request(HttpMethod method, String path, String key) {
    HttpRequest<Buffer> request = client.request(method, port.getAsInt(), "localhost", path);
    return key == null ? request : request.putHeader("authorization", "Bearer " + key);
  }

  /** Asks as the owner; a body of null is none. */
  public HttpResponse<Buffer> ask(HttpMethod method, String path, JsonObject body)
      throws Exception {
    HttpRequest<Buffer> request = request(method, path, OWNER);
    return await(body == null ? request.send() : request.sendJsonObject(body));
  }

  /** Makes a resource, which must succeed. */
  public JsonObject put(String path, JsonObject properties) throws Exception {
    HttpResponse<Buffer> answer =
        ask(HttpMethod.PUT, path, new JsonObject().put("properties", properties));
    assertThat(answer.statusCode()).as(answer.bodyAsString()).isIn(200, 201);
    return answer.bodyAsJsonObject();
  }

  /** For servers that a test has besides. */
  public Vertx vertx() {
    return vertx;
  }

  @Override
  public void close() {
    vertx.close().toCompletionStage().toCompletableFuture().orTimeout(20, TimeUnit.SECONDS).join();
  }
}
