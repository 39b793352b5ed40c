package io.busbar;

import com.hazelcast.config.Config;
import com.hazelcast.config.JoinConfig;
import com.hazelcast.config.NetworkConfig;
import io.busbar.api.ApiVerticle;
import io.busbar.api.Health;
import io.busbar.api.HttpVerticle;
import io.busbar.api.Management;
import io.busbar.api.NodeStatus;
import io.busbar.broker.AuthenticationMethod;
import io.busbar.broker.AuthorizationVerticle;
import io.busbar.broker.Broker;
import io.busbar.broker.ConnectionVerticle;
import io.busbar.broker.MatchingVerticle;
import io.busbar.broker.Safeguard;
import io.busbar.broker.SessionVerticle;
import io.busbar.bus.Budget;
import io.busbar.bus.Bus;
import io.busbar.bus.Wire;
import io.busbar.config.ConfigException;
import io.busbar.config.Limit;
import io.busbar.config.NamespaceFile;
import io.busbar.config.Settings;
import io.busbar.delivery.DeliveryVerticle;
import io.busbar.store.ChannelTls;
import io.busbar.store.Store;
import io.busbar.store.StoreMeters;
import io.busbar.store.Stores;
import io.busbar.telemetry.Meter;
import io.busbar.telemetry.Telemetry;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.vertx.core.Deployable;
import io.vertx.core.DeploymentOptions;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.ThreadingModel;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.eventbus.EventBusOptions;
import io.vertx.core.file.FileSystemOptions;
import io.vertx.core.spi.cluster.NodeListener;
import io.vertx.micrometer.Label;
import io.vertx.micrometer.MetricsDomain;
import io.vertx.micrometer.MicrometerMetricsFactory;
import io.vertx.micrometer.MicrometerMetricsOptions;
import io.vertx.spi.cluster.hazelcast.HazelcastClusterManager;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BiFunction;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One node: its Vert.x, its place in the cluster and its verticles, wired by hand. */
public final class Node {
  /** How long a verticle may take to take in what is left, in milliseconds. */
  private static final long STOP_TIMEOUT = 2_000;

  /** Another node may have to get all of the store first, in ms. */
  private static final long LEAVE_TIMEOUT = 86_400_000;

  private static final Logger LOG = LoggerFactory.getLogger(Node.class);

  /** How long the store may take to take in the namespace file, in milliseconds. */
  private static final long LOAD = 300_000;

  /** How long the store may take to answer an order, in milliseconds. */
  private static final long ORDER_TIMEOUT = 10_000;

  /** After it was refused, in milliseconds; some of them are logged. */
  private static final long AGAIN = 1_000;

  private static final int SAID_AGAIN = 30;

  /** How often the verticles are told who is in the cluster, in milliseconds. */
  private static final long MEMBERS = 1_000;

  private final Settings settings;
  private final Vertx vertx;
  private final Telemetry telemetry;
  private final List<Settings.Listener> listeners;
  private final Settings.Address http;
  private final Optional<Settings.Address> api;
  private final List<String> stoppedFirst;
  private final String store;
  private final long membersTimer;
  private final Promise<Void> left = Promise.promise();
  private final AtomicBoolean isLeaving = new AtomicBoolean();

  private Node(Wiring wiring) {
    this.settings = wiring.settings;
    this.vertx = wiring.vertx;
    this.telemetry = wiring.telemetry;
    this.listeners = wiring.listeners;
    this.http = wiring.http;
    this.api = wiring.api;
    this.stoppedFirst = List.copyOf(wiring.stoppedFirst);
    this.store = wiring.store;
    this.membersTimer = wiring.membersTimer;
  }

  /**
   * Starts a node; it accepts connections when the future completes. Reads the namespace file, so
   * it is not for event loops.
   *
   * @return a failed future, with everything closed again, if anything of it does not start
   * @throws io.busbar.config.ConfigException if the namespace file cannot be used, or there is no
   *     store as the settings want it
   */
  public static Future<Node> start(Settings settings) {
    return start(settings, List.of());
  }

  /** The same, with methods of enhanced authentication. */
  public static Future<Node> start(Settings settings, List<AuthenticationMethod> methods) {
    return start(settings, methods, Stores::open, Set.of());
  }

