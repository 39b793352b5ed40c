package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.mqtt.MqttVersion;

/**
 * Where a message comes from.
 *
 * @param publisher null for a message of a shared subscription that lost its member
 * @param connection null for the will of a connection that is gone
 * @param epoch of the connection, if its session is stored; else 0
 * @param effect the store's pending effect that it carries out, or 0
 */
record Origin(
    Bus.Publisher publisher, MqttVersion version, Connection connection, long epoch, long effect) {
  /** What carries out an effect. */
  static Origin of(Bus.Publisher publisher, long effect) {
    return new Origin(publisher, MqttVersion.V5, null, 0, effect);
  }
}
