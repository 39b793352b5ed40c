package io.busbar.mqtt;

/** UTF-8 encoded strings as MQTT 5.0 section 1.5.4 restricts them. */
public final class Utf8 {
  private Utf8() {}

  /**
   * Whether bytes are well-formed UTF-8 (no overlong forms, no surrogates, nothing above U+10FFFF)
   * without U+0000 [MQTT-1.5.4-1] [MQTT-1.5.4-2]. Control characters and non-characters, which the
   * standard lets a receiver refuse, are accepted.
   */
  public static boolean isValid(byte[] bytes, int offset, int length) {
    int i = offset;
    int end = offset + length;
    while (i < end) {
      int b = bytes[i++];
      if (b > 0) {
        continue;
      }
      if (b == 0) {
        return false;
      }
      int lead = b & 0xff;
      int more;
      int least;
      int code;
      if (lead >= 0xc2 && lead <= 0xdf) {
        more = 1;
        least = 0x80;
        code = lead & 0x1f;
      } else if (lead >= 0xe0 && lead <= 0xef) {
        more = 2;
        least = 0x800;
        code = lead & 0x0f;
      } else if (lead >= 0xf0 && lead <= 0xf4) {
        more = 3;
        least = 0x10000;
        code = lead & 0x07;
      } else {
        return false;
      }
      if (end - i < more) {
        return false;
      }
      for (int k = 0; k < more; k++) {
        int next = bytes[i++] & 0xff;
        if ((next & 0xc0) != 0x80) {
          return false;
        }
        code = (code << 6) | (next & 0x3f);
      }
      if (code < least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
        return false;
      }
    }
    return true;
  }
}
