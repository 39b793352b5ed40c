/**
 * The nouns of MQTT 3.1.1 and 5.0: topics, packets, properties, reason codes, and the codec. Pure.
 */
package io.busbar.mqtt;
