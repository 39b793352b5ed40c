package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.config.Limit;
import io.busbar.mqtt.Encoder;
import io.busbar.mqtt.MqttException;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.ReasonCode;
import io.busbar.mqtt.Topics;
import io.busbar.mqtt.Utf8;
import io.busbar.policy.Permit;
import io.busbar.session.Rate;
import io.busbar.shard.Command;
import io.busbar.shard.Outcome;
import io.busbar.shard.Refusal;
import io.busbar.shard.StoredSubscription;
import io.busbar.telemetry.Meter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The subscriptions of one connection: judged here, put into the index by the matching verticle.
 */
final class Subscriptions {
  /** How long all nodes may take to know a subscription, in milliseconds. */
  private static final long TIMEOUT = 30_000;

  /** With so many unanswered requests to the matching verticle, the device is not read. */
  private static final int REQUESTS = 32;

  private static final String SHARE = "$share/";

  private final Protocol protocol;
  private final Loop loop;
  private Permit permit;

  /** The stored session, or null. */
  private final Mailbox mailbox;

  private final Replay replay;
  private final Map<String, Destination.Subscription> byName = new HashMap<>(4);

  /** How often the client may subscribe, or null. */
  private final Rate rate;

  private int requests;

  Subscriptions(Protocol protocol, Permit permit, Mailbox mailbox, Replay replay) {
    this.protocol = protocol;
    this.loop = protocol.loop;
    this.permit = permit;
    this.mailbox = mailbox;
    this.replay = replay;
    this.rate = Throttle.rate(loop.broker.limits, Limit.SUBSCRIBES, loop.now);
  }

  // --- stored sessions ---

  /** What a resumed session's subscriptions are in the index. */
  static List<Destination.Subscription> of(
      Outcome.Opened stored, Loop loop, Connection connection, String session) {
    return stored.subscriptions().stream()
        .map(subscription -> destination(subscription, loop, connection, session))
        .toList();
  }

  private static Destination.Subscription destination(
      StoredSubscription subscription, Loop loop, Connection connection, String session) {
    return new Destination.Subscription(
        subscription.filter(),
        subscription.share(),
        loop.id,
        connection,
        subscription.qos(),
        subscription.noLocal(),
        subscription.retainAsPublished(),
        subscription.id(),
        session);
  }

  /** Whether a SUBSCRIBE or UNSUBSCRIBE is not answered yet. */
  boolean isBusy() {
    return requests > 0;
  }

  /** The session is resumed; its subscriptions are in the index already. */
  void resumed(Outcome.Opened stored, List<Destination.Subscription> direct) {
    for (int i = 0; i < direct.size(); i++) {
      byName.put(stored.subscriptions().get(i).name(), direct.get(i));
    }
    stored.replays().forEach(pending -> replay.add(pending.subscription(), pending.after()));
    replay.advance();
  }

  /** The client's rights are others from now on; why they do not cover what it has, or empty. */
  Optional<String> permit(Permit rights) {
    permit = rights;
    return byName.values().stream()
        .filter(subscription -> !rights.maySubscribe(subscription.filter()))
        .findFirst()
        .flatMap(lost -> rights.whyNotSubscribe(new String(lost.filter(), StandardCharsets.UTF_8)));
  }

  // --- SUBSCRIBE ---

  /** A SUBSCRIBE on its way to its SUBACK. */
  private static final class Asked {
    final List<ReasonCode> codes = new ArrayList<>();
    final List<StoredSubscription> granted = new ArrayList<>();
    final List<Destination.Subscription> added = new ArrayList<>();
    final List<Destination.Subscription> replaced = new ArrayList<>();
    final List<Boolean> existed = new ArrayList<>();
    String why;
  }

