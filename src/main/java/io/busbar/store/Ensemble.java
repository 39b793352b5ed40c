package io.busbar.store;

import io.busbar.bus.Wire;
import io.busbar.config.Settings;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.internal.VertxInternal;
import io.vertx.core.net.NetClient;
import io.vertx.core.net.NetClientOptions;
import io.vertx.core.net.SocketAddress;
import java.io.IOException;
import java.net.ConnectException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The nodes that keep one store together, as one of them sees the others: who is there, which store
 * that is, and the {@link Channel} to them. Thread-safe.
 *
 * <p>A store is founded once. The node that is configured to be its founder does so when most of
 * the voters to be are there and none of them has any of it; all others, and a founder that has
 * lost its disk, wait for a node that has a part of it. So a store that is there is never founded
 * anew beside itself, as long as most of its nodes find each other.
 */
final class Ensemble {
  private static final Logger LOG = LoggerFactory.getLogger(Ensemble.class);

  private static final long LISTEN_SECONDS = 30;
  private static final long LOOK_MILLIS = 1_000;
  private static final long TELL = TimeUnit.SECONDS.toNanos(10);

  private static final int TRY_MILLIS = 1_000;

  /** Addresses of nodes that are remembered. */
  private static final int MOST_KNOWN = 1_000;

  private final Settings.Replication settings;
  private final String name;
  private final int frameBytes;
  private final StoreMeters meters;

  /** Where nodes listen, or did when they were there last. */
  private final Map<String, SocketAddress> known = new HashMap<>();

  /** What nodes understand, or did then. */
  private final Map<String, Integer> forms = new HashMap<>();

  private NodeEndpoint self;
  private Channel channel;
  private String cluster = "";
  private int port;
  private Collection<Wire.Introduction> met = List.of();
  private boolean areAll;
  private boolean isClosed;
  private long toldAt = System.nanoTime() - TELL;

  /**
   * Where a node comes in.
   *
   * @param cluster the store's id
   * @param voters whom a node that knows nothing of the store yet takes for its voters
   */
  record Place(String cluster, List<NodeEndpoint> voters) {}

  /**
   * Nodes that are not met yet.
   *
   * @param name of this node
   * @param frameBytes of the largest thing that a group may tell another node
   */
  Ensemble(Settings.Replication settings, String name, int frameBytes, StoreMeters meters) {
    this.settings = settings;
    this.name = name;
    this.frameBytes = frameBytes;
    this.meters = meters;
  }

  /** How many nodes vote. */
  int voters() {
    return settings.voters();
  }

  /** How many nodes vote at least when a store that was founded begins to serve. */
  int founders() {
    return settings.founders();
  }

  /** How long a node may be away before another one votes in its place. */
  Duration replaceAfter() {
    return settings.replaceAfter();
  }

  // --- who is there ---

  /** Who this node is, or null while it does not know. */
  synchronized Wire.Introduction introduction() {
    return self == null
        ? null
        : new Wire.Introduction(
            self.id(), cluster, settings.address().host(), port, Wire.Introduction.FORMS);
  }

  /** The other nodes as they introduced themselves, and whether there are no more. */
  synchronized void met(Collection<Wire.Introduction> others, boolean all) {
    met = List.copyOf(others);
    areAll = all;
    if (known.size() > MOST_KNOWN) {
      known.clear();
      forms.clear();
    }
    known.putAll(addresses());
    met.forEach(one -> forms.put(one.node(), one.forms()));
    notifyAll();
    if (channel != null) {
      channel.peers(addresses());
      if (!foreign().isEmpty() && isTimeToTell()) {
        LOG.error(
            "the store of this node is {}, other nodes have another one: {}: a node whose data"
                + " directory is emptied joins theirs",
            cluster,
            foreign());
      }
    }
  }

  private Map<String, SocketAddress> addresses() {
    Map<String, SocketAddress> addresses = new HashMap<>();
    for (Wire.Introduction one : met) {
      if (one.cluster().equals(cluster)) {
        addresses.put(one.node(), SocketAddress.inetSocketAddress(one.port(), one.host()));
      }
    }
    return addresses;
  }

  private List<Wire.Introduction> foreign() {
    return met.stream()
        .filter(one -> !one.cluster().isEmpty() && !one.cluster().equals(cluster))
        .toList();
  }

  private boolean isTimeToTell() {
    boolean isTime = System.nanoTime() - toldAt >= TELL;
    if (isTime) {
      toldAt = System.nanoTime();
    }
    return isTime;
  }

  /** The nodes of this store that are there now, this one too. */
  synchronized Collection<NodeEndpoint> present() {
    List<NodeEndpoint> present = new ArrayList<>();
    present.add(self);
    for (Wire.Introduction one : met) {
      if (one.cluster().equals(cluster)) {
        present.add(new NodeEndpoint(one.node()));
      }
    }
    return present;
  }

  /** Calls back, on any thread, if nobody listens at the address that a node had. */
  void tryAddress(Vertx vertx, String node, Runnable dead) {
    SocketAddress address;
    synchronized (this) {
      address = known.get(node);
    }
    if (address == null) {
      return;
    }
    NetClient client = vertx.createNetClient(new NetClientOptions().setConnectTimeout(TRY_MILLIS));
    client
        .connect(address)
        .onComplete(
            reached -> {
              client.close();
              if (reached.failed() && isRefused(reached.cause())) {
                dead.run();
              }
            });
  }

