package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.mqtt.MqttVersion;

/**
 * Where a message comes from.
 *
 * @param connection null for the will of a connection that is gone
 */
record Origin(Bus.Publisher publisher, MqttVersion version, Connection connection) {}
