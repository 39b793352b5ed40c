package io.busbar.broker;

import io.busbar.config.Limit;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;

/** What an MQTT 5 client is offered: the properties of its CONNACK. */
final class Offer {
  /** A client that takes packets of so many bytes is told what need not be said, too. */
  private static final int MORE = 4_096;

  private final Broker broker;
  private final Packet.Connect connect;
  private final String clientId;
  private final boolean isAssigned;
  private final long expirySeconds;

  /**
   * For one client.
   *
   * @param clientId as sent, or as assigned
   * @param expirySeconds the Session Expiry Interval in force
   */
  Offer(
      Broker broker,
      Packet.Connect connect,
      String clientId,
      boolean isAssigned,
      long expirySeconds) {
    this.broker = broker;
    this.connect = connect;
    this.clientId = clientId;
    this.isAssigned = isAssigned;
    this.expirySeconds = expirySeconds;
  }

  /** How large CONNACK is, but for what authentication adds to it. */
  long bytes() {
    PropertyWriter properties = new PropertyWriter();
    describe(properties, "");
    // the packet's type, length, flags, code and property length
    return properties.size() + (properties.size() < 120 ? 5L : 7L);
  }

  /** What this server offers, in CONNACK (section 3.2.2.3). */
  void describe(PropertyWriter properties, String authenticationName) {
    if (keepAlive() != connect.keepAlive()) {
      properties.number(Property.SERVER_KEEP_ALIVE, keepAlive());
    }
    if (connect.properties().number(Property.REQUEST_RESPONSE_INFORMATION, 0) == 1) {
      broker
          .settings
          .announced()
          .responseInformation(authenticationName, clientId)
          .filter(text -> isRoomForMore())
          .ifPresent(text -> properties.string(Property.RESPONSE_INFORMATION, text));
    }
    if (connect.properties().number(Property.SESSION_EXPIRY_INTERVAL, 0) != expirySeconds) {
      properties.number(Property.SESSION_EXPIRY_INTERVAL, expirySeconds);
    }
    if (isAssigned) {
      properties.string(Property.ASSIGNED_CLIENT_IDENTIFIER, clientId);
    }
    properties
        .number(Property.RECEIVE_MAXIMUM, broker.limits.get(Limit.RECEIVE_MAXIMUM))
        .number(Property.MAXIMUM_PACKET_SIZE, broker.limits.get(Limit.PACKET_BYTES))
        .number(Property.TOPIC_ALIAS_MAXIMUM, broker.limits.get(Limit.TOPIC_ALIASES));
    if (broker.limits.get(Limit.MAXIMUM_QOS) < 2) {
      properties.number(Property.MAXIMUM_QOS, broker.limits.get(Limit.MAXIMUM_QOS));
    }
    withhold(properties, Limit.RETAIN_AVAILABLE, Property.RETAIN_AVAILABLE);
    withhold(
        properties, Limit.SUBSCRIPTION_IDENTIFIERS, Property.SUBSCRIPTION_IDENTIFIER_AVAILABLE);
    withhold(properties, Limit.SHARED_SUBSCRIPTIONS, Property.SHARED_SUBSCRIPTION_AVAILABLE);
    if (isRoomForMore()) {
      properties.user("durability", broker.settings.storage().durability().key());
    }
  }

  /** The Keep Alive in force: an MQTT 5 client may be told a shorter one than it asks for. */
  long keepAlive() {
    long asked = connect.keepAlive();
    long most = broker.limits.get(Limit.KEEP_ALIVE);
    boolean isTooLong = asked > most || (asked == 0 && most < 65_535);
    return isTooLong && connect.version() == MqttVersion.V5 ? most : asked;
  }

  /** Whether the client takes packets of a size that leaves room for what need not be said. */
  private boolean isRoomForMore() {
    return connect.properties().number(Property.MAXIMUM_PACKET_SIZE, Long.MAX_VALUE) >= MORE;
  }

  /** Says that a feature is not available; that it is needs no saying. */
  private void withhold(PropertyWriter properties, Limit feature, int property) {
    if (broker.limits.get(feature) == 0) {
      properties.number(property, 0);
    }
  }
}
