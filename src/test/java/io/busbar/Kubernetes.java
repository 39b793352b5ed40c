package io.busbar;

import io.busbar.config.Settings;
import io.busbar.tool.Certificates;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.net.PemKeyCertOptions;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;

/**
 * What a pod sees of Kubernetes: its service account, and an API that answers what it is told to.
 */
final class Kubernetes implements AutoCloseable {
  private static final String TOKEN = "a-token";

  /** What was asked, as {@code GET path}, in order. */
  final List<String> asked = new CopyOnWriteArrayList<>();

  private final Vertx vertx = Vertx.vertx();
  private final Path account;
  private final int port;
  private volatile List<Answer> answers = List.of();

  private record Answer(int status, String body) {}

  /** With a directory of its own. */
  Kubernetes(Path directory) throws Exception {
    account = Files.createDirectories(directory.resolve("account"));
    Certificates certificates = Certificates.in(directory, Instant.now());
    Certificates.Identity identity = certificates.server(List.of("localhost"));
    Files.copy(certificates.authority(), account.resolve("ca.crt"));
    Files.writeString(account.resolve("token"), TOKEN + "\n");
    Files.writeString(account.resolve("namespace"), "plant");
    HttpServerOptions options =
        new HttpServerOptions()
            .setSsl(true)
            .setKeyCertOptions(
                new PemKeyCertOptions()
                    .addCertPath(identity.certificate().toString())
                    .addKeyPath(identity.key().toString()));
    HttpServer server =
        vertx
            .createHttpServer(options)
            .requestHandler(
                request -> {
                  asked.add(request.method() + " " + request.path());
                  Answer answer = answers.get(0);
                  if (answers.size() > 1) {
                    answers = answers.subList(1, answers.size());
                  }
                  boolean isKnown = ("Bearer " + TOKEN).equals(request.getHeader("authorization"));
                  if (answer.status > 0) {
                    request
                        .response()
                        .setStatusCode(isKnown ? answer.status : 401)
                        .end(answer.body);
                  }
                })
            .listen(0, "127.0.0.1")
            .toCompletionStage()
            .toCompletableFuture()
            .get(10, TimeUnit.SECONDS);
    port = server.actualPort();
  }

  /** Answers so from now on; with status 0 not at all. */
  void answers(int status, String json) {
    answers = List.of(new Answer(status, json.replace('\'', '"')));
  }

  /** Answers so once, before. */
  void answersFirst(int status) {
    answers = List.of(new Answer(status, ""), answers.get(0));
  }

  /** A token that it does not know. */
  void forgetToken() throws IOException {
    Files.writeString(account.resolve("token"), "another");
  }

  /** A set, as nodes are told of it. */
  Settings.StatefulSet set(String name) {
    return new Settings.StatefulSet(name, URI.create("https://localhost:" + port), account);
  }

  @Override
  public void close() {
    vertx.close().toCompletionStage().toCompletableFuture().join();
  }
}
