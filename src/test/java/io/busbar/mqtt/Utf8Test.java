package io.busbar.mqtt;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Against the decoder of the JDK, which knows nothing of U+0000 being forbidden. */
class Utf8Test {
  private final CharsetDecoder twin =
      StandardCharsets.UTF_8
          .newDecoder()
          .onMalformedInput(CodingErrorAction.REPORT)
          .onUnmappableCharacter(CodingErrorAction.REPORT);

  @Test
  void everySequenceOfUpToTwoBytes() {
    for (int first = 0; first < 256; first++) {
      same(new byte[] {(byte) first}, 0, 1);
      for (int second = 0; second < 256; second++) {
        same(new byte[] {(byte) first, (byte) second}, 0, 2);
      }
    }
  }

  @Test
  void everyCodePointInEveryLengthThatHoldsIt() {
    for (int code = 0; code <= 0x11_0fff; code++) {
      if (code < 0x800) {
        same(new byte[] {(byte) (0xc0 | (code >> 6)), more(code, 0)}, 0, 2);
      }
      if (code < 0x10000) {
        same(new byte[] {(byte) (0xe0 | (code >> 12)), more(code, 6), more(code, 0)}, 0, 3);
      }
      byte lead = (byte) (0xf0 | (code >> 18));
      same(new byte[] {lead, more(code, 12), more(code, 6), more(code, 0)}, 0, 4);
    }
  }

  private static byte more(int code, int shift) {
    return (byte) (0x80 | ((code >> shift) & 0x3f));
  }

  @Test
  void randomBytesInTheMiddleOfOthers() {
    Random random = new Random(3629);
    int[] favoured = {0x41, 0x00, 0x80, 0xbf, 0xc2, 0xdf, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0x90, 0xa0};
    int valid = 0;
    for (int i = 0; i < 100_000; i++) {
      byte[] bytes = new byte[2 + random.nextInt(7)];
      for (int k = 0; k < bytes.length; k++) {
        bytes[k] =
            (byte)
                (random.nextInt(4) == 0
                    ? random.nextInt(256)
                    : favoured[random.nextInt(favoured.length)]);
      }
      int offset = random.nextInt(2);
      valid += same(bytes, offset, bytes.length - 2) ? 1 : 0;
    }
    assertThat(valid).isGreaterThan(300);
  }

  private boolean same(byte[] bytes, int offset, int length) {
    boolean expected = true;
    for (int i = offset; i < offset + length; i++) {
      expected &= bytes[i] != 0;
    }
    try {
      twin.decode(ByteBuffer.wrap(bytes, offset, length));
    } catch (CharacterCodingException e) {
      expected = false;
    }
    boolean actual = Utf8.isValid(bytes, offset, length);
    if (actual != expected) {
      throw new AssertionError(
          HexFormat.of().formatHex(bytes, offset, offset + length) + " is valid: " + actual);
    }
    return actual;
  }
}
