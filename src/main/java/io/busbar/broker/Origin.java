package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.mqtt.MqttVersion;

/**
 * Where a message comes from.
 *
 * @param publisher null for a message of a shared subscription that lost its member
 * @param connection null for the will of a connection that is gone
 * @param effect the store's pending effect that it carries out, or 0
 */
record Origin(Bus.Publisher publisher, MqttVersion version, Connection connection, long effect) {
  Origin(Bus.Publisher publisher, MqttVersion version, Connection connection) {
    this(publisher, version, connection, 0);
  }
}