  /** A node that is there, or the machine that it was on, says that it is not any more. */
  private static boolean isRefused(Throwable cause) {
    return cause instanceof ConnectException
        && String.valueOf(cause.getMessage()).contains("refused");
  }

  /** Whether a node understands some forms, as it said when it was there last. */
  synchronized boolean isOf(int some, String node) {
    return node.equals(self.id()) || forms.getOrDefault(node, 1) >= some;
  }

  /** What these, and all that are there, understand. */
  synchronized int forms(Collection<String> nodes) {
    return Stream.concat(nodes.stream(), met.stream().map(Wire.Introduction::node))
        .mapToInt(
            node -> node.equals(self.id()) ? Wire.Introduction.FORMS : forms.getOrDefault(node, 1))
        .min()
        .orElse(1);
  }

  // --- coming in ---

  /**
   * Where this node comes in; waits for others as long as that takes.
   *
   * @param hasJournal whether its disk has what it knew of the store
   * @throws IOException if it is closed meanwhile, or another node has its name
   */
  synchronized Place place(Identity identity, boolean hasJournal) throws IOException {
    self = identity.node();
    try {
      while (!isClosed) {
        Optional<Place> place = choose(identity, hasJournal);
        if (place.isPresent()) {
          return place.get();
        }
        if (isTimeToTell()) {
          tell(identity);
        }
        wait(LOOK_MILLIS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    throw new IOException("the store was closed before it had found the others");
  }

  private Optional<Place> choose(Identity identity, boolean hasJournal) throws IOException {
    String own = identity.cluster();
    for (Wire.Introduction one : met) {
      NodeEndpoint other = new NodeEndpoint(one.node());
      if (other.name().equals(self.name()) && !other.equals(self)) {
        throw new IOException(
            "another node is called %s: give each node a name of its own (setting node)"
                .formatted(self.name()));
      }
    }
    if (hasJournal) {
      // who else is a member is in the journal
      return Optional.of(new Place(own, List.of(NodeEndpoint.of("", own))));
    }
    for (Wire.Introduction one : met) {
      boolean isIt = own.isEmpty() ? !one.cluster().isEmpty() : one.cluster().equals(own);
      if (isIt) {
        return Optional.of(new Place(one.cluster(), List.of(new NodeEndpoint(one.node()))));
      }
    }
    boolean founds = own.isEmpty() && isFounder() && areAll && met.size() + 1 >= founders();
    if (!founds) {
      return Optional.empty();
    }
    LOG.info("the store is founded: id={} with={}", identity.disk(), met);
    return Optional.of(new Place(identity.disk().toString(), List.of(self)));
  }

  private boolean isFounder() {
    return name.equals(settings.founder());
  }

  private void tell(Identity identity) {
    List<String> others = met.stream().map(Wire.Introduction::node).toList();
    if (!identity.cluster().isEmpty()) {
      LOG.warn(
          "waiting for a node that has a part of the store {}, of which this one has none any more:"
              + " met={}",
          identity.cluster(),
          others);
    } else if (isFounder()) {
      LOG.info(
          "waiting for other nodes to found the store with: needed={} there={} met={}",
          founders(),
          others.size() + 1,
          others);
    } else {
      LOG.info(
          "waiting for the store to be founded by node {}: met={}", settings.founder(), others);
    }
  }

  /**
   * Begins to listen and to speak to those that are met; only then others are told that this node
   * has a part of the store.
   *
   * @throws IOException if the address or a file of the keys cannot be used
   */
  void join(Vertx vertx, String id, Channel.Receiver receiver) throws IOException {
    Promise<Channel> listening = Promise.promise();
    ChannelSettings channelSettings =
        ChannelSettings.of(
            settings.address().host(), settings.address().port(), settings.tls(), frameBytes);
    ((VertxInternal) vertx)
        .createEventLoopContext()
        .runOnContext(
            turn -> {
              try {
                Channel made =
                    new Channel(
                            vertx, channelSettings, id, self.id(), new Random(), meters::counted)
                        .handler(receiver);
                made.listen().<Channel>map(v -> made).onComplete(listening);
              } catch (RuntimeException e) {
                listening.fail(e);
              }
            });
    try {
      Channel made =
          listening
              .future()
              .toCompletionStage()
              .toCompletableFuture()
              .get(LISTEN_SECONDS, TimeUnit.SECONDS);
      joined(made, id);
    } catch (ExecutionException | TimeoutException e) {
      Throwable cause = e instanceof ExecutionException ? e.getCause() : e;
      throw new IOException(
          "cluster.store: %s: %s".formatted(settings.address(), Link.reason(cause)), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }

  private synchronized void joined(Channel made, String id) {
    channel = made;
    cluster = id;
    port = made.port();
    channel.peers(addresses());
  }

  /** Sends a frame; it may be lost. */
  void send(String node, int kind, int group, byte[] body) {
    Channel to;
    synchronized (this) {
      to = channel;
    }
    if (to != null) {
      to.send(node, kind, group, body);
    }
  }

  /** Whoever waits to come in does so no more. */
  synchronized void stopWaiting() {
    isClosed = true;
    notifyAll();
  }

  /** Nothing is sent or received any more. */
  void close(Runnable then) {
    Channel last;
    synchronized (this) {
      last = channel;
      channel = null;
    }
    if (last == null) {
      then.run();
    } else {
      last.close().onComplete(closed -> then.run());
    }
  }
}