  /**
   * The same, with another store than the one that the settings ask for.
   *
   * @param without empty but in tests
   */
  public static Future<Node> start(
      Settings settings,
      List<AuthenticationMethod> methods,
      BiFunction<Settings, StoreMeters, Store> stores,
      Set<Safeguard> without) {
    // one that cannot be used is told before anything is opened
    settings.namespaceFile().ifPresent(NamespaceFile::read);
    int loops =
        settings.loops() > 0
            ? settings.loops()
            : Math.max(1, Runtime.getRuntime().availableProcessors() / 2);
    PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    Telemetry telemetry = new Telemetry(registry);
    settings.tracing().ifPresent(tracing -> export(telemetry, tracing, settings.nodeName()));
    Store store = stores.apply(settings, new JournalMeters(telemetry));
    HazelcastClusterManager manager = new HazelcastClusterManager(hazelcast(settings.cluster()));
    VertxOptions options =
        new VertxOptions()
            .setPreferNativeTransport(true)
            // nothing is read from the class path: a killed process would leave its cache behind
            .setFileSystemOptions(
                new FileSystemOptions()
                    .setFileCachingEnabled(false)
                    .setClassPathResolvingEnabled(false))
            // one beside those of the connections, for the bus, webhooks and HTTP; but not beside a
            // single one: a message from another node would go through one thread more
            .setEventLoopPoolSize(loops == 1 ? 1 : loops + 1)
            .setMetricsOptions(
                new MicrometerMetricsOptions()
                    .setEnabled(true)
                    .setLabels(
                        EnumSet.of(
                            Label.HTTP_CODE, Label.EB_SIDE, Label.POOL_TYPE, Label.POOL_NAME))
                    // a connection leaves Vert.x's hands once it is there: busbar.connections
                    .addDisabledMetricsCategory(MetricsDomain.NET_SERVER.toCategory()))
            .setEventBusOptions(eventBus(settings.cluster()));
    return Vertx.builder()
        .with(options)
        .withMetrics(new MicrometerMetricsFactory(registry))
        .withClusterManager(manager)
        .buildClustered()
        .compose(
            vertx ->
                new Wiring(settings, methods, vertx, manager, registry, telemetry, loops)
                    .deploy(store, without)
                    .recover(e -> vertx.close().transform(closed -> Future.failedFuture(e))));
  }

  private static void export(Telemetry telemetry, Settings.Tracing tracing, String node) {
    String traces = tracing.traces().toString();
    Path file = tracing.authority().orElse(null);
    if (file == null) {
      telemetry.export(traces, tracing.ratio(), null, node);
      return;
    }
    try {
      telemetry.export(traces, tracing.ratio(), Files.readAllBytes(file), node);
    } catch (IOException | IllegalStateException e) {
      throw new ConfigException(
          "tracing.authority: %s is no PEM file of certificates".formatted(file), e);
    }
  }

  private static EventBusOptions eventBus(Settings.Cluster cluster) {
    EventBusOptions options =
        new EventBusOptions().setHost(cluster.address().host()).setPort(cluster.busPort());
    cluster
        .replication()
        .flatMap(Settings.Replication::tls)
        .ifPresent(tls -> ChannelTls.secure(options, tls));
    return options;
  }

  private static Config hazelcast(Settings.Cluster cluster) {
    Config config = new Config();
    config.setClusterName(cluster.name());
    config.setProperty("hazelcast.phone.home.enabled", "false");
    config.setProperty("hazelcast.logging.type", "slf4j");
    config.setProperty("hazelcast.shutdownhook.enabled", "false");
    // on its own address only: membership is not encrypted and nobody else's business
    config.setProperty("hazelcast.socket.bind.any", "false");
    config.setProperty("hazelcast.wait.seconds.before.join", "1");
    config.setProperty("hazelcast.heartbeat.interval.seconds", "1");
    config.setProperty("hazelcast.max.no.heartbeat.seconds", "8");
    config.getMetricsConfig().setEnabled(false);
    config.getJetConfig().setEnabled(false);
    config.getMultiMapConfig("__vertx.subs").setBackupCount(1);
    NetworkConfig network = config.getNetworkConfig();
    network.getInterfaces().setEnabled(true).addInterface(cluster.address().host());
    network.setPort(cluster.address().port()).setPortAutoIncrement(!cluster.enabled());
    JoinConfig join = network.getJoin();
    join.getAutoDetectionConfig().setEnabled(false);
    join.getMulticastConfig().setEnabled(false);
    if (cluster.enabled() && cluster.dns().isPresent()) {
      join.getKubernetesConfig().setEnabled(true).setProperty("service-dns", cluster.dns().get());
    } else if (cluster.enabled()) {
      join.getTcpIpConfig().setEnabled(true).setMembers(cluster.members());
    }
    return config;
  }

