package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.bus.Wire;
import io.busbar.config.ClientEvents;
import io.busbar.config.EventQueues;
import io.busbar.config.Limit;
import io.busbar.config.Settings;
import io.busbar.mqtt.ReasonCode;
import io.busbar.policy.Admission;
import io.busbar.policy.Affected;
import io.busbar.policy.AuthenticationWebhook;
import io.busbar.policy.Client;
import io.busbar.policy.Network;
import io.busbar.policy.Permit;
import io.busbar.policy.Policy;
import io.busbar.policy.Resource;
import io.busbar.policy.Revocations;
import io.busbar.policy.TokenIssuer;
import io.busbar.shard.Command;
import io.busbar.shard.Effect;
import io.busbar.shard.Owned;
import io.busbar.shard.StoredResource;
import io.busbar.shard.StoredSubscription;
import io.busbar.telemetry.LimitedLog;
import io.busbar.telemetry.Meter;
import io.vertx.core.Future;
import io.vertx.core.VerticleBase;
import io.vertx.core.buffer.Buffer;
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
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.Collectors;
import org.slf4j.LoggerFactory;

/**
 * Owns the policy of this node, which the resources in the store come to: says who a client is and
 * what it may do, and has those judged again whose rights change. Deployed as a worker, because
 * verifying a certificate chain takes longer than an event loop may be held.
 */
public final class AuthorizationVerticle extends VerticleBase {
  /** How long changes are gathered before connections are judged again, in milliseconds. */
  private static final long GATHER = 50;

  private final Broker broker;
  private final Registry registry = new Registry();
  private final NamespaceLoader loader;

  /** Changes that connections and stored sessions are still to be judged by. */
  private final List<Affected> affected = new ArrayList<>();

  /** From then on each change is logged. */
  private boolean isLoaded;

  private final Map<String, AuthenticationMethod> methods = new TreeMap<>();
  private TokenAuthentication tokens;
  private IssuerKeys issuerKeys;
  private WebhookAuthentication webhooks;
  private PasswordAuthentication passwords;

  /** Asks whether certificates are revoked, or null where nobody is asked. */
  private StatusLookups statuses;

  /** Compares a draft with the policy, while somebody wants that. */
  private Shadowing shadowing;

  private CertificateFactory certificates;
  private LongAdder busMessages;
  private final LimitedLog limitedLog =
      new LimitedLog(LoggerFactory.getLogger(AuthorizationVerticle.class));

  /**
   * The verticle of a node.
   *
   * @param methods of enhanced authentication that are offered
   */
  public AuthorizationVerticle(Broker broker, List<AuthenticationMethod> methods) {
    this.broker = broker;
    this.loader = new NamespaceLoader(broker, registry);
    methods.forEach(method -> this.methods.put(method.name(), method));
  }

  @Override
  public Future<?> start() throws CertificateException {
    certificates = CertificateFactory.getInstance("X.509");
    passwords = new PasswordAuthentication(vertx, broker);
    shadowing =
        new Shadowing(
            vertx,
            broker,
            registry::policy,
            () -> {
              registry.revise();
              affected(Affected.EVERYONE);
            });
    vertx.setPeriodic(
        1_000,
        t -> {
          limitedLog.sweep();
          broker.telemetry.audit().sweep();
          passwords.sweep();
          shadowing.sweep();
        });
    issuerKeys =
        new IssuerKeys(
            vertx,
            broker,
            registry.policy().published(),
            () -> affected(Affected.EVERYONE),
            limitedLog);
    tokens =
        new TokenAuthentication(
            Instant::now, Optional.of(issuerKeys), broker.settings.profile(), broker.telemetry);
    webhooks = new WebhookAuthentication(vertx, broker.settings.webhook(), broker.telemetry);
    busMessages = broker.telemetry.adder(Meter.BUS_MESSAGES, "authorization");
    return lookUpRevoked()
        .compose(
            v ->
                vertx
                    .eventBus()
                    .<Bus.Local>localConsumer(Bus.AUTHORIZATION, this::onLocal)
                    .completion())
        .compose(v -> shadowElsewhere());
  }

