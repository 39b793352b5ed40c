package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.bus.Wire;
import io.busbar.config.Limit;
import io.busbar.config.Settings;
import io.busbar.mqtt.MqttException;
import io.busbar.mqtt.ReasonCode;
import io.busbar.session.Acks;
import io.busbar.shard.Effect;
import io.busbar.telemetry.Meter;
import io.netty.channel.ChannelPipeline;
import io.netty.util.NetUtil;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.VerticleBase;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.eventbus.Message;
import io.vertx.core.eventbus.MessageConsumer;
import io.vertx.core.internal.ContextInternal;
import io.vertx.core.internal.net.NetSocketInternal;
import io.vertx.core.net.NetServer;
import io.vertx.core.net.NetServerOptions;
import io.vertx.core.net.NetSocket;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The connections of one event loop; there is one such verticle per loop. Its state is the {@link
 * Loop}'s. All of them listen on the same ports, and Vert.x deals connections out in turn.
 */
public final class ConnectionVerticle extends VerticleBase {
  /** How long connections may take to be told of the end, in milliseconds. */
  private static final long FAREWELL = 4_000;

  /** How long the authorization verticle may take, in milliseconds. */
  private static final long AUTHORIZATION = 5_000;

  /** How often certificates are looked at, in milliseconds. */
  private static final long LOOK = 1_000;

  private static final Logger LOG = LoggerFactory.getLogger(ConnectionVerticle.class);

  private final Broker broker;
  private final int id;
  private final boolean clustered;
  private final List<NetServer> servers = new ArrayList<>();
  private Loop loop;
  private long sweep;
  private boolean isStopping;

  /**
   * The verticle of a loop.
   *
   * @param id 0 to one less than the node's loops
   * @param clustered whether other nodes may forward messages
   */
  public ConnectionVerticle(Broker broker, int id, boolean clustered) {
    this.broker = broker;
    this.id = id;
    this.clustered = clustered;
  }

  @Override
  public Future<?> start() {
    loop = new Loop(id, broker, vertx.eventBus(), (ContextInternal) context);
    sweep = vertx.setPeriodic(1_000 / Loop.SWEEPS, t -> loop.sweep());
    MessageConsumer<Bus.Local> local = vertx.eventBus().localConsumer(Bus.loop(id), this::onLocal);
    MessageConsumer<Bus.Local> tails = vertx.eventBus().localConsumer(Bus.TAILS, this::onLocal);
    Future<Void> registered = local.completion().compose(v -> tails.completion());
    if (!clustered) {
      return registered;
    }
    MessageConsumer<Buffer> remote =
        vertx.eventBus().consumer(Bus.nodeLoop(broker.nodeId, id), this::onForward);
    return Future.all(registered, remote.completion());
  }

  private void onLocal(Message<Bus.Local> message) {
    loop.counters.busMessages++;
    Bus.Local body = message.body();
    if (body instanceof Bus.Handover handover) {
      loop.tick();
      loop.reads(handover.readAt());
      loop.dispatcher.handedOver(handover);
      message.reply(new Bus.Done(), Bus.local());
    } else if (body instanceof Bus.Bells bells) {
      loop.tick();
      for (Effect.Bell bell : bells.bells()) {
        Connection connection = loop.connection(bell.location().connection());
        if (connection != null) {
          connection.bell(bell);
        }
      }
    } else if (body instanceof Bus.Wills wills) {
      loop.tick();
      wills.wills().forEach(this::will);
    } else if (body instanceof Bus.Repicks repicks) {
      loop.tick();
      loop.dispatcher.repick(repicks);
    } else if (body instanceof Bus.Evict evict) {
      Connection connection = loop.connection(evict.connection());
      if (connection == null) {
        message.reply(new Bus.Done(), Bus.local());
      } else {
        connection.onClosed(() -> message.reply(new Bus.Done(), Bus.local()));
        connection.end(evict.reason(), null);
      }
    } else if (body instanceof Bus.Rejudge rejudge) {
      loop.tick();
      loop.rejudging.begin(rejudge.affected(), rejudge.revision());
    } else if (body instanceof Bus.Disowned) {
      loop.tick();
      loop.connections().forEach(Connection::disowned);
    } else if (body instanceof Bus.PublishMessage publish) {
      loop.tick();
      publish(message, publish);
    } else if (body instanceof Bus.Watch watch) {
      loop.dispatcher.watch(watch.tail());
    } else if (body instanceof Bus.Follow follow) {
      loop.tick();
      loop.traces.follow(follow.trace());
      message.reply(new Bus.Done(), Bus.local());
    } else if (body instanceof Bus.NetworkChanged) {
      loop.tick();
      loop.connections().forEach(Connection::networkChanged);
    } else if (body instanceof Bus.Members members) {
      loop.dispatcher.members(members.nodes());
    } else if (body instanceof Bus.Listen) {
      listen()
          .onSuccess(ports -> message.reply(new Bus.Listening(ports), Bus.local()))
          .onFailure(e -> message.fail(1, e.getMessage()));
    }
    loop.schedule();
  }