  /** Where devices connect, with the ports that were taken. */
  public List<Settings.Listener> listeners() {
    return listeners;
  }

  /** Where health and metrics are served. */
  public Settings.Address http() {
    return http;
  }

  /** Where the namespace is managed over HTTPS, if anywhere. */
  public Optional<Settings.Address> api() {
    return api;
  }

  /** The node's Vert.x. */
  public Vertx vertx() {
    return vertx;
  }

  /** The node's meters and ledger. */
  public Telemetry telemetry() {
    return telemetry;
  }

  /** What it was started with. */
  public Settings settings() {
    return settings;
  }

  /**
   * Has this node leave the store first, if it is about to stop for good: if the StatefulSet that
   * its settings name is to do without it.
   *
   * @return never failed; done when it is no member any more, or is to come back
   */
  public Future<Void> depart() {
    return depart(0);
  }

  private Future<Void> depart(int refusals) {
    return settings
        .cluster()
        .replication()
        .flatMap(Settings.Replication::statefulSet)
        .map(set -> new StatefulSet(vertx, set, settings.nodeName()).isForGood())
        .orElse(Future.succeededFuture(false))
        .compose(forGood -> forGood ? leaveForGood(refusals) : Future.<Void>succeededFuture())
        .otherwiseEmpty();
  }

  /** When another node can take over what this one has. */
  private Future<Void> leaveForGood(int refusals) {
    if (isLeaving.get()) {
      return left.future();
    }
    Wire.StoreOrder order = new Wire.StoreOrder(Wire.Wish.LEAVE, settings.nodeName());
    return vertx
        .eventBus()
        .<Bus.Local>request(Bus.SESSION, new Bus.OrderStore(order), Bus.local(ORDER_TIMEOUT))
        .map(reply -> ((Bus.StoreShown) reply.body()).view().refused())
        .otherwise(Throwable::getMessage)
        .compose(
            refused -> {
              if (refused.isEmpty()) {
                return left.future();
              } else if (refusals % SAID_AGAIN == 0) {
                LOG.warn("this node cannot leave the store yet: {}", refused);
              }
              return vertx
                  .timer(AGAIN, TimeUnit.MILLISECONDS)
                  .compose(over -> depart(refusals + 1));
            });
  }

  /**
   * Stops: devices are told, what their connections leave behind is taken in by those who own it,
   * then everything is closed.
   */
  public Future<Void> stop() {
    vertx.cancelTimer(membersTimer);
    return stopServing()
        // before what it speaks to other nodes with, which belongs to no verticle, is closed
        .transform(settled -> vertx.undeploy(store))
        // when nothing is told of any more
        .transform(
            closed ->
                vertx.executeBlocking(
                    () -> {
                      telemetry.spans().close();
                      return true;
                    }))
        .transform(closed -> vertx.close());
  }

  /**
   * Serves no device any more and hands on what the store has here; the process goes on, as a node
   * that has nothing, until it is stopped: if it were to start anew by itself it would join again.
   */
  private Future<Void> leave() {
    if (isLeaving.getAndSet(true)) {
      return left.future();
    }
    LOG.info("this node leaves the store: its connections end, then others take over what it has");
    stopServing()
        .transform(
            settled ->
                vertx
                    .eventBus()
                    .<Bus.Local>request(
                        Bus.SESSION, new Bus.LeaveStore(), Bus.local(LEAVE_TIMEOUT)))
        .onSuccess(done -> LOG.info("this node has left the store: it can be stopped for good"))
        .onFailure(e -> LOG.error("this node could not leave the store", e))
        .<Void>mapEmpty()
        .onComplete(left);
    return left.future();
  }

  /** Devices are told, and what their connections leave behind is with those who own it. */
  private Future<?> stopServing() {
    return Future.join(stoppedFirst.stream().map(vertx::undeploy).toList())
        .transform(
            gone ->
                Future.join(
                    settle(Bus.SESSION, new Bus.Append(List.of())),
                    settle(Bus.MATCHING, new Bus.Unsubscribe(List.of()))));
  }

