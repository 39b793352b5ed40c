package io.busbar.broker;

import io.busbar.broker.AuthenticationMethod.Step;
import io.busbar.bus.Bus;
import io.busbar.config.Pem;
import io.busbar.config.Settings;
import io.busbar.config.TlsEngine;
import io.busbar.config.TokenFile;
import io.busbar.mqtt.ReasonCode;
import io.busbar.policy.Admission.Credential;
import io.busbar.policy.Attribute;
import io.busbar.policy.AuthenticationWebhook;
import io.busbar.policy.Client;
import io.busbar.policy.PolicyException;
import io.busbar.telemetry.Meter;
import io.busbar.telemetry.Telemetry;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpClientRequest;
import io.vertx.core.http.HttpClientResponse;
import io.vertx.core.http.HttpClosedException;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.PoolOptions;
import io.vertx.core.http.RequestOptions;
import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonObject;
import io.vertx.core.net.PemTrustOptions;
import java.io.IOException;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * Asks a webhook who a client is, in Event Grid's form: what CONNECT and TLS brought is posted as
 * JSON, and a decision comes back. A webhook that does not answer well lets nobody in; when it has
 * not done so several times in a row, it is left alone for a while, so that devices hear at once
 * that they should come later.
 *
 * <p>For one thread, the authorization verticle's.
 */
final class WebhookAuthentication {
  /** Less than connections wait for authorization, in milliseconds. */
  static final long TIMEOUT = 4_000;

  /** How long a webhook is left alone, in milliseconds. */
  static final long PAUSE = 5_000;

  /** So many connections are tried at most, of which all but the last were closed already. */
  private static final int ATTEMPTS = 3;

  /** After so many failures in a row. */
  static final int FAILURES = 5;

  private static final int CONNECTIONS = 64;
  private static final int MAX_WAITING = 10_000;
  private static final int MAX_ANSWER = 65_536;

  private final Vertx vertx;
  private final Settings.Webhook settings;
  private final Telemetry telemetry;
  private HttpClient client;

  private int failures;
  private long pausedUntil;
  private boolean isTrying;

  private final TokenFile token;

  /**
   * Calls webhooks as a node is set to.
   *
   * @param settings whom to trust, and what to show
   */
  WebhookAuthentication(Vertx vertx, Settings.Webhook settings, Telemetry telemetry) {
    this.vertx = vertx;
    this.settings = settings;
    this.telemetry = telemetry;
    this.token = new TokenFile(settings.tokenFile());
  }

  /** No answer that can be used, in words that hold nothing secret. */
  static final class Unavailable extends Exception {
    private static final long serialVersionUID = 1L;

    Unavailable(String why) {
      super("webhook: " + why, null, false, false);
    }
  }

  /**
   * Asks.
   *
   * @param chain the certificates that the client proved, its own first
   * @param now the time at which the answer must be valid
   * @return what the webhook decided; fails with {@link Unavailable}
   */
  Future<Step> ask(
      AuthenticationWebhook webhook,
      Bus.Authenticate who,
      List<X509Certificate> chain,
      Instant now) {
    long time = System.nanoTime() / 1_000_000;
    boolean isPaused = failures >= FAILURES && (isTrying || time - pausedUntil < 0);
    if (isPaused) {
      return failed("paused", "does not answer, and is left alone for a while");
    }
    isTrying = true;
    return post(webhook, question(who, chain))
        .onComplete(
            answer -> {
              isTrying = false;
              failures = answer.succeeded() ? 0 : failures + 1;
              pausedUntil = System.nanoTime() / 1_000_000 + PAUSE;
            })
        .map(answer -> decided(webhook, answer, now));
  }

  private <T> Future<T> failed(String result, String why) {
    telemetry.count(Meter.WEBHOOK_AUTHENTICATIONS, result);
    return Future.failedFuture(new Unavailable(why));
  }

  // --- what is asked ---

  private static JsonObject question(Bus.Authenticate who, List<X509Certificate> chain) {
    JsonObject json = new JsonObject().put("clientId", who.clientId());
    if (who.userName() != null) {
      json.put("userName", who.userName());
    }
    if (who.password() != null) {
      json.put("password", base64(who.password()));
    }
    if (who.method() != null) {
      json.put("authenticationMethod", who.method());
    }
    if (who.data() != null) {
      json.put("authenticationData", base64(who.data()));
    }
    if (!chain.isEmpty()) {
      json.put("clientCertificate", Pem.of(chain.get(0)));
    }
    if (chain.size() > 1) {
      json.put(
          "clientCertificateChain",
          chain.stream().skip(1).map(Pem::of).collect(Collectors.joining()));
    }
    return json;
  }

  private static String base64(byte[] bytes) {
    return Base64.getEncoder().encodeToString(bytes);
  }

  private Future<JsonObject> post(AuthenticationWebhook webhook, JsonObject question) {
    RequestOptions options =
        new RequestOptions()
            .setMethod(HttpMethod.POST)
            .setAbsoluteURI(webhook.endpoint().toString())
            .setConnectTimeout(TIMEOUT)
            .putHeader("content-type", "application/json")
            .putHeader("accept", "application/json")
            .putHeader("user-agent", "busbar");
    try {
      token.token().ifPresent(one -> options.putHeader("authorization", "Bearer " + one));
    } catch (IOException e) {
      return failed("token", "the file with the token for it cannot be read");
    }
    Promise<JsonObject> answer = Promise.promise();
    Call call = new Call(answer);
    long timer = vertx.setTimer(TIMEOUT, t -> call.end("timeout", "no answer within 4 s"));
    reach(options, call, question.toBuffer(), ATTEMPTS);
    return answer.future().onComplete(done -> vertx.cancelTimer(timer));
  }

