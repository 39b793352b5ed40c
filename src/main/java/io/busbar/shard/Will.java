package io.busbar.shard;

/**
 * A will (MQTT 5.0 section 3.1.2.5).
 *
 * @param packet an MQTT 5 PUBLISH with its QoS and RETAIN, packet id 0
 * @param delaySeconds Will Delay Interval
 */
public record Will(byte[] packet, long delaySeconds) {}