  void subscribe(Packet.Subscribe packet) throws MqttException {
    int id = (int) packet.properties().number(Property.SUBSCRIPTION_IDENTIFIER, 0);
    if (id != 0 && limit(Limit.SUBSCRIPTION_IDENTIFIERS) == 0) {
      throw new MqttException(
          ReasonCode.SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED,
          "SUBSCRIBE with a subscription identifier, which is not available");
    }
    Asked asked = new Asked();
    String tooOften = throttled();
    for (Packet.Filter filter : packet.filters()) {
      requireUtf8(filter.filter());
      String name = new String(filter.filter(), StandardCharsets.UTF_8);
      StoredSubscription subscription = parse(filter, name, id);
      ReasonCode code = ReasonCode.QUOTA_EXCEEDED;
      if (tooOften != null) {
        asked.why = tooOften;
      } else if (packet.filters().size() > limit(Limit.FILTERS_PER_SUBSCRIBE)) {
        asked.why = limitText(Limit.FILTERS_PER_SUBSCRIBE);
      } else {
        code = judge(subscription, asked);
      }
      asked.codes.add(code);
      if (protocol.connection.tracer() != null) {
        protocol.connection.tracer().subscribes(name, code, asked.why);
      }
      if (!code.isError()) {
        grant(subscription, asked);
      }
    }
    if (asked.granted.isEmpty()) {
      suback(packet.packetId(), asked.codes, asked.why);
    } else if (mailbox == null) {
      index(packet.packetId(), asked);
    } else {
      store(packet.packetId(), asked);
    }
  }

  /** A filter as sent, with what is granted; its filter is null if its share has no valid form. */
  private StoredSubscription parse(Packet.Filter filter, String name, int id) throws MqttException {
    String share = null;
    byte[] inner = filter.filter();
    if (name.startsWith(SHARE)) {
      if (filter.noLocal()) {
        throw new MqttException(
            ReasonCode.PROTOCOL_ERROR, "no-local on a shared subscription [MQTT-3.8.3-4]");
      }
      int slash = name.indexOf('/', SHARE.length());
      share = slash < 0 ? "" : name.substring(SHARE.length(), slash);
      boolean valid = !share.isEmpty() && share.indexOf('+') < 0 && share.indexOf('#') < 0;
      inner = valid ? name.substring(slash + 1).getBytes(StandardCharsets.UTF_8) : null;
    }
    int qos = (int) Math.min(filter.qos(), limit(Limit.MAXIMUM_QOS));
    return new StoredSubscription(
        name,
        share,
        inner,
        qos,
        filter.noLocal(),
        filter.retainAsPublished(),
        filter.retainHandling(),
        id);
  }

  /** Why a request is refused that came too soon after others, or null. */
  private String throttled() {
    Rate all = loop.broker.subscribes;
    if (rate != null && !rate.isLeft(loop.now)) {
      return loop.broker.throttled(Limit.SUBSCRIBES);
    }
    if (all != null && !all.take(1, loop.now)) {
      return loop.broker.throttled(Limit.NODE_SUBSCRIBES);
    }
    if (rate != null) {
      rate.use(1);
    }
    return null;
  }

  private ReasonCode judge(StoredSubscription asked, Asked all) {
    byte[] filter = asked.filter();
    if (asked.share() != null && limit(Limit.SHARED_SUBSCRIPTIONS) == 0) {
      return ReasonCode.SHARED_SUBSCRIPTIONS_NOT_SUPPORTED;
    }
    if (filter == null
        || Topics.filterError(filter, 0, filter.length, (int) limit(Limit.TOPIC_LEVELS)) != null
        || filter.length > limit(Limit.TOPIC_BYTES)) {
      return ReasonCode.TOPIC_FILTER_INVALID;
    }
    if (!permit.maySubscribe(filter)) {
      String name = new String(filter, StandardCharsets.UTF_8);
      all.why = permit.whyNotSubscribe(name).orElse("denied");
      protocol.broker.telemetry.count(Meter.DENIALS, "subscribe");
      protocol.denied("subscribe denied", "filter", name, all.why);
      return ReasonCode.NOT_AUTHORIZED;
    }
    if (!byName.containsKey(asked.name()) && byName.size() >= limit(Limit.SUBSCRIPTIONS)) {
      all.why = limitText(Limit.SUBSCRIPTIONS);
      return ReasonCode.QUOTA_EXCEEDED;
    }
    return ReasonCode.granted(asked.qos());
  }

  private void grant(StoredSubscription subscription, Asked asked) {
    String session = mailbox == null ? null : mailbox.session();
    Destination.Subscription destination =
        destination(subscription, loop, protocol.connection, session);
    Destination.Subscription old = byName.put(subscription.name(), destination);
    asked.granted.add(subscription);
    asked.added.add(destination);
    asked.existed.add(old != null);
    if (old != null) {
      asked.replaced.add(old);
    }
  }

