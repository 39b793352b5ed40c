package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.bus.Tail;
import io.busbar.bus.Wire;
import io.busbar.config.Limit;
import io.busbar.match.SubscriptionIndex;
import io.busbar.mqtt.Decoder;
import io.busbar.mqtt.MqttException;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Publish;
import io.busbar.mqtt.ReasonCode;
import io.busbar.session.Acks;
import io.busbar.shard.Command;
import io.busbar.shard.Effect;
import io.busbar.shard.Outcome;
import io.busbar.shard.Refusal;
import io.busbar.shard.Sending;
import io.busbar.telemetry.Loss;
import io.busbar.telemetry.Meter;
import io.busbar.telemetry.Spans;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.LongConsumer;

/**
 * Gives the messages of one event loop to all who get them: subscribers of this loop, a member of
 * each shared subscription, the store, other loops and nodes, webhooks.
 */
final class Dispatcher {
  /** Number of the group of the store whose effects these are: there is one. */
  private static final int GROUP = 0;

  private static final List<Command.Pick> NO_PICKS = List.of();

  /** When another member is looked for, in ms: until then it is known who is gone. */
  private static final long AGAIN = 100;

  /** Where comes from what the server tells of itself. */
  private static final Origin SERVER = Origin.of(new Bus.Publisher("", "", 0), 0);

  private final Loop loop;
  private final Broker broker;
  private final FanOut fanOut;
  private final Publish handedOver = new Publish();
  private final ByteBuf single = Unpooled.buffer(1024);
  private final int[] stripes = new int[SubscriptionIndex.DEPTHS];
  private final Route.Builder builder;
  private final Link[] loopLinks;
  private final Map<String, Link> nodeLinks = new HashMap<>();

  /** Who looks at what is published; null while nobody does. */
  private Tail[] tails;

  /** Bytes of messages for which another member is about to be looked for. */
  private long handingOn;

  Dispatcher(Loop loop) {
    this.loop = loop;
    this.broker = loop.broker;
    this.fanOut = new FanOut(loop);
    this.builder = new Route.Builder(loop);
    this.loopLinks = new Link[broker.loops];
  }

  /** The route of a topic, as subscriptions are now. */
  Route route(Topic topic) {
    // what is read first is what is remembered: a change meanwhile makes the next message look
    // again
    long changes = broker.index.changes();
    if (topic.checked != changes) {
      check(topic);
      topic.checked = changes;
    }
    return topic.route;
  }

  private void check(Topic topic) {
    broker.index.stripes(topic.name, 0, topic.name.length, stripes);
    long generation = broker.index.generation(stripes);
    if (topic.route == null || topic.generation != generation) {
      broker.index.match(topic.name, 0, topic.name.length, builder);
      topic.route = builder.build();
      topic.generation = generation;
    }
  }

  // --- from a client ---

  /**
   * Sends a message on its way.
   *
   * @param message the packet as parsed, its topic resolved; its RETAIN flag set if it is to be
   *     retained
   * @param ack what waits until all who promise it have the message, or null
   */
  void dispatch(Publish message, Topic topic, Route route, Origin origin, Acks.Ack ack) {
    hand(message, topic, route, origin.connection(), ack, 0);
    keep(message, topic, route, origin, ack);
  }

  /** What the store has to do about a message, and those who get their messages elsewhere. */
  private void keep(Publish message, Topic topic, Route route, Origin origin, Acks.Ack ack) {
    if (tails != null) {
      show(message, topic, origin);
    }
    List<Command.Pick> picks =
        route.shares.length == 0 ? NO_PICKS : share(message, topic, route, origin, ack);
    boolean isQueued = message.qos() > 0 && (route.stored || !picks.isEmpty());
    if (isQueued || message.retain()) {
      store(message, origin, true, picks, ack);
    }
    EventRoute events = broker.eventRoute;
    // what the server tells of itself is none of its messages
    if (events != null && topic.name[0] != '$') {
      enqueue(message, origin, events, ack);
    }
    loop.schedule();
  }