  /** A will is published if its client may do so now: its rights may be others than at CONNECT. */
  private void will(Effect.WillDue will) {
    Bus.Publisher publisher = new Bus.Publisher(will.owner(), will.session(), 0);
    Origin origin = Origin.of(publisher, will.id());
    if (broker.settings.accessForAll()) {
      loop.dispatcher.will(will.packet(), origin);
      return;
    }
    Bus.MayPublish may = new Bus.MayPublish(will.owner(), loop.dispatcher.topic(will.packet()));
    loop.<Bus.Local>request(Bus.AUTHORIZATION, may, Bus.local(AUTHORIZATION))
        .onComplete(
            reply ->
                loop.execute(
                    () -> {
                      loop.counters.busMessages++;
                      if (reply.failed()) {
                        loop.limitedLog.warn("a will waits: authorization did not answer");
                        vertx.setTimer(AUTHORIZATION, t -> will(will));
                      } else if (reply.result().body() instanceof Bus.Refused no) {
                        loop.dispatcher.deniedWill(origin, no.text());
                      } else {
                        loop.dispatcher.will(will.packet(), origin);
                      }
                    }));
  }

  /** Replies when all who promise to have the message do. */
  private void publish(Message<Bus.Local> message, Bus.PublishMessage publish) {
    if (!broker.network.allows(publish.address())) {
      broker.telemetry.count(Meter.DENIALS, "network");
      message.reply(
          new Bus.Refused(ReasonCode.NOT_AUTHORIZED, "clients may not come from this address"),
          Bus.local());
      return;
    }
    if (!loop.serves()) {
      message.reply(
          new Bus.Refused(
              ReasonCode.SERVER_UNAVAILABLE, "this node has lost touch with the others"),
          Bus.local());
      return;
    }
    Acks.Ack[] ack = new Acks.Ack[1];
    ack[0] =
        new Acks.Ack(
            outcome -> {
              if (outcome.isError()) {
                loop.counters.refused(Dialect.HTTP_PUBLISH, publish.packet()[0], outcome);
              }
              message.reply(
                  outcome.isError()
                      ? new Bus.Refused(outcome, ack[0].why() == null ? "not taken" : ack[0].why())
                      : new Bus.Done(),
                  Bus.local());
            });
    ack[0].await();
    loop.reads();
    try {
      loop.dispatcher.publish(publish.packet(), publish.publisher(), ack[0]);
    } catch (MqttException e) {
      ack[0].failed(e.reason(), e.getMessage());
    }
    ack[0].arrived();
  }

  private void onForward(Message<Buffer> message) {
    loop.counters.busMessages++;
    Wire.Forward forward = Wire.Forward.decode(message.body());
    loop.tick();
    loop.reads();
    Acks.Ack ack = new Acks.Ack(outcome -> taken(message, outcome));
    ack.await();
    loop.dispatcher.handedOver(forward, ack);
    ack.arrived();
  }

  /** What the other node's publishers are told waits for the store of this one. */
  private static void taken(Message<Buffer> message, ReasonCode outcome) {
    if (outcome.isError()) {
      message.fail(Wire.NOT_KEPT, outcome.toString());
    } else {
      message.reply(Buffer.buffer());
    }
  }

  private Future<List<Integer>> listen() {
    List<Settings.Listener> listeners = broker.settings.listeners();
    List<Future<NetServer>> opened = new ArrayList<>();
    for (int i = 0; i < listeners.size(); i++) {
      opened.add(listen(listeners.get(i), i));
    }
    return Future.all(opened).map(all -> servers.stream().map(NetServer::actualPort).toList());
  }

  private Future<NetServer> listen(Settings.Listener listener, int index) {
    NetServerOptions options =
        new NetServerOptions()
            .setHost(listener.address().host())
            // a negative port is any free one, the same for all loops
            .setPort(listener.address().port() == 0 ? -1 - index : listener.address().port())
            .setAcceptBacklog(4_096)
            .setTcpKeepAlive(true)
            .setTcpNoDelay(true);
    NetServer server = vertx.createNetServer(options);
    servers.add(server);
    Tls tls = broker.tls.get(listener);
    String transport = listener.protocol().name().toLowerCase(Locale.ROOT);
    server.connectHandler(socket -> accept(socket, listener, tls));
    // the first loop to listen reads it for all
    boolean isRead = tls == null || id > 0;
    return (isRead ? Future.succeededFuture() : load(listener, tls))
        .compose(loaded -> server.listen())
        .recover(
            e ->
                Future.failedFuture(
                    "listener %s: %s: %s".formatted(transport, listener.address(), reason(e))));
  }

