package io.busbar.broker;

import io.busbar.mqtt.MqttVersion;
import java.util.Locale;

/**
 * What a client speaks, and over what: the {@code protocol} of meters, as Event Grid tells them
 * apart.
 */
@SuppressWarnings("EnumOrdinal") // places in arrays of counts, never stored
enum Dialect {
  MQTT3,
  MQTT5,
  MQTT3_WS,
  MQTT5_WS,
  /** A message that came over HTTP. */
  HTTP_PUBLISH;

  /** So many counts a dialect has: one for each value of {@link #PUBLISH_FLAGS}. */
  static final int KINDS = 8;

  /** The bits of a PUBLISH's first byte that its counts are told apart by: QoS and RETAIN. */
  static final int PUBLISH_FLAGS = 0x07;

  /** What a client of MQTT speaks. */
  static Dialect of(MqttVersion version, boolean isWebSocket) {
    if (version == MqttVersion.V5) {
      return isWebSocket ? MQTT5_WS : MQTT5;
    }
    return isWebSocket ? MQTT3_WS : MQTT3;
  }

  /** Where its counts begin. */
  int base() {
    return ordinal() * KINDS;
  }

  /** The value of a meter's {@code protocol} tag. */
  String tag() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