  /**
   * Gives a message to those who get it without the store: here, and at other nodes.
   *
   * @param number what other nodes know it by ({@link Sending#number}), or 0
   */
  private void hand(
      Publish message, Topic topic, Route route, Connection publisher, Acks.Ack ack, long number) {
    deliver(message, topic, route, publisher);
    for (Link link : route.loops) {
      link.append(message, publisher, null, 0);
    }
    for (Link link : route.nodes) {
      link.append(message, publisher, ack, number);
    }
    if (message.qos() == 0) {
      for (Link link : route.nodesOfQos0) {
        link.append(message, publisher, null, 0);
      }
    }
    loop.schedule();
  }

  /**
   * Sends a message on its way whose identifier other nodes are to know first: only then is it
   * given to those who get it without the store. Before, its publisher might send it again at a
   * node that takes it for another one.
   *
   * @return to be called when they know it, with what they know the message by; at once or later
   */
  LongConsumer dispatchOnceKnown(
      Publish message, Topic topic, Route route, Origin origin, Acks.Ack ack) {
    byte[] packet = copy(message, message.retain());
    long readAt = loop.readAt();
    keep(message, topic, route, origin, ack);
    return number -> {
      try {
        loop.reads(readAt);
        Topic its = parse(packet, 0, packet.length);
        hand(handedOver, its, route(its), origin.connection(), ack, number);
      } catch (MqttException e) {
        refused(e);
      }
    };
  }

  /**
   * Sends a QoS 2 message once more to all who may lack it: its publisher, interrupted, sent it
   * again, and the store has what it was to keep. What a member of a share was to have is not given
   * to one again: another might get it.
   *
   * @param ack what waits until all other nodes have the message
   */
  void again(
      Publish message,
      Topic topic,
      Route route,
      Connection publisher,
      Acks.Ack ack,
      Sending sending) {
    if (broker.sendings.again(sending)) {
      deliver(message, topic, route, publisher);
      for (Link link : route.loops) {
        link.append(message, publisher, null, 0);
      }
    }
    for (Link link : route.nodes) {
      link.again(message, publisher, ack, sending);
    }
    loop.schedule();
  }

  private void deliver(Publish message, Topic topic, Route route, Connection publisher) {
    if (route.targets.length == 1) {
      fanOut.before(route);
      deliver(message, topic, route.targets[0], publisher);
    } else if (route.targets.length > 1) {
      fanOut.add(message, route, topic);
      for (Route.Target target : route.apart) {
        deliver(message, topic, target, publisher);
      }
    }
  }

  private static void deliver(
      Publish message, Topic topic, Route.Target target, Connection publisher) {
    boolean own = target.connection == publisher;
    int qos = Math.min(message.qos(), own ? target.ownQos : target.qos);
    // what a stored session gets at QoS 1 and 2 comes out of its inbox
    if (qos == 0 || (qos > 0 && !target.stored)) {
      boolean retain = target.retainAsPublished && message.retain();
      int[] ids = own ? target.ownIds : target.ids;
      target.connection.outgoing().deliver(message, topic, qos, retain, ids, null);
    }
  }

  // --- shared subscriptions ---

  /**
   * Gives a message to a member of each share.
   *
   * @return what is left to the store
   */
  private List<Command.Pick> share(
      Publish message, Topic topic, Route route, Origin origin, Acks.Ack ack) {
    List<Command.Pick> picks = NO_PICKS;
    for (Share share : route.shares) {
      Destination member = pick(share, message);
      Command.Pick pick = give(message, topic, share, member, origin.connection(), ack);
      if (pick != null) {
        picks = picks.isEmpty() ? new ArrayList<>(1) : picks;
        picks.add(pick);
      }
    }
    return picks;
  }