  private Future<?> load(Settings.Listener listener, Tls tls) {
    return vertx
        .executeBlocking(
            () -> {
              tls.load(vertx);
              return null;
            })
        .onSuccess(loaded -> watch(listener, tls));
  }

  /** A certificate that is replaced is shown within seconds; who is connected stays so. */
  private void watch(Settings.Listener listener, Tls tls) {
    vertx.setPeriodic(
        LOOK,
        t ->
            vertx
                .executeBlocking(() -> tls.renew(vertx))
                .onSuccess(
                    isRenewed -> {
                      if (isRenewed) {
                        LOG.info("certificate renewed: listener={}", listener);
                      }
                    })
                .onFailure(
                    e ->
                        LOG.error(
                            "certificate not renewed, the one before is still shown: listener={}"
                                + " cause={}",
                            listener,
                            reason(e))));
  }

  private static String reason(Throwable e) {
    return e.getMessage() == null ? e.toString() : e.getMessage();
  }

  private void accept(NetSocket socket, Settings.Listener listener, Tls tls) {
    if (isStopping) {
      socket.close();
      return;
    }
    ChannelPipeline pipeline = ((NetSocketInternal) socket).channelHandlerContext().pipeline();
    if (pipeline.get("chunkedWriter") != null) {
      pipeline.remove("chunkedWriter");
    }
    loop.tick();
    byte[] address = address(socket);
    if (isForbidden(socket, address)) {
      return;
    }
    if (tls == null) {
      connected(socket, listener, address);
    } else {
      loop.handshakes.add(pipeline.channel(), tls, () -> connected(socket, listener, address));
    }
  }

  private boolean isForbidden(NetSocket socket, byte[] address) {
    if (broker.network.allows(address)) {
      return false;
    }
    broker.telemetry.count(Meter.DENIALS, "network");
    broker
        .telemetry
        .audit()
        .denied(
            "connection refused",
            socket.remoteAddress().hostAddress(),
            "remote",
            socket.remoteAddress(),
            "reason",
            "clients may not come from this address");
    socket.close();
    return true;
  }

  private void connected(NetSocket socket, Settings.Listener listener, byte[] address) {
    ChannelPipeline pipeline = ((NetSocketInternal) socket).channelHandlerContext().pipeline();
    loop.tick();
    // a handler that comes to a channel that has closed is never told so
    if (isStopping || !pipeline.channel().isActive()) {
      socket.close();
      return;
    }
    // a handshake takes a while: since it began, the rules may have changed
    if (isForbidden(socket, address)) {
      return;
    }
    Connection connection =
        new Connection(
            loop, socket.remoteAddress().toString(), address, listener.protocol().webSocket());
    if (listener.protocol().webSocket()) {
      WebSockets.configure(pipeline, listener, broker.limits.intValue(Limit.WEBSOCKET_FRAME_BYTES));
    }
    pipeline.addBefore("handler", "mqtt", connection);
    // Vert.x's part is over: its socket would be as large as all the rest of a connection
    pipeline.remove("handler");
  }

  private static byte[] address(NetSocket socket) {
    return NetUtil.createByteArrayFromIpAddressString(socket.remoteAddress().hostAddress());
  }

  /**
   * Tells everybody first: a server that is shut down closes its sockets at once, and what is
   * written to them then is lost.
   */
  @Override
  public Future<?> stop() {
    isStopping = true;
    List<Future<Void>> ending = new ArrayList<>();
    ReasonCode reason =
        broker.settings.announced().serverReference().isPresent()
            ? ReasonCode.USE_ANOTHER_SERVER
            : ReasonCode.SERVER_SHUTTING_DOWN;
    for (Connection connection : loop.connections()) {
      Promise<Void> gone = Promise.promise();
      connection.onClosed(() -> gone.tryComplete());
      connection.end(reason, null);
      ending.add(gone.future());
    }
    Promise<Void> told = Promise.promise();
    Future.join(ending).onComplete(all -> told.tryComplete());
    long farewell = vertx.setTimer(FAREWELL, t -> told.tryComplete());
    return told.future()
        .compose(
            v -> {
              vertx.cancelTimer(farewell);
              vertx.cancelTimer(sweep);
              loop.connections().forEach(Connection::abort);
              return Future.join(servers.stream().map(NetServer::close).toList());
            });
  }
}