  /** A connection of the pool that was closed meanwhile says nothing: nothing was sent on it. */
  private void reach(RequestOptions options, Call call, Buffer question, int attempts) {
    client()
        .request(options)
        .onSuccess(request -> call.send(request, question))
        .onFailure(
            e -> {
              if (e instanceof HttpClosedException && attempts > 1 && !call.hasEnded()) {
                reach(options, call, question, attempts - 1);
              } else {
                call.end("unreachable", "cannot be reached: " + e.getClass().getSimpleName());
              }
            });
  }

  private HttpClient client() {
    if (client == null) {
      HttpClientOptions options = new HttpClientOptions();
      options.setConnectTimeout((int) TIMEOUT).setVerifyHost(true);
      TlsEngine.choose(options);
      settings
          .authority()
          .ifPresent(
              file -> options.setTrustOptions(new PemTrustOptions().addCertPath(file.toString())));
      client =
          vertx.createHttpClient(
              options,
              new PoolOptions().setHttp1MaxSize(CONNECTIONS).setMaxWaitQueueSize(MAX_WAITING));
    }
    return client;
  }

  /** One request, which ends once: with its answer, or with what went wrong. */
  private final class Call {
    private final Promise<JsonObject> answer;
    private final Buffer body = Buffer.buffer();
    private HttpClientRequest request;

    Call(Promise<JsonObject> answer) {
      this.answer = answer;
    }

    boolean hasEnded() {
      return answer.future().isComplete();
    }

    void end(String result, String why) {
      if (answer.tryFail(new Unavailable(why))) {
        telemetry.count(Meter.WEBHOOK_AUTHENTICATIONS, result);
        if (request != null) {
          request.reset();
        }
      }
    }

    void send(HttpClientRequest ready, Buffer question) {
      request = ready;
      if (hasEnded()) {
        ready.reset();
        return;
      }
      ready
          .send(question)
          .onSuccess(this::take)
          .onFailure(e -> end("closed", "gave no answer: " + e.getClass().getSimpleName()));
    }

    private void take(HttpClientResponse response) {
      response.exceptionHandler(
          e -> end("closed", "its answer broke off: " + e.getClass().getSimpleName()));
      if (response.statusCode() != 200) {
        end("status", "answered with status " + response.statusCode() + " (allowed: 200)");
        return;
      }
      response.handler(
          part -> {
            if (body.length() + part.length() > MAX_ANSWER) {
              end("answer", "its answer is larger than " + MAX_ANSWER + " bytes");
            } else {
              body.appendBuffer(part);
            }
          });
      response.endHandler(
          done -> {
            try {
              answer.tryComplete(new JsonObject(body.toString()));
            } catch (DecodeException e) {
              end("answer", "its answer is not a JSON object");
            }
          });
    }
  }

  // --- what it decided ---

  private Step decided(AuthenticationWebhook webhook, JsonObject answer, Instant now) {
    Object decision = answer.getValue("decision");
    if ("deny".equals(decision)) {
      telemetry.count(Meter.WEBHOOK_AUTHENTICATIONS, "deny");
      Object why = answer.getValue("errorReason");
      return refused("denied" + (why instanceof String text ? ": " + printable(text) : ""));
    }
    Step step = allowed(webhook, answer, decision, now);
    telemetry.count(
        Meter.WEBHOOK_AUTHENTICATIONS, step instanceof Step.Identified ? "allow" : "invalid");
    return step;
  }

  private static Step allowed(
      AuthenticationWebhook webhook, JsonObject answer, Object decision, Instant now) {
    if (!"allow".equals(decision)) {
      return refused("its decision is none (allowed: allow, deny)");
    }
    if (!(answer.getValue("clientAuthenticationName") instanceof String name)) {
      return refused("its answer has no clientAuthenticationName");
    }
    Map<String, Attribute> attributes = new TreeMap<>();
    Object given = answer.getValue("attributes");
    if (given != null && !(given instanceof JsonObject)) {
      return refused("its attributes are not an object");
    }
    JsonObject all = given == null ? new JsonObject() : (JsonObject) given;
    for (String key : all.fieldNames()) {
      Optional<Attribute> attribute = Claims.attribute(all.getValue(key));
      if (attribute.isEmpty()) {
        return refused(
            "one of its attributes is of another kind (allowed: 32-bit whole numbers, texts,"
                + " lists of texts)");
      }
      attributes.put(key, attribute.get());
    }
    Object expiration = answer.getValue("expiration");
    Optional<Instant> until = Claims.time(expiration);
    if (expiration != null && until.isEmpty()) {
      return refused("its expiration is not a number of seconds since 1970");
    }
    if (until.isPresent() && !until.get().isAfter(now)) {
      return refused("its expiration has passed");
    }
    try {
      Client client = Claims.client(name, attributes);
      return new Step.Identified(client, new Credential.Webhook(webhook), until.orElse(null));
    } catch (PolicyException e) {
      return refused(e.getMessage());
    }
  }

  private static Step refused(String why) {
    return new Step.Refused(ReasonCode.NOT_AUTHORIZED, "webhook: " + why);
  }

  /** A bounded line of what others wrote. */
  private static String printable(String text) {
    String cut = text.length() > 200 ? text.substring(0, 200) + "…" : text;
    return cut.replaceAll("[\\p{Cntrl}\\p{Cf}\\p{Zl}\\p{Zp}\\p{Cs}]", "?");
  }
}