  /**
   * Whose turn it is. Where the nodes have one store, and it keeps what the share is to have, it
   * chooses for other nodes, too: in one entry with what else it does about the message, so that
   * the message is not lost with another node, nor there twice when it is sent again.
   */
  private Destination pick(Share share, Publish message) {
    Destination chosen = share.pick(loop.id, false);
    boolean isOfStore = broker.isStoreShared && share.isStored() && message.qos() > 0;
    return isOfStore && chosen instanceof Destination.RemoteMembers ? null : chosen;
  }

  /**
   * Gives a message to a member, or says what the store has to do with it.
   *
   * @param chosen a member here, a node that has some, or null
   * @param ack what waits until another node has the message, or null
   */
  private Command.Pick give(
      Publish message,
      Topic topic,
      Share share,
      Destination chosen,
      Connection publisher,
      Acks.Ack ack) {
    if (chosen instanceof Destination.RemoteMembers there) {
      linkToNode(there.node(), there.loops()).direct(message, 0, share.key, publisher, ack);
      return null;
    }
    if (!(chosen instanceof Destination.Subscription member)) {
      if (share.isStored() && message.qos() > 0) {
        return new Command.Pick(share.key.name(), share.key.filter(), null);
      }
      loop.counters.lost(Loss.NO_SUBSCRIBER, 1);
      return null;
    }
    if (member.session() != null && Math.min(message.qos(), member.qos()) > 0) {
      return new Command.Pick(share.key.name(), share.key.filter(), member.session());
    }
    if (member.loop() == loop.id) {
      deliver(message, topic, member, share.key);
    } else {
      linkToLoop(member.loop()).direct(message, member.connection().key(), share.key, null, null);
    }
    return null;
  }

  private void deliver(
      Publish message, Topic topic, Destination.Subscription member, Share.Key share) {
    int[] ids = member.id() == 0 ? Route.NO_IDS : new int[] {member.id()};
    boolean retain = member.retainAsPublished() && message.retain();
    int qos = Math.min(message.qos(), member.qos());
    member.connection().outgoing().deliver(message, topic, qos, retain, ids, share);
  }

  /** A message that another loop chose a member of this one for. */
  private void directed(Bus.Directed directed) throws MqttException {
    byte[] packet = directed.packet();
    Topic topic = parse(packet, 0, packet.length);
    Share.Key key = new Share.Key(directed.share(), directed.filter());
    Share share = find(route(topic), key);
    Connection connection = loop.connection(directed.connection());
    Destination.Subscription member =
        share == null || connection == null || connection.isEnding() ? null : share.of(connection);
    if (member == null) {
      repick(key, packet, 0);
    } else {
      deliver(handedOver, topic, member, key);
    }
  }

  /**
   * Finds another member for messages that a node was to have, and has not: it is gone.
   *
   * @return false if as many bytes wait for that already as may be on their way to a node
   */
  boolean handOn(List<Bus.Directed> messages) {
    long bytes = messages.stream().mapToLong(one -> one.packet().length).sum();
    if (handingOn + bytes > broker.limits.get(Limit.FORWARD_BYTES)) {
      return false;
    }
    handingOn += bytes;
    loop.eventLoop.schedule(
        () ->
            loop.execute(
                () -> {
                  handingOn -= bytes;
                  for (Bus.Directed one : messages) {
                    repick(new Share.Key(one.share(), one.filter()), one.packet(), 0);
                  }
                }),
        AGAIN,
        TimeUnit.MILLISECONDS);
    return true;
  }

  /** Finds another member for a message of one that is gone, if it has not expired meanwhile. */
  void handOn(HandedOn.Message message) {
    if (message.expiresAt() <= loop.now) {
      loop.counters.matched++;
      loop.counters.lost(Loss.EXPIRED, 1);
      return;
    }
    byte[] packet = message.packet();
    try {
      parse(packet, 0, packet.length);
    } catch (MqttException e) {
      refused(e);
      return;
    }
    if (handedOver.expiryOffset() >= 0) {
      long left = (message.expiresAt() - loop.now + 999) / 1_000;
      ByteBuffer.wrap(packet).putInt(handedOver.expiryOffset(), (int) left);
    }
    repick(message.share(), packet, 0);
  }

