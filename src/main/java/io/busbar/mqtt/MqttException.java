package io.busbar.mqtt;

/**
 * A packet that the standard forbids: why, and the reason code it asks for. Carries no stack trace:
 * hostile input is an event, not a defect.
 */
public final class MqttException extends Exception {
  private static final long serialVersionUID = 1L;
  private final ReasonCode reason;

  /** A violation with its code and one line that says what was found and what is allowed. */
  public MqttException(ReasonCode reason, String message) {
    super(message, null, false, false);
    this.reason = reason;
  }

  /** The reason code for DISCONNECT, CONNACK or an acknowledgement. */
  public ReasonCode reason() {
    return reason;
  }
}
