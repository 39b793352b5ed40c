/**
 * The load tool: drives an MQTT broker over loopback and counts exactly what became of each
 * message.
 *
 * <p>It has its own view of the wire ({@link io.busbar.tool.load.Wire}) so that it can judge the
 * broker's codec instead of sharing its mistakes. Everything runs on one event loop: one core, no
 * locks, and counters that all belong to the same moment. In reading order: {@code Load} (the
 * command), {@code Mode}, {@code Run}, {@code Peer} with {@code Target}, {@code Tls} and {@code
 * WebSocket} below it; {@code Plan}, {@code Traffic}, {@code Stream} and {@code Arrivals} (the
 * accounting); {@code Repeating}, {@code Devices}; {@code Report} and {@code Results}.
 */
package io.busbar.tool.load;