  /**
   * Finds another member for a message of one that is gone.
   *
   * @param effect the store's pending effect that this carries out, or 0
   */
  private void repick(Share.Key key, byte[] packet, long effect) {
    Acks.Ack ack = null;
    if (effect != 0) {
      // told again after a crash, what the store has of it by then has no effect a second time
      Command confirm = new Command.Confirm(new long[] {effect});
      ack = new Acks.Ack(outcome -> loop.outbox.addUntilTaken(confirm));
      ack.await();
    }
    try {
      Topic topic = parse(packet, 0, packet.length);
      repick(key, topic, effect, ack);
    } catch (MqttException e) {
      refused(e);
    }
    if (ack != null) {
      ack.arrived();
    }
  }

  private void repick(Share.Key key, Topic topic, long effect, Acks.Ack ack) {
    Share share = find(route(topic), key);
    if (share == null) {
      // the last member is gone: nobody is left to hand it on to
      loop.counters.matched++;
      loop.counters.lost(Loss.SESSION_ENDED, 1);
      return;
    }
    Destination chosen = pick(share, handedOver);
    Command.Pick pick = give(handedOver, topic, share, chosen, null, ack);
    if (pick != null) {
      store(handedOver, Origin.of(null, effect), false, List.of(pick), ack);
    }
  }

  /** A message that another node chose this one for, as it has members of the share. */
  private void shared(Wire.Shared one, Acks.Ack ack) throws MqttException {
    loop.counters.forwardsReceived++;
    Topic topic = parse(one.packet(), 0, one.packet().length);
    Share.Key key = new Share.Key(one.share(), one.filter());
    Share share = find(route(topic), key);
    Destination member = share == null ? null : share.pick(loop.id, true);
    boolean isKept = share != null && share.isStored() && handedOver.qos() > 0;
    if (member == null && !isKept) {
      // they have left meanwhile: others may be members
      repick(key, topic, 0, ack);
      return;
    }
    Command.Pick pick = give(handedOver, topic, share, member, null, ack);
    if (pick != null) {
      store(handedOver, null, false, List.of(pick), ack);
    }
  }

  void repick(Bus.Repicks repicks) {
    for (Effect.Repick one : repicks.repicks()) {
      repick(new Share.Key(one.share(), one.filter()), one.packet(), one.id());
    }
  }

  private static Share find(Route route, Share.Key key) {
    for (Share share : route.shares) {
      if (share.key.equals(key)) {
        return share;
      }
    }
    return null;
  }

  // --- the store ---

  private void store(
      Publish message, Origin origin, boolean all, List<Command.Pick> picks, Acks.Ack ack) {
    byte[] packet = copy(message, all && message.retain());
    boolean isKnown = origin != null && origin.publisher() != null;
    String session = isKnown ? origin.publisher().clientId() : null;
    Connection publisher = origin == null ? null : origin.connection();
    long epoch = origin == null ? 0 : origin.epoch();
    Command.Publish publish = new Command.Publish(packet, session, epoch, all, picks);
    if (ack != null) {
      ack.await();
    }
    if (origin != null && origin.effect() != 0) {
      // told again after a crash, it has effect once: so it may be given until it is taken
      loop.outbox.addInTurn(
          new Command.Once(GROUP, origin.effect(), publish),
          packet.length,
          outcome -> stored(outcome, publisher, ack));
      return;
    }
    loop.outbox.add(
        publish,
        packet.length,
        publisher,
        new Outbox.Waiter() {
          @Override
          public void applied(Outcome outcome) {
            stored(outcome, publisher, ack);
          }

          @Override
          public void refused(Refusal why) {
            ReasonCode reason = Unstored.refuses(why);
            notStored(Unstored.loss(why), reason, Unstored.text(why), publisher, ack);
          }

          @Override
          public void unknown() {
            if (publisher != null) {
              publisher.end(ReasonCode.SERVER_UNAVAILABLE, Unstored.UNKNOWN);
            }
          }
        });
  }