  /** The store has a stored session's subscriptions before the index has them. */
  private void store(int packetId, Asked asked) {
    wait(1);
    loop.outbox.add(
        new Command.Subscribe(mailbox.session(), mailbox.epoch(), asked.granted),
        0,
        null,
        new Outbox.Waiter() {
          @Override
          public void applied(Outcome outcome) {
            if (outcome instanceof Outcome.Subscribed && !protocol.connection.isEnding()) {
              index(packetId, asked);
            } else {
              // what was asked for is not in the index, or goes with the connection
              remove(asked.replaced);
            }
            answered();
          }

          @Override
          public void refused(Refusal why) {
            notStored(packetId, asked, why);
            answered();
          }

          @Override
          public void unknown() {
            remove(asked.replaced);
            protocol.end(ReasonCode.SERVER_UNAVAILABLE, Unstored.UNKNOWN);
            answered();
          }
        });
  }

  /** The store has none of what was granted: what was there before stays. */
  private void notStored(int packetId, Asked asked, Refusal why) {
    if (requests > 1 || protocol.connection.isEnding()) {
      // others are under way that may build on this one
      remove(asked.replaced);
      protocol.end(Unstored.ends(why), Unstored.text(why));
      return;
    }
    int before = asked.replaced.size();
    for (int i = asked.granted.size() - 1; i >= 0; i--) {
      String name = asked.granted.get(i).name();
      if (asked.existed.get(i)) {
        byName.put(name, asked.replaced.get(--before));
      } else {
        byName.remove(name);
      }
    }
    asked.codes.replaceAll(code -> code.isError() ? code : Unstored.refuses(why));
    suback(packetId, asked.codes, Unstored.text(why));
  }

  private void index(int packetId, Asked asked) {
    Runnable answer =
        () -> {
          suback(packetId, asked.codes, asked.why);
          replay(asked);
        };
    int[] changes = {1};
    Runnable one =
        () -> {
          if (--changes[0] == 0) {
            answer.run();
          }
        };
    // SUBACK when the old ones are gone, too: they may be of another QoS [MQTT-3.8.4-3]
    changes[0] += asked.replaced.isEmpty() ? 0 : 1;
    // other nodes give the store what is for a session if they know that one wants it
    boolean isShared = mailbox != null && loop.broker.isStoreShared;
    changes[0] += isShared ? 1 : 0;
    request(Bus.MATCHING, new Bus.Subscribe(asked.added), one);
    if (!asked.replaced.isEmpty()) {
      // after the new ones, on the same address: at no moment is there none
      request(Bus.MATCHING, new Bus.Unsubscribe(asked.replaced), one);
    }
    if (isShared) {
      request(Bus.SESSION, new Bus.Spread(), one);
    }
  }

  private void replay(Asked asked) {
    for (int i = 0; i < asked.granted.size(); i++) {
      StoredSubscription subscription = asked.granted.get(i);
      boolean wanted =
          subscription.retainHandling() == 0
              || (subscription.retainHandling() == 1 && !asked.existed.get(i));
      if (wanted && subscription.share() == null) {
        replay.remove(subscription.name());
        replay.add(subscription, null);
      }
    }
    replay.advance();
  }

  /** A packet is answered: one request, and an operation for each of its filters. */
  private void count(String operation, List<ReasonCode> codes) {
    String protocolTag = protocol.dialect().tag();
    String whole = "success";
    for (ReasonCode code : codes) {
      String result = code.isError() ? Protocol.tag(code) : "success";
      protocol.broker.telemetry.count(
          Meter.SUBSCRIPTION_OPERATIONS, operation, protocolTag, result);
      whole = whole.equals("success") ? result : whole;
    }
    protocol.broker.telemetry.count(Meter.SUBSCRIPTION_REQUESTS, operation, protocolTag, whole);
  }

  private void suback(int packetId, List<ReasonCode> codes, String why) {
    count("subscribe", codes);
    PropertyWriter properties = new PropertyWriter();
    protocol.explain(properties, why, 2 + codes.size());
    Encoder.suback(protocol.connection.out(), protocol.version(), packetId, codes, properties);
  }

