package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.mqtt.ReasonCode;
import io.busbar.policy.Admission;
import io.busbar.policy.Permit;
import io.busbar.policy.Policy;
import io.busbar.telemetry.LimitedLog;
import io.busbar.telemetry.Meter;
import io.vertx.core.Future;
import io.vertx.core.VerticleBase;
import io.vertx.core.eventbus.Message;
import java.io.ByteArrayInputStream;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.atomic.LongAdder;
import org.slf4j.LoggerFactory;

/**
 * Owns the policy of this node: says who a client is and what it may do. Deployed as a worker,
 * because verifying a certificate chain takes longer than an event loop may be held.
 */
public final class AuthorizationVerticle extends VerticleBase {
  private final Broker broker;
  private final Optional<Policy> policy;
  private final Map<String, AuthenticationMethod> methods = new TreeMap<>();
  private CertificateFactory certificates;
  private LongAdder busMessages;
  private final LimitedLog limitedLog =
      new LimitedLog(LoggerFactory.getLogger(AuthorizationVerticle.class));

  /**
   * The verticle of a node.
   *
   * @param policy empty for a node without access control: anyone may do anything
   * @param methods of enhanced authentication that are offered
   */
  public AuthorizationVerticle(
      Broker broker, Optional<Policy> policy, List<AuthenticationMethod> methods) {
    this.broker = broker;
    this.policy = policy;
    methods.forEach(method -> this.methods.put(method.name(), method));
  }

  @Override
  public Future<?> start() throws CertificateException {
    certificates = CertificateFactory.getInstance("X.509");
    vertx.setPeriodic(1_000, t -> limitedLog.sweep());
    busMessages = broker.telemetry.adder(Meter.BUS_MESSAGES, "authorization");
    return vertx.eventBus().<Bus.Local>localConsumer(Bus.AUTHORIZATION, this::onLocal).completion();
  }

  private void onLocal(Message<Bus.Local> message) {
    busMessages.increment();
    if (message.body() instanceof Bus.Proceed proceed) {
      proceed((AuthenticationMethod.Exchange) proceed.exchange(), proceed.data(), message);
    } else if (message.body() instanceof Bus.Authenticate who && who.method() != null) {
      begin(who, message);
    } else if (message.body() instanceof Bus.Authenticate who) {
      Bus.Local answer;
      try {
        answer = judge(who);
      } catch (RuntimeException | CertificateException e) {
        // whatever goes wrong here must not let anybody in
        limitedLog.warn(
            "a client could not be judged: remote={} cause={}", who.remote(), e.toString());
        answer = new Bus.Refused(ReasonCode.NOT_AUTHORIZED, "the certificate cannot be read");
      }
      message.reply(answer, Bus.local());
    }
  }

  /** Enhanced authentication begins. */
  private void begin(Bus.Authenticate who, Message<Bus.Local> message) {
    AuthenticationMethod method = methods.get(who.method());
    if (method == null) {
      String offered = methods.isEmpty() ? "none" : String.join(", ", methods.keySet());
      message.reply(
          new Bus.Refused(
              ReasonCode.BAD_AUTHENTICATION_METHOD,
              "the authentication method is not offered (allowed: " + offered + ")"),
          Bus.local());
      return;
    }
    try {
      AuthenticationMethod.Exchange exchange =
          method.begin(
              new AuthenticationMethod.Attempt(
                  who.userName(), who.clientId(), parsed(who.chain())));
      proceed(exchange, who.data(), message);
    } catch (RuntimeException | CertificateException e) {
      unavailable(e, message);
    }
  }

  private void proceed(
      AuthenticationMethod.Exchange exchange, byte[] data, Message<Bus.Local> message) {
    try {
      exchange
          .next(data)
          .onComplete(
              // a method may complete on a thread of its own
              step ->
                  context.runOnContext(
                      v -> {
                        if (step.succeeded()) {
                          message.reply(answer(exchange, step.result()), Bus.local());
                        } else {
                          unavailable(step.cause(), message);
                        }
                      }));
    } catch (RuntimeException e) {
      unavailable(e, message);
    }
  }

  private static Bus.Local answer(
      AuthenticationMethod.Exchange exchange, AuthenticationMethod.Step step) {
    if (step instanceof AuthenticationMethod.Step.Challenge challenge) {
      return new Bus.Challenged(exchange, challenge.data());
    } else if (step instanceof AuthenticationMethod.Step.Granted granted) {
      return new Bus.Authenticated(granted.permit(), granted.data());
    }
    AuthenticationMethod.Step.Refused refused = (AuthenticationMethod.Step.Refused) step;
    return new Bus.Refused(refused.reason(), refused.text());
  }

  /** An authority that fails lets nobody in. */
  private void unavailable(Throwable e, Message<Bus.Local> message) {
    limitedLog.warn("an authentication method failed: cause={}", e.toString());
    message.reply(
        new Bus.Refused(ReasonCode.SERVER_UNAVAILABLE, "the authentication method failed"),
        Bus.local());
  }

  private Bus.Local judge(Bus.Authenticate who) throws CertificateException {
    String userName = who.userName() == null ? "" : who.userName();
    if (policy.isEmpty()) {
      return new Bus.Authenticated(
          Permit.all(userName.isEmpty() ? who.clientId() : userName), null);
    }
    Admission admission =
        policy.get().admit(userName, who.clientId(), parsed(who.chain()), Instant.now());
    if (admission instanceof Admission.Granted granted) {
      return new Bus.Authenticated(granted.permit(), null);
    }
    Admission.Refused refused = (Admission.Refused) admission;
    return new Bus.Refused(refused.reason(), refused.text());
  }

  /** The TLS engine may give certificates of a kind of its own; the JDK judges the JDK's. */
  private List<X509Certificate> parsed(List<X509Certificate> chain) throws CertificateException {
    List<X509Certificate> parsed = new ArrayList<>(chain.size());
    for (X509Certificate certificate : chain) {
      parsed.add(
          (X509Certificate)
              certificates.generateCertificate(new ByteArrayInputStream(certificate.getEncoded())));
    }
    return parsed;
  }
}