  /** A message is an event, too; whoever is owed an acknowledgement waits for it to be safe. */
  private void enqueue(Publish message, Origin origin, EventRoute events, Acks.Ack ack) {
    Spans spans = broker.telemetry.spans();
    Spans.Span span = spans.areOn() ? route(spans, message, origin) : null;
    Command.Enqueue command =
        events.enqueue(message, origin, span == null ? Spans.Context.NONE : span.context());
    if (command == null) {
      loop.counters.routed++;
      return;
    }
    if (ack != null) {
      ack.await();
    }
    Connection publisher = origin.connection();
    loop.outbox.add(
        command,
        command.events().get(0).event().length,
        publisher,
        new Outbox.Waiter() {
          @Override
          public void applied(Outcome outcome) {
            loop.counters.routed++;
            if (span != null) {
              span.end();
            }
            // a queue that is full is not the publisher's fault: what it lacks is in the ledger
            answer(publisher, ack);
          }

          @Override
          public void refused(Refusal why) {
            broker.telemetry.count(Meter.MESSAGES_ROUTED, Unstored.loss(why).tag());
            if (span != null) {
              span.fail(Unstored.text(why));
            }
            ReasonCode reason = Unstored.refuses(why);
            notStored(Unstored.loss(why), reason, Unstored.text(why), publisher, ack);
          }

          @Override
          public void unknown() {
            broker.telemetry.count(Meter.MESSAGES_ROUTED, "unknown");
            if (span != null) {
              span.fail(Unstored.UNKNOWN);
            }
            if (publisher != null) {
              publisher.end(ReasonCode.SERVER_UNAVAILABLE, Unstored.UNKNOWN);
            }
          }
        });
  }

  private static Spans.Span route(Spans spans, Publish message, Origin origin) {
    Bus.Publisher publisher = origin.publisher();
    return spans.route(
        EventRoute.began(message, origin.version()),
        message.topic(),
        publisher == null ? null : publisher.authenticationName());
  }

  private void stored(Outcome outcome, Connection publisher, Acks.Ack ack) {
    if (outcome instanceof Outcome.Published published) {
      loop.counters.matched += published.sessions();
      loop.counters.pending += published.sessions();
      answer(publisher, ack);
    } else if (outcome instanceof Outcome.Stale) {
      // the device has its session elsewhere, and sends the message again there
      publisher.end(ReasonCode.SESSION_TAKEN_OVER, Unstored.STALE);
    } else {
      notStored(Loss.QUEUE_FULL, ReasonCode.QUOTA_EXCEEDED, null, publisher, ack);
    }
  }

  /** The store has not got a message: one row, whoever would have had it. */
  private void notStored(
      Loss loss, ReasonCode reason, String why, Connection publisher, Acks.Ack ack) {
    loop.counters.matched++;
    loop.counters.lost(loss, 1);
    if (ack != null) {
      ack.failed(reason, why);
    }
    answer(publisher, ack);
    if (ack != null && publisher != null) {
      publisher.notTaken(ack);
    }
  }

  private static void answer(Connection publisher, Acks.Ack ack) {
    if (ack != null && ack.arrived()) {
      publisher.sendAcks();
    }
  }

  private byte[] copy(Publish message, boolean retain) {
    message.write(single, MqttVersion.V5, message.qos(), retain, Route.NO_IDS);
    byte[] packet = new byte[single.readableBytes()];
    single.readBytes(packet);
    single.clear();
    return packet;
  }

  // --- from other loops and nodes ---

  /** Messages from another loop. */
  void handedOver(Bus.Handover handover) {
    handedOver(handover.packets(), 0, handover.packets().length, null);
    for (Bus.Directed directed : handover.directed()) {
      try {
        directed(directed);
      } catch (MqttException e) {
        refused(e);
      }
    }
  }

