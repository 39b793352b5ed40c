package io.busbar.mqtt;

import io.netty.buffer.ByteBuf;

/** The variable byte integer of section 1.5.5, written. */
final class Variable {
  private Variable() {}

  static int size(int value) {
    return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : 4;
  }

  static void write(ByteBuf out, int value) {
    int rest = value;
    while (rest >= 0x80) {
      out.writeByte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    out.writeByte(rest);
  }
}
