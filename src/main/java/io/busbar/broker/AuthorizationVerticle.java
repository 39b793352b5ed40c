package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.mqtt.ReasonCode;
import io.busbar.policy.Admission;
import io.busbar.policy.Permit;
import io.busbar.policy.Policy;
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
import java.util.Optional;
import java.util.concurrent.atomic.LongAdder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Owns the policy of this node: says who a client is and what it may do. Deployed as a worker,
 * because verifying a certificate chain takes longer than an event loop may be held.
 */
public final class AuthorizationVerticle extends VerticleBase {
  private static final Logger LOG = LoggerFactory.getLogger(AuthorizationVerticle.class);

  private final Broker broker;
  private final Optional<Policy> policy;
  private CertificateFactory certificates;
  private LongAdder busMessages;

  /**
   * The verticle of a node.
   *
   * @param policy empty for a node without access control: anyone may do anything
   */
  public AuthorizationVerticle(Broker broker, Optional<Policy> policy) {
    this.broker = broker;
    this.policy = policy;
  }

  @Override
  public Future<?> start() throws CertificateException {
    certificates = CertificateFactory.getInstance("X.509");
    busMessages = broker.telemetry.adder(Meter.BUS_MESSAGES, "authorization");
    return vertx.eventBus().<Bus.Local>localConsumer(Bus.AUTHORIZATION, this::onLocal).completion();
  }

  private void onLocal(Message<Bus.Local> message) {
    busMessages.increment();
    if (message.body() instanceof Bus.Authenticate who) {
      Bus.Local answer;
      try {
        answer = judge(who);
      } catch (RuntimeException | CertificateException e) {
        // whatever goes wrong here must not let anybody in
        LOG.warn("a client could not be judged: remote={} cause={}", who.remote(), e.toString());
        answer = new Bus.Refused(ReasonCode.NOT_AUTHORIZED, "the certificate cannot be read");
      }
      message.reply(answer, Bus.local());
    }
  }

  private Bus.Local judge(Bus.Authenticate who) throws CertificateException {
    String userName = who.userName() == null ? "" : who.userName();
    if (policy.isEmpty()) {
      return new Bus.Authenticated(Permit.all(userName.isEmpty() ? who.clientId() : userName));
    }
    Admission admission =
        policy.get().admit(userName, who.clientId(), parsed(who.chain()), Instant.now());
    if (admission instanceof Admission.Granted granted) {
      return new Bus.Authenticated(granted.permit());
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
