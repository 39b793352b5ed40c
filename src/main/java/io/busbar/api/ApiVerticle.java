package io.busbar.api;

import io.busbar.config.ServerCertificate;
import io.busbar.config.Settings;
import io.busbar.config.TlsEngine;
import io.busbar.config.WatchedFiles;
import io.vertx.core.Future;
import io.vertx.core.VerticleBase;
import io.vertx.core.http.ClientAuth;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.net.PemKeyCertOptions;
import io.vertx.core.net.PemTrustOptions;
import java.util.Set;
import java.util.concurrent.Callable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Serves the management API over HTTPS, to those who have a key. */
public final class ApiVerticle extends VerticleBase {
  private static final Logger LOG = LoggerFactory.getLogger(ApiVerticle.class);

  /** How often the certificate is looked at, in milliseconds. */
  private static final long LOOK = 1_000;

  private static final int MAX_HEADER_BYTES = 16_384;
  private static final int MAX_REQUEST_LINE_BYTES = 8_192;

  private final Settings.Api api;
  private final Management management;
  private volatile int port;

  /** Serves where the settings say; a port of 0 takes any free one, see {@link #port}. */
  public ApiVerticle(Settings.Api api, Management management) {
    this.api = api;
    this.management = management;
  }

  @Override
  public Future<?> start() {
    HttpServerOptions options =
        new HttpServerOptions()
            .setMaxHeaderSize(MAX_HEADER_BYTES)
            .setMaxInitialLineLength(MAX_REQUEST_LINE_BYTES)
            .setIdleTimeout(Management.IDLE_SECONDS)
            .setSsl(true)
            .setUseAlpn(true)
            .setEnabledSecureTransportProtocols(Set.of("TLSv1.2", "TLSv1.3"))
            .setKeyCertOptions(
                new PemKeyCertOptions()
                    .addCertPath(api.certificate().toString())
                    .addKeyPath(api.key().toString()));
    TlsEngine.choose(options);
    api.clientAuthority()
        .ifPresent(
            authority ->
                options
                    .setClientAuth(ClientAuth.REQUEST)
                    .setTrustOptions(new PemTrustOptions().addCertPath(authority.toString())));
    management.start(vertx);
    return management
        .refresh(vertx)
        .compose(
            read ->
                vertx
                    .createHttpServer(options)
                    .requestHandler(this::answer)
                    .listen(api.address().port(), api.address().host()))
        .onSuccess(
            listening -> {
              port = listening.actualPort();
              watch(listening, options);
            });
  }

  /** A certificate that is replaced is shown within seconds. */
  private void watch(HttpServer server, HttpServerOptions options) {
    ServerCertificate certificate = new ServerCertificate(api.certificate(), api.key());
    WatchedFiles authority = new WatchedFiles(api.clientAuthority().stream().toList());
    Callable<Boolean> look =
        () -> {
          // first what may fail: a change of the other is not forgotten then
          boolean isRenewed = certificate.isRenewed();
          boolean isFirst = authority.isNew();
          return (authority.haveChanged() && !isFirst) || isRenewed;
        };
    vertx.executeBlocking(look);
    vertx.setPeriodic(
        LOOK,
        t ->
            vertx
                .executeBlocking(look)
                .compose(
                    isRenewed ->
                        isRenewed
                            ? server.updateSSLOptions(options.getSslOptions(), true)
                            : Future.succeededFuture(false))
                .onSuccess(
                    isRenewed -> {
                      if (isRenewed) {
                        LOG.info("certificate of the API renewed");
                      }
                    })
                .onFailure(
                    e ->
                        LOG.error(
                            "certificate of the API not renewed, the one before is still shown:"
                                + " cause={}",
                            e.getMessage())));
  }

  /** The port that is listened on, once deployed; any thread. */
  public int port() {
    return port;
  }

  private void answer(HttpServerRequest request) {
    String path = request.path() == null ? "" : request.path();
    if (Management.handles(path)) {
      management.handle(request);
    } else {
      HttpVerticle.send(
          request,
          404,
          HttpVerticle.JSON,
          new ApiError(
                  404,
                  "NotFound",
                  "no such path (allowed: /subscriptions/…, /namespaces/…, /explain, /sessions, /retained, /queues, /tail, /trace, /shadow, /node, /cluster, /openapi.json, /console/)")
              .toJson()
              .encode());
    }
  }
}
