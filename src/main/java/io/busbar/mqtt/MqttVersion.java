package io.busbar.mqtt;

/** The protocol versions that Busbar serves. */
public enum MqttVersion {
  V3_1_1(4),
  V5(5);

  private final int level;

  MqttVersion(int level) {
    this.level = level;
  }

  /** The protocol level of CONNECT (3.1.1 section 3.1.2.2). */
  public int level() {
    return level;
  }
}