  /** Other nodes may ask to have a draft compared. */
  private Future<?> shadowElsewhere() {
    return vertx.isClustered()
        ? vertx
            .eventBus()
            .<Buffer>consumer(
                Bus.nodeShadows(broker.nodeId),
                message -> {
                  busMessages.increment();
                  message.reply(shadowing.answer(Wire.ShadowQuestion.decode(message.body())));
                })
            .completion()
        : Future.succeededFuture();
  }

  /** Certificates are looked up in lists, if there are any. */
  private Future<?> lookUpRevoked() throws CertificateException {
    Settings.Revocation settings = broker.settings.revocation();
    if (settings.isNone()) {
      return Future.succeededFuture();
    }
    Revocations revocations = new Revocations(settings.isRequired(), settings.online().isPresent());
    registry.policy().revocations(revocations);
    RevocationLists lists =
        new RevocationLists(
            vertx,
            broker,
            now -> {
              revocations.are(now);
              affected(Affected.EVERYONE);
            });
    if (settings.online().isPresent()) {
      Settings.Online online = settings.online().get();
      statuses =
          new StatusLookups(
              vertx,
              broker,
              online,
              revocations,
              lists,
              () -> affected(Affected.EVERYONE),
              limitedLog);
      // who is connected is judged again, by which what is due of it is asked for again
      vertx.setPeriodic(
          online.refresh().toMillis(),
          t -> rejudge(new Bus.Rejudge(Affected.EVERYONE, registry.revision())));
    }
    return lists.start();
  }