  /**
   * Messages from another node.
   *
   * @param ack what waits until the store has those that it is to keep
   */
  void handedOver(Wire.Forward forward, Acks.Ack ack) {
    handedOver(
        forward.bytes(), forward.start(), forward.end(), new FromNode(ack, forward.numbers()));
    for (Wire.Again one : forward.again()) {
      if (broker.sendings.again(one.sending())) {
        handedOver(one.packet(), 0, one.packet().length, new FromNode(ack, null));
      }
    }
    for (Wire.Shared one : forward.shared()) {
      try {
        shared(one, ack);
      } catch (MqttException e) {
        refused(e);
      }
    }
  }

  /**
   * Messages from another loop or node.
   *
   * @param packets a run of MQTT 5 PUBLISH packets, a part of them
   * @param from what came with them from another node: then they concern the other loops, too; null
   *     if they come from a loop of this one
   */
  private void handedOver(byte[] packets, int start, int limit, FromNode from) {
    try {
      int at = start;
      while (at < limit) {
        int end = at + Decoder.packetLength(packets, at, limit);
        Topic topic = parse(packets, at, end);
        Route route = route(topic);
        at = end;
        if (from == null) {
          deliver(handedOver, topic, route, null);
        } else {
          loop.counters.forwardsReceived++;
          if (handedOver.qos() < 2 || from.isNew()) {
            fromNode(topic, route, from.ack);
          }
        }
      }
    } catch (MqttException e) {
      refused(e);
    }
    loop.schedule();
  }

  private void fromNode(Topic topic, Route route, Acks.Ack ack) {
    deliver(handedOver, topic, route, null);
    if (handedOver.qos() > 0 && route.stored && !broker.isStoreShared) {
      store(handedOver, null, true, NO_PICKS, ack);
    }
    for (Link link : route.loops) {
      link.append(handedOver, null, null, 0);
    }
  }

  /** What came from another node with a run of messages. */
  private final class FromNode {
    /** Waits until the store has those that it is to keep, or null. */
    final Acks.Ack ack;

    private final long[] numbers;
    private final Sendings.Stream stream;
    private int next;

    FromNode(Acks.Ack ack, Wire.Numbers called) {
      this.ack = ack;
      this.numbers = called == null ? new long[0] : called.numbers();
      this.stream = called == null ? null : broker.sendings.of(called.stream());
      if (called != null) {
        long first = Arrays.stream(numbers).filter(number -> number > 0).findFirst().orElse(0);
        stream.follows(called.before(), first);
      }
    }

    /** Whether the run's next QoS 2 message did not come before. */
    boolean isNew() {
      long number = next < numbers.length ? numbers[next++] : 0;
      return number == 0 || stream.first(number);
    }
  }

  private Topic parse(byte[] packets, int at, int end) throws MqttException {
    handedOver.parse(packets, at, end, MqttVersion.V5);
    return loop.topics.find(packets, handedOver.topicOffset(), handedOver.topicLength());
  }

  private void refused(MqttException e) {
    // only a node with other limits or another version sends what this one refuses
    loop.limitedLog.warn("forwarded messages were refused: cause={}", e.getMessage());
    broker.telemetry.count(Meter.PACKETS_REFUSED, "forward");
  }

  /**
   * Publishes a will: as if its client had. If it is a pending effect of the store, that is
   * confirmed when all who promise it have the message.
   */
  void will(byte[] packet, Origin origin) {
    Acks.Ack ack = null;
    if (origin.effect() != 0) {
      Command confirm = new Command.Confirm(new long[] {origin.effect()});
      ack = new Acks.Ack(outcome -> loop.outbox.addUntilTaken(confirm));
      ack.await();
    }
    will(packet, origin, ack);
    if (ack != null) {
      ack.arrived();
    }
  }