  /** Completes when a verticle has taken what was sent to it before. */
  private Future<?> settle(String address, Bus.Local nothing) {
    return vertx.eventBus().request(address, nothing, Bus.local(STOP_TIMEOUT));
  }

  /** Deploys the verticles in the order in which they need each other. */
  private static final class Wiring {
    private final Settings settings;
    private final List<AuthenticationMethod> methods;
    private final Vertx vertx;
    private final HazelcastClusterManager manager;
    private final PrometheusMeterRegistry registry;
    private final Telemetry telemetry;
    private final int loops;
    private final List<String> stoppedFirst = new CopyOnWriteArrayList<>();

    /** Nodes that are there and have said that they leave. */
    private final Set<String> left = ConcurrentHashMap.newKeySet();

    private volatile String store;
    private volatile List<Settings.Listener> listeners = List.of();

    /** Why no devices are to be sent here, or null. */
    private volatile String unready = "the listeners are not open yet";

    private Settings.Address http;
    private Optional<Settings.Address> api = Optional.empty();
    private long membersTimer = -1;

    Wiring(
        Settings settings,
        List<AuthenticationMethod> methods,
        Vertx vertx,
        HazelcastClusterManager manager,
        PrometheusMeterRegistry registry,
        Telemetry telemetry,
        int loops) {
      this.settings = settings;
      this.methods = methods;
      this.vertx = vertx;
      this.manager = manager;
      this.registry = registry;
      this.telemetry = telemetry;
      this.loops = loops;
    }

    Future<Node> deploy(Store store, Set<Safeguard> without) {
      Bus.register(vertx.eventBus());
      boolean clustered = settings.cluster().enabled();
      List<String> members = manager.getNodes();
      Budget outbound = new Budget(settings.limits().get(Limit.OUTBOUND_TOTAL_BYTES));
      Broker broker =
          new Broker(settings, telemetry, manager.getNodeId(), loops, outbound, without);
      telemetry.gauge(Meter.NODES, () -> manager.getNodes().size());
      NodeStatus status =
          new NodeStatus(settings, telemetry, () -> health(broker), manager.getNodeId());
      Optional<Management> open =
          settings.accessForAll()
              ? Optional.of(new Management(vertx.eventBus(), settings, telemetry, status, true))
              : Optional.empty();
      HttpVerticle surface =
          new HttpVerticle(settings.http(), () -> health(broker), registry::scrape, open);
      Optional<ApiVerticle> managed =
          settings
              .api()
              .map(
                  to ->
                      new ApiVerticle(
                          to,
                          new Management(vertx.eventBus(), settings, telemetry, status, false)));
      Future<?> deployed = clustered ? watchMembers() : Future.succeededFuture();
      deployed = deployed.compose(d -> status.serve(vertx));
      for (int i = 0; i < loops; i++) {
        int id = i;
        deployed =
            deployed.compose(
                d ->
                    onLoop(new ConnectionVerticle(broker, id, clustered))
                        .onSuccess(stoppedFirst::add));
      }
      return deployed
          .compose(d -> onLoop(surface).recover(e -> Future.failedFuture(httpFailed(e))))
          .compose(d -> asWorker(new AuthorizationVerticle(broker, methods), "authorization"))
          // before the store, which tells it what stored sessions subscribed to
          .compose(d -> asWorker(new MatchingVerticle(broker, clustered, members), "matching"))
          .compose(
              d ->
                  asWorker(new SessionVerticle(broker, store, clustered, members), "session")
                      .onSuccess(id -> this.store = id))
          .compose(
              d -> vertx.eventBus().request(Bus.AUTHORIZATION, new Bus.Load(), Bus.local(LOAD)))
          .compose(
              d ->
                  onLoop(
                          new DeliveryVerticle(
                              settings,
                              telemetry,
                              manager.getNodeId(),
                              store.isShared(),
                              manager.getNodes()))
                      // what it has in hand is given back while the store is there
                      .onSuccess(stoppedFirst::add))
          .compose(
              d -> managed.isEmpty() ? nothing() : onLoop(managed.get()).recover(this::apiFailed))
          .compose(d -> listen())
          .map(
              actual -> {
                listeners = actual;
                unready = null;
                http = new Settings.Address(settings.http().host(), surface.port());
                api =
                    managed.map(
                        of ->
                            new Settings.Address(
                                settings.api().orElseThrow().address().host(), of.port()));
                return new Node(this);
              })
          .compose(node -> listenForLeave(node).map(node));
    }

