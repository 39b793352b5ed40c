package io.busbar.store;

import io.busbar.shard.FormException;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.net.NetClient;
import io.vertx.core.net.NetServer;
import io.vertx.core.net.NetSocket;
import io.vertx.core.net.SocketAddress;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import java.util.random.RandomGenerator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The connections between the nodes for what the groups have to tell each other. Each node dials
 * each other one and sends on the connection that it made; what comes back on it are heartbeats
 * only. Frames to one peer arrive in order, each once or not at all: what cannot be sent, because
 * the peer is not there or does not read, is dropped and counted, and those who send must be ready
 * to send again. Nothing waits for a connection.
 *
 * <p>Everything but {@link #send} and the outer methods runs on the context on which the channel
 * was made.
 */
public final class Channel implements Link.Owner {
  private static final Logger LOG = LoggerFactory.getLogger(Channel.class);

  /** Connections that have not said who they are. */
  private static final int MAX_STRANGERS = 64;

  /** Lines about strangers for each heartbeat; more are counted only. */
  private static final int STRANGER_LINES = 5;

  /** Takes what other nodes sent. */
  public interface Receiver {
    /**
     * A frame; called on the channel's context, which it must not hold up.
     *
     * @param node who sent it
     * @param body all of it; the receiver's own. A {@link FormException} closes the connection.
     */
    void take(String node, int kind, int group, ByteBuffer body);
  }

  /** What happened, for telemetry. */
  public enum Count {
    FRAMES_SENT,
    BYTES_SENT,
    FRAMES_RECEIVED,
    BYTES_RECEIVED,
    /** Dropped because too much was waiting for the peer. */
    DROPPED_FULL,
    /** Dropped because the peer was not there. */
    DROPPED_UNREACHABLE,
    /** Dropped because the connection was lost while the frame waited. */
    DROPPED_LOST,
    /** Dropped because it was longer than a frame may be. */
    DROPPED_TOO_LONG,
    /** A peer was reached. */
    CONNECTED,
    /** The connection to a peer that had been reached ended. */
    LOST,
    /** A connection was given up because nothing came. */
    SILENT,
    /** The peer is of another cluster. */
    REFUSED_CLUSTER,
    /** The peer speaks no version that is known. */
    REFUSED_VERSION,
    /** The peer is, or means, another node. */
    REFUSED_NODE,
    /** The peer's certificate is no node's. */
    REFUSED_CERTIFICATE,
    /** Whoever connected did not get through the TLS handshake. */
    REFUSED_HANDSHAKE,
    /** Whatever came was no frame, or too long a one. */
    REFUSED_GARBAGE,
    /** Too many connections that had not said who they are. */
    REFUSED_CROWD,
  }

  /** Counts; called from any thread. */
  public interface Counters {
    /** So many more. */
    void add(Count what, long by);
  }

  /** What the connections of one channel have in common. */
  record Common(
      Vertx vertx,
      Context context,
      NetClient client,
      ChannelSettings settings,
      int silentTicks,
      String cluster,
      String self,
      RandomGenerator random,
      Counters counters) {}

  record Refusal(Count count, String why) {}

  private final Vertx vertx;
  private final Context context;
  private final ChannelSettings settings;
  private final String cluster;
  private final String self;
  private final Counters counters;
  private final NetServer server;
  private final NetClient client;
  private final Common common;

  private final Map<String, ChannelPeer> peers = new ConcurrentHashMap<>();
  private final Set<Link> strangers = new LinkedHashSet<>();
  private final Map<String, Link> incoming = new HashMap<>();
  private Receiver receiver = (node, kind, group, body) -> {};
  private boolean closed;
  private int lines;

  /**
   * A channel that neither listens nor sends yet. Its context is the caller's.
   *
   * @param cluster id of the cluster; who says another one is refused
   * @param self id of this node; both are printable ASCII
   * @param random spreads the tries of nodes to reach each other
   */
  public Channel(
      Vertx vertx,
      ChannelSettings settings,
      String cluster,
      String self,
      RandomGenerator random,
      Counters counters) {
    this.vertx = vertx;
    this.context = vertx.getOrCreateContext();
    this.settings = settings;
    this.cluster = new NodeEndpoint(cluster).id();
    this.self = new NodeEndpoint(self).id();
    this.counters = counters;
    int silentTicks =
        (settings.silenceMillis() + settings.heartbeatMillis() - 1) / settings.heartbeatMillis();
    this.server = vertx.createNetServer(ChannelTls.server(settings));
    this.client = vertx.createNetClient(ChannelTls.client(settings));
    this.common =
        new Common(vertx, context, client, settings, silentTicks, cluster, self, random, counters);
  }

  /** Who takes what comes; to be set before {@link #listen}. */
  public Channel handler(Receiver receiver) {
    this.receiver = receiver;
    return this;
  }

  /** Begins to listen, and to keep up connections; fails if the address or a file is unusable. */
  public Future<Void> listen() {
    server.connectHandler(this::accept);
    server.exceptionHandler(
        e -> {
          counters.add(Count.REFUSED_HANDSHAKE, 1);
          stranger("an unfinished handshake", Link.reason(e));
        });
    return onContext(
        () ->
            server
                .listen()
                .map(
                    listening -> {
                      tickLater();
                      return null;
                    }));
  }

  /** Where it listens, once it does. */
  public int port() {
    return server.actualPort();
  }

  /**
   * Who the other nodes are and where: those that are new are dialled, others left. This node
   * itself may be among them.
   */
  public void peers(Map<String, SocketAddress> addresses) {
    Map<String, SocketAddress> wanted = new HashMap<>(addresses);
    wanted.remove(self);
    wanted.keySet().forEach(NodeEndpoint::new);
    context.runOnContext(
        turn -> {
          peers.values().removeIf(peer -> isElsewhere(peer, wanted));
          wanted.forEach(
              (node, address) -> {
                if (!closed && !peers.containsKey(node)) {
                  ChannelPeer peer = new ChannelPeer(common, node, address);
                  peers.put(node, peer);
                  peer.dial();
                }
              });
        });
  }

  private static boolean isElsewhere(ChannelPeer peer, Map<String, SocketAddress> wanted) {
    boolean elsewhere = !peer.address().equals(wanted.get(peer.node()));
    if (elsewhere) {
      peer.leave();
    }
    return elsewhere;
  }

  /**
   * Sends a frame; from any thread. What one thread sends to one node arrives in that order.
   *
   * @param kind 1 to 254
   * @param group 0 to 65,535
   * @param body not to be changed any more
   * @return false if it was dropped; true does not mean that it arrives
   */
  public boolean send(String node, int kind, int group, byte[] body) {
    if (kind <= Frame.HELLO || kind >= Frame.HEARTBEAT || group < 0 || group > 0xffff) {
      throw new IllegalArgumentException(
          "kind %d, group %d (allowed: 1 to 254, 0 to 65535)".formatted(kind, group));
    }
    if (body.length > settings.frameBytes()) {
      counters.add(Count.DROPPED_TOO_LONG, 1);
      LOG.error(
          "a frame is too long to be sent: node={} kind={} group={} bytes={} allowed={}",
          node,
          kind,
          group,
          body.length,
          settings.frameBytes());
      return false;
    }
    ChannelPeer peer = peers.get(node);
    if (peer == null) {
      counters.add(Count.DROPPED_UNREACHABLE, 1);
      return false;
    }
    return peer.send(new Frame(kind, group, body));
  }

  /** Whether there is a connection to a node; from any thread. */
  public boolean reaches(String node) {
    ChannelPeer peer = peers.get(node);
    return peer != null && peer.isUp();
  }

  /** Bytes that wait for a node, written to the socket or not; from any thread. */
  public long queued(String node) {
    ChannelPeer peer = peers.get(node);
    return peer == null ? 0 : peer.queued();
  }

  /** Ends all connections; what waits is dropped. */
  public Future<Void> close() {
    return onContext(
        () -> {
          closed = true;
          peers.values().forEach(ChannelPeer::leave);
          peers.clear();
          incoming().forEach(link -> link.close("this node closed it"));
          return Future.join(server.close(), client.close()).mapEmpty();
        });
  }

  private <T> Future<T> onContext(Supplier<Future<T>> work) {
    Promise<T> promise = Promise.promise();
    context.runOnContext(turn -> work.get().onComplete(promise));
    return promise.future();
  }

  /** Ticks are counted and never caught up: a node that was stopped does not blame the others. */
  private void tickLater() {
    vertx.setTimer(
        settings.heartbeatMillis(),
        timer -> {
          if (!closed) {
            incoming().forEach(Link::tick);
            peers.values().forEach(ChannelPeer::tick);
            if (lines > STRANGER_LINES) {
              LOG.warn("more connections refused: count={}", lines - STRANGER_LINES);
            }
            lines = 0;
            tickLater();
          }
        });
  }

  private List<Link> incoming() {
    List<Link> links = new ArrayList<>(strangers);
    links.addAll(incoming.values());
    return links;
  }

  private void accept(NetSocket socket) {
    if (closed || strangers.size() >= MAX_STRANGERS) {
      counters.add(Count.REFUSED_CROWD, 1);
      socket.close();
      return;
    }
    strangers.add(new Link(socket, this, common));
  }

  @Override
  public void greeted(Link link, Hello hello) {
    Refusal refusal = refusal(hello, cluster, self);
    if (refusal == null && hello.node().equals(self)) {
      refusal = new Refusal(Count.REFUSED_NODE, "it says it is this node: " + self);
    }
    if (refusal == null && settings.tls().isPresent()) {
      ChannelPeer peer = peers.get(hello.node());
      String why =
          ChannelTls.refusal(
              link.socket(), settings.tls().get(), peer == null ? null : peer.address().host());
      refusal = why == null ? null : new Refusal(Count.REFUSED_CERTIFICATE, why);
    }
    if (refusal == null || refusal.count != Count.REFUSED_CERTIFICATE) {
      // the peer judges the same, and its log says what is wrong; of its certificate it cannot
      link.write(new Frame(Frame.HELLO, 0, Hello.of(cluster, self, hello.node()).encode()));
    }
    if (refusal != null) {
      counters.add(refusal.count, 1);
      link.close(refusal.why);
      return;
    }
    strangers.remove(link);
    Link older = incoming.put(hello.node(), link);
    if (older != null) {
      older.close("it connected again");
    }
  }

  /** Why a peer that says this is not one to talk to, or null. */
  static Refusal refusal(Hello hello, String cluster, String self) {
    if (!hello.isOfKnownVersion()) {
      return new Refusal(
          Count.REFUSED_VERSION,
          "it speaks versions %d to %d (known: 1)".formatted(hello.oldest(), hello.newest()));
    }
    if (!hello.cluster().equals(cluster)) {
      return new Refusal(
          Count.REFUSED_CLUSTER,
          "it is of cluster %s (this is %s)".formatted(hello.cluster(), cluster));
    }
    if (!hello.other().equals(self)) {
      return new Refusal(
          Count.REFUSED_NODE, "it means node %s (this is %s)".formatted(hello.other(), self));
    }
    return null;
  }

  @Override
  public void took(Link link, Frame frame) {
    receiver.take(link.hello().node(), frame.kind(), frame.group(), ByteBuffer.wrap(frame.body()));
  }

  @Override
  public void ended(Link link, String why) {
    boolean known = link.hello() != null && incoming.remove(link.hello().node(), link);
    if (strangers.remove(link) && !closed) {
      stranger(String.valueOf(link.socket().remoteAddress()), why);
    } else if (known && !closed) {
      LOG.info("channel from a node ended: node={} because={}", link.hello().node(), why);
    }
  }

  private void stranger(String address, String why) {
    if (++lines <= STRANGER_LINES) {
      LOG.warn("a connection to the channel is refused: from={} because={}", address, why);
    }
  }
}
