package io.busbar.bus;

/** The binary forms between nodes. */
public final class Wire {
  private Wire() {}
}