  /**
   * Publishes what came another way than over MQTT.
   *
   * @throws MqttException if it is more than a message may be
   */
  void publish(byte[] packet, Bus.Publisher publisher, Acks.Ack ack) throws MqttException {
    loop.counters.received[Dialect.HTTP_PUBLISH.base() + (packet[0] & Dialect.PUBLISH_FLAGS)]++;
    MessageLimits.checkLength(packet, broker.limits);
    Topic topic = parse(packet, 0, packet.length);
    MessageLimits.check(handedOver, broker.limits);
    Route route = route(topic);
    if (route.isEmpty() && broker.eventRoute == null && !handedOver.retain()) {
      loop.counters.lost(Loss.NO_SUBSCRIBER, 1);
    }
    dispatch(handedOver, topic, route, new Origin(publisher, MqttVersion.V5, null, 0, 0), ack);
  }

  /** Tells all who have subscribed, at any node, what the server has to tell. */
  void tell(byte[] packet) {
    try {
      Topic topic = parse(packet, 0, packet.length);
      Route route = route(topic);
      if (!route.isEmpty()) {
        dispatch(handedOver, topic, route, SERVER, null);
      }
    } catch (MqttException e) {
      refused(e);
    }
  }

  /** The topic of a will's packet. */
  String topic(byte[] packet) {
    try {
      parse(packet, 0, packet.length);
      return handedOver.topic();
    } catch (MqttException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The client of a will may not publish it any more. */
  void deniedWill(Origin origin, String why) {
    loop.counters.lost(Loss.NOT_AUTHORIZED, 1);
    loop.broker.telemetry.count(Meter.DENIALS, "will");
    loop.broker
        .telemetry
        .audit()
        .denied(
            "will denied",
            origin.publisher().authenticationName(),
            "client",
            origin.publisher().authenticationName(),
            "session",
            origin.publisher().clientId(),
            "reason",
            why);
    if (origin.effect() != 0) {
      loop.outbox.addUntilTaken(new Command.Confirm(new long[] {origin.effect()}));
    }
  }

  private void will(byte[] packet, Origin origin, Acks.Ack ack) {
    try {
      Topic topic = parse(packet, 0, packet.length);
      Route route = route(topic);
      if (route.isEmpty() && !handedOver.retain()) {
        loop.counters.lost(Loss.NO_SUBSCRIBER, 1);
      }
      dispatch(handedOver, topic, route, origin, ack);
    } catch (MqttException e) {
      refused(e);
    }
  }

  // --- people who look ---

  /** Somebody looks at what is published, until that has ended. */
  void watch(Tail tail) {
    int others = tails == null ? 0 : tails.length;
    tails = others == 0 ? new Tail[1] : Arrays.copyOf(tails, others + 1);
    tails[others] = tail;
  }

  private void show(Publish message, Topic topic, Origin origin) {
    String client = origin.publisher() == null ? "" : origin.publisher().authenticationName();
    for (Tail tail : tails) {
      tail.show(message, topic.name, client);
    }
  }

  private void forgetEndedTails() {
    if (tails != null) {
      Tail[] left = Arrays.stream(tails).filter(tail -> !tail.hasEnded()).toArray(Tail[]::new);
      tails = left.length == 0 ? null : left;
    }
  }

  // --- streams and turns ---

  Link linkToLoop(int to) {
    if (loopLinks[to] == null) {
      loopLinks[to] = new Link(loop, Bus.loop(to), false);
    }
    return loopLinks[to];
  }

  /** The stream to a node that has so many event loops. */
  Link linkToNode(String node, int loops) {
    return nodeLinks.computeIfAbsent(
        node, id -> new Link(loop, Bus.nodeLoop(id, loop.id % loops), true));
  }

  /** What gathers for many subscribers goes into their buffers. */
  void emit() {
    fanOut.emit();
  }

  /** Each second. */
  void sweep() {
    forgetEndedTails();
    Arrays.stream(loopLinks).filter(link -> link != null).forEach(Link::sweep);
    List.copyOf(nodeLinks.values()).forEach(Link::sweep);
  }

  /** Forgets streams to nodes that left. */
  void members(List<String> nodes) {
    nodeLinks
        .entrySet()
        .removeIf(
            link -> {
              boolean hasLeft = !nodes.contains(link.getKey());
              if (hasLeft) {
                link.getValue().left();
              }
              return hasLeft;
            });
  }
}