  /** Whoever is connected is judged again, soon. */
  private void affected(Affected by) {
    if (affected.isEmpty()) {
      vertx.setTimer(GATHER, t -> rejudge());
    }
    affected.add(by);
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
        List<X509Certificate> chain = parsed(who.chain());
        if (isForWebhook(who, chain)) {
          ask(who, chain, message);
          return;
        }
        if (broker.settings.accessForAll()) {
          message.reply(forAll(who), Bus.local());
          return;
        }
        if (passwords.isFor(registry.policy(), who)) {
          passwords
              .judge(registry.policy(), who)
              .onSuccess(admission -> message.reply(answer(admission), Bus.local()))
              .onFailure(e -> unavailable(e, message));
          return;
        }
        Admission admission = judge(who, chain);
        shadowing.judged(
            who.userName() == null ? "" : who.userName(),
            admission,
            draft -> judge(draft, who, chain));
        if (admission instanceof Admission.Unsettled unsettled) {
          settle(unsettled, message);
          return;
        }
        answer = answer(admission);
      } catch (RuntimeException | CertificateException e) {
        // whatever goes wrong here must not let anybody in
        limitedLog.warn(
            "a client could not be judged: remote={} cause={}", who.remote(), e.toString());
        answer = new Bus.Refused(ReasonCode.NOT_AUTHORIZED, "the certificate cannot be read");
      }
      message.reply(answer, Bus.local());
    } else if (message.body() instanceof Bus.Changed changed) {
      changed(changed);
    } else if (message.body() instanceof Bus.Again again) {
      renewStatuses(again.granted());
      message.reply(
          new Bus.Judged(again.granted().stream().map(this::again).toList()), Bus.local());
    } else if (message.body() instanceof Bus.Covered review) {
      message.reply(new Bus.Uncovered(uncovered(review.sessions())), Bus.local());
    } else if (message.body() instanceof Bus.MayPublish may) {
      message.reply(mayPublish(may), Bus.local());
    } else if (message.body() instanceof Bus.Explain why) {
      Policy judges = registry.policy();
      if (!why.changes().isEmpty()) {
        judges = judges.draft(why.changes());
      }
      message.reply(
          new Bus.Explained(judges.explain(why.authenticationName(), why.right(), why.wanted())),
          Bus.local());
    } else if (message.body() instanceof Bus.TakeShadow take) {
      message.reply(shadowing.take(take), Bus.local());
    } else if (message.body() instanceof Bus.EndShadow end) {
      shadowing.end(end.id());
    } else if (message.body() instanceof Bus.Members members) {
      shadowing.members(members.nodes());
    } else if (message.body() instanceof Bus.Find find) {
      message.reply(new Bus.Found(registry.all(find.kind()).get(find.id())), Bus.local());
    } else if (message.body() instanceof Bus.FindTopic find) {
      message.reply(registry.topic(find.id(), find.address()), Bus.local());
    } else if (message.body() instanceof Bus.FindLifeCycle) {
      message.reply(registry.lifeCycle(), Bus.local());
    } else if (message.body() instanceof Bus.FindSubscriptions) {
      message.reply(registry.subscriptions(), Bus.local());
    } else if (message.body() instanceof Bus.ListResources list) {
      message.reply(registry.list(list), Bus.local());
    } else if (message.body() instanceof Bus.Load) {
      loader
          .start(vertx)
          .onSuccess(
              done -> {
                isLoaded = true;
                if (!broker.settings.accessForAll()) {
                  registry.tell();
                }
                message.reply(new Bus.Done(), Bus.local());
              })
          .onFailure(e -> message.fail(1, e.getMessage()));
    }
  }

  // --- changes ---

  /** The store has told of changes: they are in force from here on, for whoever asks. */
  private void changed(Bus.Changed changed) {
    boolean isOfEvents = false;
    for (Effect.Changed one : changed.changes()) {
      StoredResource before = registry.stored(one);
      Optional<Affected> change = registry.apply(one);
      isOfEvents |= one.kind() >= Resource.Kind.NAMESPACE.code();
      boolean isJudged = !broker.settings.accessForAll();
      change.filter(of -> isJudged && !of.isNobody()).ifPresent(this::affected);
      if (isLoaded && change.isPresent() && one.kind() == Resource.Kind.CLIENT.code()) {
        tell(before, one);
      }
      if (isLoaded && change.isPresent()) {
        broker
            .telemetry
            .audit()
            .applied(
                one.resource() == null ? "resource removed" : "resource changed",
                "kind",
                Resource.Kind.of(one.kind()).plural(),
                "name",
                one.name(),
                "owner",
                one.resource() == null ? null : one.resource().owner());
      }
    }
    shadowing.follow();
    if (isOfEvents) {
      broker.eventRoute = registry.eventRoute(broker.telemetry);
      broker.lifeCycle = registry.lifeCycle();
      network(registry.policy().settings().network());
      issuerKeys.are(
          tokenIssuers().stream()
              .flatMap(issuer -> tokens.published(issuer).stream())
              .collect(Collectors.toSet()));
      vertx.eventBus().send(Bus.DELIVERY, registry.subscriptions(), Bus.local());
    }
  }

  /** Tells the connections of this node of a client that was changed; each node tells its own. */
  private void tell(StoredResource before, Effect.Changed changed) {
    StoredResource of = changed.resource() == null ? before : changed.resource();
    if (!broker.lifeCycle.isTold() || of == null) {
      return;
    }
    byte[] packet =
        EventQueues.message(
            ClientEvents.event(broker.lifeCycle.namespace(), of, changed.resource()));
    for (int loop = 0; loop < broker.loops; loop++) {
      vertx.eventBus().send(Bus.loop(loop), new Bus.Handover(packet, List.of()), Bus.local());
    }
  }

  /** Who is connected from an address from which nobody may come any more is put out. */
  private void network(Network now) {
    if (!now.equals(broker.network)) {
      broker.network = now;
      for (int loop = 0; loop < broker.loops; loop++) {
        vertx.eventBus().send(Bus.loop(loop), new Bus.NetworkChanged(), Bus.local());
      }
    }
  }

  /** Who is connected or has a stored session is judged again. */
  private void rejudge() {
    Bus.Rejudge rejudge = new Bus.Rejudge(Affected.all(affected), registry.revision());
    affected.clear();
    rejudge(rejudge);
    vertx.eventBus().send(Bus.SESSION, rejudge, Bus.local());
  }

  /** Who is connected is judged again. */
  private void rejudge(Bus.Rejudge rejudge) {
    for (int loop = 0; loop < broker.loops; loop++) {
      vertx.eventBus().send(Bus.loop(loop), rejudge, Bus.local());
    }
  }

  /** What takes from stored sessions what their clients have no right to. */
  private List<Command> uncovered(List<Owned> sessions) {
    List<Command> commands = new ArrayList<>();
    for (Owned session : sessions) {
      Optional<Client> client = registry.policy().client(session.owner());
      if (client.isPresent()) {
        Permit permit = shadowing.permit(client.get());
        List<String> lost =
            session.subscriptions().stream()
                .filter(subscription -> !permit.maySubscribe(subscription.filter()))
                .map(StoredSubscription::name)
                .toList();
        if (!lost.isEmpty()) {
          commands.add(new Command.Revoke(session.session(), lost));
          denied("subscriptions removed", session, lost);
        }
      } else if (areAllRegistered()) {
        // else it may be one whose token says who it is
        commands.add(new Command.End(session.session()));
        denied("session ended", session, null);
      }
    }
    return commands;
  }

  private void denied(String event, Owned session, List<String> filters) {
    broker
        .telemetry
        .audit()
        .denied(
            event,
            session.owner(),
            "client",
            session.owner(),
            "session",
            session.session(),
            "filters",
            filters);
  }

  /** Whether a client whose connection is gone may still have its will published. */
  private Bus.Local mayPublish(Bus.MayPublish may) {
    Optional<Client> client = registry.policy().client(may.authenticationName());
    String why = null;
    if (client.isPresent() && !client.get().enabled()) {
      why = "the client is disabled";
    } else if (client.isPresent()) {
      why = shadowing.permit(client.get()).whyNotPublish(may.topic()).orElse(null);
    } else if (areAllRegistered()) {
      why = "the client is not registered any more";
    }
    return why == null ? new Bus.Done() : new Bus.Refused(ReasonCode.NOT_AUTHORIZED, why);
  }

  // --- who it is ---

  private List<TokenIssuer> tokenIssuers() {
    return broker.settings.accessForAll() ? List.of() : registry.policy().settings().tokenIssuers();
  }

  /** Whether nobody is let in who is not in the registry. */
  private boolean areAllRegistered() {
    return methods.isEmpty() && tokenIssuers().isEmpty() && webhook().isEmpty();
  }

  private Optional<AuthenticationWebhook> webhook() {
    return broker.settings.accessForAll()
        ? Optional.empty()
        : registry.policy().settings().webhook();
  }

  /** A webhook is asked for those whom the registry does not know. */
  private boolean isForWebhook(Bus.Authenticate who, List<X509Certificate> chain) {
    String userName = who.userName() == null ? "" : who.userName();
    return webhook().isPresent() && registry.policy().find(userName, chain).isEmpty();
  }

  private void ask(Bus.Authenticate who, List<X509Certificate> chain, Message<Bus.Local> message) {
    webhooks
        .ask(webhook().orElseThrow(), who, chain, Instant.now())
        .onSuccess(step -> message.reply(answer(null, own(step)), Bus.local()))
        .onFailure(e -> unavailable(e, message));
  }

  /** What the registry has is the registry's: no webhook gives its names to others. */
  private AuthenticationMethod.Step own(AuthenticationMethod.Step step) {
    boolean isRegistered =
        step instanceof AuthenticationMethod.Step.Identified known
            && registry.policy().client(known.client().authenticationName()).isPresent();
    return isRegistered
        ? new AuthenticationMethod.Step.Refused(
            ReasonCode.NOT_AUTHORIZED, "webhook: gave the name of a client of the registry")
        : step;
  }

  /** Enhanced authentication begins. */
  private void begin(Bus.Authenticate who, Message<Bus.Local> message) {
    for (TokenIssuer issuer : tokenIssuers()) {
      if (issuer.method().wire().equals(who.method())) {
        proceed(tokens.exchange(issuer, broker.settings.host()), who.data(), message);
        return;
      }
    }
    AuthenticationMethod method = methods.get(who.method());
    if (method == null && webhook().isPresent()) {
      try {
        ask(who, parsed(who.chain()), message);
      } catch (CertificateException e) {
        unavailable(e, message);
      }
      return;
    }
    if (method == null) {
      Set<String> names = new TreeSet<>(methods.keySet());
      tokenIssuers().forEach(issuer -> names.add(issuer.method().wire()));
      String offered = names.isEmpty() ? "none" : String.join(", ", names);
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

  private Bus.Local answer(AuthenticationMethod.Exchange exchange, AuthenticationMethod.Step step) {
    if (step instanceof AuthenticationMethod.Step.Challenge challenge) {
      return new Bus.Challenged(exchange, challenge.data());
    } else if (step instanceof AuthenticationMethod.Step.Granted granted) {
      return new Bus.Authenticated(
          granted.permit(), granted.data(), null, registry.revision(), mostSessions());
    }
    if (step instanceof AuthenticationMethod.Step.Identified known) {
      return answer(
          registry.policy().identified(known.client(), known.credential(), known.until()));
    }
    AuthenticationMethod.Step.Refused refused = (AuthenticationMethod.Step.Refused) step;
    return new Bus.Refused(refused.reason(), refused.text());
  }

  /** The namespace says it, or else the node. */
  private int mostSessions() {
    if (broker.settings.accessForAll()) {
      return 0;
    }
    int most = registry.policy().settings().maximumClientSessionsPerAuthenticationName();
    return most > 0 ? most : broker.limits.intValue(Limit.CLIENT_SESSIONS);
  }

  /** An authority that fails lets nobody in. */
  private void unavailable(Throwable e, Message<Bus.Local> message) {
    limitedLog.warn("an authentication method failed: cause={}", e.toString());
    message.reply(
        new Bus.Refused(ReasonCode.SERVER_UNAVAILABLE, "the authentication method failed"),
        Bus.local());
  }

  private static Bus.Local forAll(Bus.Authenticate who) {
    String userName = who.userName() == null ? "" : who.userName();
    return new Bus.Authenticated(
        Permit.all(userName.isEmpty() ? who.clientId() : userName), null, null, 0, 0);
  }

  private Admission judge(Bus.Authenticate who, List<X509Certificate> chain) {
    return judge(registry.policy(), who, chain);
  }

  private static Admission judge(Policy policy, Bus.Authenticate who, List<X509Certificate> chain) {
    String userName = who.userName() == null ? "" : who.userName();
    return policy.admit(userName, who.clientId(), chain, Instant.now());
  }

  /** Judges one that is connected. */
  private Admission again(Admission.Granted before) {
    Admission now = registry.policy().again(before);
    return now instanceof Admission.Granted granted ? shadowing.beside(granted) : now;
  }

  /** Those are asked whom its certificates name, and then it is judged. */
  private void settle(Admission.Unsettled who, Message<Bus.Local> message) {
    statuses
        .of(who.path())
        .map(known -> answer(registry.policy().settle(who, known, Instant.now())))
        .onSuccess(answer -> message.reply(answer, Bus.local()))
        .onFailure(
            e -> {
              limitedLog.warn("a client could not be judged: cause={}", e.toString());
              message.reply(
                  new Bus.Refused(
                      ReasonCode.SERVER_UNAVAILABLE, "nobody says whether it is revoked"),
                  Bus.local());
            });
  }

  /** What is due of the certificates of those who are connected is asked for again. */
  private void renewStatuses(List<Admission.Granted> connected) {
    if (statuses == null) {
      return;
    }
    for (Admission.Granted one : connected) {
      if (one.credential() instanceof Admission.Credential.Certificate certificate) {
        statuses.renew(certificate.path());
      }
    }
  }

  private Bus.Local answer(Admission admission) {
    if (admission instanceof Admission.Granted granted) {
      Admission.Granted compared = shadowing.beside(granted);
      return new Bus.Authenticated(
          compared.permit(), null, compared, registry.revision(), mostSessions());
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
