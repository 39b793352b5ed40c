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
import io.busbar.telemetry.Meter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

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
  private final Permit permit;
  private final Map<String, Destination.Subscription> byFilter = new HashMap<>(4);
  private int requests;

  Subscriptions(Protocol protocol, Permit permit) {
    this.protocol = protocol;
    this.permit = permit;
  }

  void subscribe(Packet.Subscribe packet) throws MqttException {
    if (packet.properties().has(Property.SUBSCRIPTION_IDENTIFIER)) {
      throw new MqttException(
          ReasonCode.SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED,
          "SUBSCRIBE with a subscription identifier, which is not available");
    }
    List<ReasonCode> codes = new ArrayList<>(packet.filters().size());
    List<Destination.Subscription> added = new ArrayList<>();
    List<Destination.Subscription> replaced = new ArrayList<>();
    boolean tooMany =
        packet.filters().size() > protocol.broker.limits.get(Limit.FILTERS_PER_SUBSCRIBE);
    String why = null;
    for (Packet.Filter filter : packet.filters()) {
      requireUtf8(filter.filter());
      String name = new String(filter.filter(), StandardCharsets.UTF_8);
      ReasonCode code = ReasonCode.QUOTA_EXCEEDED;
      if (tooMany) {
        why = limitText(Limit.FILTERS_PER_SUBSCRIBE);
      } else {
        code = judge(filter, name);
        if (code == ReasonCode.QUOTA_EXCEEDED) {
          why = limitText(Limit.SUBSCRIPTIONS);
        } else if (code == ReasonCode.NOT_AUTHORIZED) {
          why = permit.whyNotSubscribe(name).orElse("denied");
          protocol.broker.telemetry.count(Meter.DENIALS, "subscribe");
          protocol.loop.limitedLog.warn(
              "subscribe denied: client={} filter={} reason={}",
              protocol.publisher().authenticationName(),
              name,
              why);
        }
      }
      if (!code.isError()) {
        Destination.Subscription subscription =
            new Destination.Subscription(
                filter.filter(),
                protocol.loop.id,
                protocol.connection,
                code.code(),
                filter.noLocal());
        Destination.Subscription old = byFilter.put(name, subscription);
        added.add(subscription);
        if (old != null) {
          replaced.add(old);
        }
      }
      codes.add(code);
    }
    String text = why;
    if (added.isEmpty()) {
      suback(packet.packetId(), codes, text);
      return;
    }
    request(new Bus.Subscribe(added), () -> suback(packet.packetId(), codes, text));
    // after the new ones, on the same address: at no moment is there none
    remove(replaced);
  }

  private ReasonCode judge(Packet.Filter filter, String name) throws MqttException {
    byte[] bytes = filter.filter();
    int levels = protocol.broker.limits.intValue(Limit.TOPIC_LEVELS);
    if (name.startsWith(SHARE)) {
      if (filter.noLocal()) {
        throw new MqttException(
            ReasonCode.PROTOCOL_ERROR, "no-local on a shared subscription [MQTT-3.8.3-4]");
      }
      return ReasonCode.SHARED_SUBSCRIPTIONS_NOT_SUPPORTED;
    }
    if (Topics.filterError(bytes, 0, bytes.length, levels) != null
        || bytes.length > protocol.broker.limits.get(Limit.TOPIC_BYTES)) {
      return ReasonCode.TOPIC_FILTER_INVALID;
    }
    if (!permit.maySubscribe(bytes)) {
      return ReasonCode.NOT_AUTHORIZED;
    }
    if (!byFilter.containsKey(name)
        && byFilter.size() >= protocol.broker.limits.get(Limit.SUBSCRIPTIONS)) {
      return ReasonCode.QUOTA_EXCEEDED;
    }
    return filter.qos() == 0 ? ReasonCode.SUCCESS : ReasonCode.GRANTED_QOS_1;
  }

  private void suback(int packetId, List<ReasonCode> codes, String why) {
    PropertyWriter properties = new PropertyWriter();
    protocol.explain(properties, why, 2 + codes.size());
    Encoder.suback(protocol.connection.out(), protocol.version(), packetId, codes, properties);
  }

  void unsubscribe(Packet.Unsubscribe packet) throws MqttException {
    List<ReasonCode> codes = new ArrayList<>();
    List<Destination.Subscription> gone = new ArrayList<>();
    boolean tooMany =
        packet.filters().size() > protocol.broker.limits.get(Limit.FILTERS_PER_SUBSCRIBE);
    if (tooMany && protocol.version() != MqttVersion.V5) {
      throw new MqttException(ReasonCode.QUOTA_EXCEEDED, limitText(Limit.FILTERS_PER_SUBSCRIBE));
    }
    for (byte[] filter : packet.filters()) {
      requireUtf8(filter);
      if (tooMany) {
        codes.add(ReasonCode.QUOTA_EXCEEDED);
        continue;
      }
      Destination.Subscription old = byFilter.remove(new String(filter, StandardCharsets.UTF_8));
      codes.add(old == null ? ReasonCode.NO_SUBSCRIPTION_EXISTED : ReasonCode.SUCCESS);
      if (old != null) {
        gone.add(old);
      }
    }
    if (gone.isEmpty()) {
      unsuback(packet.packetId(), codes);
      return;
    }
    request(new Bus.Unsubscribe(gone), () -> unsuback(packet.packetId(), codes));
  }

  /** Has the matching verticle change the index, then answers the device. */
  private void request(Bus.Local change, Runnable answer) {
    if (++requests >= REQUESTS) {
      // the bus has no bound of its own
      protocol.connection.pause(Connection.Pause.SUBSCRIBING);
    }
    protocol
        .loop
        .bus
        .request(Bus.MATCHING, change, Bus.local(TIMEOUT))
        .onComplete(reply -> protocol.loop.execute(() -> changed(reply.failed(), answer)));
  }

  private void changed(boolean failed, Runnable answer) {
    requests--;
    protocol.loop.counters.busMessages++;
    if (failed) {
      protocol.end(ReasonCode.SERVER_UNAVAILABLE, "the subscriptions could not be changed");
    } else if (!protocol.connection.isEnding()) {
      answer.run();
    }
    if (requests == 0) {
      protocol.connection.resume(Connection.Pause.SUBSCRIBING);
    }
  }

  private void unsuback(int packetId, List<ReasonCode> codes) {
    Encoder.unsuback(
        protocol.connection.out(), protocol.version(), packetId, codes, new PropertyWriter());
  }

  void closed() {
    remove(new ArrayList<>(byFilter.values()));
    byFilter.clear();
  }

  private void remove(List<Destination.Subscription> old) {
    if (!old.isEmpty()) {
      protocol.loop.bus.send(Bus.MATCHING, new Bus.Unsubscribe(old), Bus.local());
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
    return "more than %s = %d %s"
        .formatted(limit.key(), protocol.broker.limits.get(limit), limit.unit());
  }
}
