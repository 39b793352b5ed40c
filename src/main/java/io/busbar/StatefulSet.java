package io.busbar;

import io.busbar.config.Settings;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.RequestOptions;
import io.vertx.core.json.JsonObject;
import io.vertx.core.net.PemTrustOptions;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The StatefulSet that a node is a pod of, as Kubernetes has it: that a pod is deleted does not
 * tell whether another one comes in its place.
 */
final class StatefulSet {
  private static final Logger LOG = LoggerFactory.getLogger(StatefulSet.class);

  /** Of one attempt, in ms: all of them, and a stop after that, fit into ten seconds. */
  private static final long TIMEOUT = 1_000;

  private static final int ATTEMPTS = 3;
  private static final long AGAIN = 100;

  private final Vertx vertx;
  private final Settings.StatefulSet set;
  private final int ordinal;

  StatefulSet(Vertx vertx, Settings.StatefulSet set, String node) {
    this.vertx = vertx;
    this.set = set;
    this.ordinal = set.ordinal(node).orElseThrow();
  }

  /**
   * Whether the set is to have pods, and this one not among them. One that is to have none at all
   * is put to rest, and one that is deleted may be made anew over the same disks: there nobody
   * leaves.
   *
   * @return never failed: false if Kubernetes does not say
   */
  Future<Boolean> isForGood() {
    return vertx
        .executeBlocking(() -> new Account(set.account()))
        .compose(account -> ask(account, ATTEMPTS))
        .map(this::isWithout)
        .otherwise(
            e -> {
              LOG.warn(
                  "StatefulSet {} cannot be asked whether this node is to come back ({}): it keeps"
                      + " its place in the store",
                  set.name(),
                  e.getMessage());
              return false;
            });
  }

  private Future<JsonObject> ask(Account account, int attempts) {
    HttpClient client =
        vertx.createHttpClient(
            new HttpClientOptions()
                .setVerifyHost(true)
                .setTrustOptions(new PemTrustOptions().addCertValue(account.authority)));
    return ask(client, account)
        .eventually(client::close)
        .recover(
            e ->
                attempts == 1 || e instanceof Refused
                    ? Future.failedFuture(e)
                    : vertx
                        .timer(AGAIN, TimeUnit.MILLISECONDS)
                        .compose(over -> ask(account, attempts - 1)));
  }

  private Future<JsonObject> ask(HttpClient client, Account account) {
    RequestOptions request =
        new RequestOptions()
            .setMethod(HttpMethod.GET)
            .setAbsoluteURI(
                "%s/apis/apps/v1/namespaces/%s/statefulsets/%s"
                    .formatted(set.server(), account.namespace, set.name()))
            .setTimeout(TIMEOUT)
            .putHeader("accept", "application/json")
            .putHeader("authorization", "Bearer " + account.token);
    return client
        .request(request)
        .compose(sent -> sent.send())
        .compose(answer -> answer.body().map(body -> read(answer.statusCode(), body)))
        .timeout(TIMEOUT, TimeUnit.MILLISECONDS);
  }

  private JsonObject read(int status, Buffer body) {
    if (status == 200) {
      return body.toJsonObject();
    }
    String why = "Kubernetes answers %d".formatted(status);
    switch (status) {
      case 401, 403 ->
          throw new Refused(why + "; needed: a Role that allows to get it, as k8s/scale-down has");
      case 404 -> throw new Refused(why + ": there is none in the pod's namespace");
      default -> throw new IllegalStateException(why);
    }
  }

  private boolean isWithout(JsonObject found) {
    JsonObject spec = found.getJsonObject("spec", new JsonObject());
    int replicas = spec.getInteger("replicas", 1);
    int first = spec.getJsonObject("ordinals", new JsonObject()).getInteger("start", 0);
    boolean isDeleted =
        found.getJsonObject("metadata", new JsonObject()).containsKey("deletionTimestamp");
    boolean isWithout =
        !isDeleted && replicas > 0 && (ordinal < first || ordinal >= first + replicas);
    LOG.info(
        "StatefulSet {} is {}: this node {}",
        set.name(),
        isDeleted ? "deleted" : "to have %d pods".formatted(replicas),
        isWithout ? "leaves the store before it stops" : "keeps its place in the store");
    return isWithout;
  }

  /** Asking again is of no use. */
  private static final class Refused extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Refused(String why) {
      super(why, null, false, false);
    }
  }

  /** What the pod's service account is, now: tokens are renewed. */
  private static final class Account {
    private final String token;
    private final String namespace;
    private final Buffer authority;

    Account(Path directory) throws IOException {
      token = Files.readString(directory.resolve("token")).strip();
      namespace = Files.readString(directory.resolve("namespace")).strip();
      authority =
          Buffer.buffer(
              Files.readString(directory.resolve("ca.crt")).getBytes(StandardCharsets.UTF_8));
    }
  }
}