  void unsubscribe(Packet.Unsubscribe packet) throws MqttException {
    List<ReasonCode> codes = new ArrayList<>();
    List<Destination.Subscription> gone = new ArrayList<>();
    List<String> names = new ArrayList<>();
    String why = throttled();
    if (packet.filters().size() > limit(Limit.FILTERS_PER_SUBSCRIBE)) {
      why = limitText(Limit.FILTERS_PER_SUBSCRIBE);
    }
    boolean isRefused = why != null;
    if (isRefused && protocol.version() != MqttVersion.V5) {
      throw new MqttException(ReasonCode.QUOTA_EXCEEDED, why);
    }
    for (byte[] filter : packet.filters()) {
      requireUtf8(filter);
      if (isRefused) {
        // UNSUBACK has no code for a quota
        codes.add(ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR);
        continue;
      }
      String name = new String(filter, StandardCharsets.UTF_8);
      Destination.Subscription old = byName.remove(name);
      codes.add(old == null ? ReasonCode.NO_SUBSCRIPTION_EXISTED : ReasonCode.SUCCESS);
      if (old != null) {
        gone.add(old);
        names.add(name);
        replay.remove(name);
      }
    }
    if (gone.isEmpty()) {
      unsuback(packet.packetId(), codes, why);
      return;
    }
    Runnable remove =
        () ->
            request(
                Bus.MATCHING,
                new Bus.Unsubscribe(gone),
                () -> unsuback(packet.packetId(), codes, null));
    if (mailbox == null) {
      remove.run();
      return;
    }
    wait(1);
    loop.outbox.add(
        new Command.Unsubscribe(mailbox.session(), mailbox.epoch(), names),
        0,
        null,
        new Outbox.Waiter() {
          @Override
          public void applied(Outcome outcome) {
            remove.run();
            answered();
          }

          @Override
          public void refused(Refusal why) {
            ended(Unstored.ends(why), Unstored.text(why));
          }

          @Override
          public void unknown() {
            ended(ReasonCode.SERVER_UNAVAILABLE, Unstored.UNKNOWN);
          }

          private void ended(ReasonCode reason, String why) {
            // the connection's part of the index; the session may still have them
            remove(gone);
            protocol.end(reason, why);
            answered();
          }
        });
  }

  /** Asks a verticle, then answers the device. */
  private void request(String address, Bus.Local change, Runnable answer) {
    wait(1);
    loop.request(address, change, Bus.local(TIMEOUT))
        .onComplete(reply -> loop.execute(() -> changed(reply.failed(), answer)));
  }

  private void changed(boolean failed, Runnable answer) {
    loop.counters.busMessages++;
    if (failed) {
      protocol.end(ReasonCode.SERVER_UNAVAILABLE, "the subscriptions could not be changed");
    } else if (!protocol.connection.isEnding()) {
      answer.run();
    }
    wait(-1);
  }

  /** One request is answered, and what follows from it is asked for. */
  private void answered() {
    wait(-1);
  }

  /** One more request, or one less, is not answered. */
  private void wait(int change) {
    requests += change;
    if (requests >= REQUESTS) {
      // the bus has no bound of its own
      protocol.connection.pause(Connection.Pause.SUBSCRIBING);
    } else if (requests == 0) {
      protocol.connection.resume(Connection.Pause.SUBSCRIBING);
    }
  }

  private void unsuback(int packetId, List<ReasonCode> codes, String why) {
    count("unsubscribe", codes);
    PropertyWriter properties = new PropertyWriter();
    protocol.explain(properties, why, 2 + codes.size());
    Encoder.unsuback(protocol.connection.out(), protocol.version(), packetId, codes, properties);
  }

  void closed() {
    remove(new ArrayList<>(byName.values()));
    byName.clear();
  }

  private void remove(List<Destination.Subscription> old) {
    if (!old.isEmpty()) {
      loop.send(Bus.MATCHING, new Bus.Unsubscribe(old), Bus.local());
    }
  }

  private static void requireUtf8(byte[] filter) throws MqttException {
    if (!Utf8.isValid(filter, 0, filter.length)) {
      throw new MqttException(
          ReasonCode.MALFORMED_PACKET,
          "topic filter is not valid UTF-8 without U+0000 [MQTT-3.8.3-1]");
    }
  }

  private String limitText(Limit limit) {
    return "more than %s = %d %s".formatted(limit.key(), limit(limit), limit.unit());
  }

  private long limit(Limit limit) {
    return protocol.broker.limits.get(limit);
  }
}