    private Future<Void> listenForLeave(Node node) {
      return vertx
          .eventBus()
          .<Bus.Local>localConsumer(
              Bus.NODE,
              message -> {
                if (message.body() instanceof Bus.Leave) {
                  message.reply(new Bus.Done(), Bus.local());
                  if (!node.isLeaving.get()) {
                    unready = "it leaves the store";
                    vertx.setPeriodic(1, MEMBERS, t -> sayLeaving());
                    node.leave().onSuccess(left -> unready = "it has left the store");
                  }
                }
              })
          .completion();
    }

    /** Again and again, for whoever joins meanwhile. */
    private void sayLeaving() {
      vertx.eventBus().publish(Bus.LEAVING, manager.getNodeId());
    }

    private static Future<String> nothing() {
      return Future.succeededFuture("");
    }

    private Future<String> apiFailed(Throwable e) {
      return Future.failedFuture(
          new IllegalStateException(
              "api: %s: %s".formatted(settings.api().orElseThrow().address(), e.getMessage())));
    }

    private Throwable httpFailed(Throwable e) {
      return new IllegalStateException("http: %s: %s".formatted(settings.http(), e.getMessage()));
    }

    private Health health(Broker broker) {
      String reason = unready;
      if (reason == null && !broker.serves()) {
        reason = "it has lost touch with most nodes of the store";
      }
      if (reason == null) {
        reason = broker.pressure();
      }
      return new Health(
          settings.nodeName(),
          reason,
          listeners.stream().map(Settings.Listener::toString).toList(),
          List.copyOf(manager.getNodes()),
          settings.storage().durability());
    }

    private Future<String> onLoop(Deployable verticle) {
      return vertx.deployVerticle(verticle, new DeploymentOptions());
    }

    private Future<String> asWorker(Deployable verticle, String name) {
      return vertx.deployVerticle(
          verticle,
          new DeploymentOptions()
              .setThreadingModel(ThreadingModel.WORKER)
              .setWorkerPoolName("busbar-" + name)
              .setWorkerPoolSize(1));
    }

    /** The ports are the same on every loop: the first one that listens takes them. */
    private Future<List<Settings.Listener>> listen() {
      Future<List<Integer>> ports = Future.succeededFuture(List.of());
      for (int i = 0; i < loops; i++) {
        String address = Bus.loop(i);
        ports =
            ports.compose(
                before ->
                    vertx
                        .eventBus()
                        .<Bus.Local>request(address, new Bus.Listen(), Bus.local(30_000))
                        .map(reply -> ((Bus.Listening) reply.body()).ports()));
      }
      return ports.map(
          taken -> {
            List<Settings.Listener> actual = new ArrayList<>();
            for (int i = 0; i < taken.size(); i++) {
              actual.add(settings.listeners().get(i).withPort(taken.get(i)));
            }
            return actual;
          });
    }

    private Future<?> watchMembers() {
      manager.nodeListener(
          new NodeListener() {
            @Override
            public void nodeAdded(String node) {
              tellMembers();
            }

            @Override
            public void nodeLeft(String node) {
              tellMembers();
            }
          });
      // who began to listen after a change hears of it too
      membersTimer = vertx.setPeriodic(MEMBERS, t -> tellMembers());
      return vertx
          .eventBus()
          .<String>consumer(
              Bus.LEAVING,
              message -> {
                if (left.add(message.body())) {
                  tellMembers();
                }
              })
          .completion();
    }

    private void tellMembers() {
      List<String> nodes = manager.getNodes();
      Bus.Members now = new Bus.Members(List.copyOf(nodes));
      if (store == null) {
        // from then on the session verticle tells, which knows whom to wait for
        vertx.eventBus().send(Bus.MATCHING, now, Bus.local());
      }
      vertx.eventBus().send(Bus.SESSION, now, Bus.local());
      // one that leaves empties no queue any more
      left.retainAll(nodes);
      List<String> working = nodes.stream().filter(node -> !left.contains(node)).toList();
      vertx.eventBus().send(Bus.DELIVERY, new Bus.Members(working), Bus.local());
      vertx.eventBus().send(Bus.AUTHORIZATION, new Bus.Members(working), Bus.local());
      for (int i = 0; i < loops; i++) {
        vertx.eventBus().send(Bus.loop(i), now, Bus.local());
      }
    }
  }
}
