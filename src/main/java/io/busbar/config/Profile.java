package io.busbar.config;

/** A set of default values: {@code open} serves all of MQTT, {@code azure} what Event Grid does. */
public enum Profile {
  OPEN,
  AZURE
}
