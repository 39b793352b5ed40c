package io.busbar.mqtt;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
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
  private final CharBuffer text = CharBuffer.allocate(64);

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

  /** Words of eight bytes: each length and place, alone and with a bad byte at each position. */
  @Test
  void aBadByteAnywhereInAnyWord() {
    int[] bad = {0x00, 0x80, 0xbf, 0xc2, 0xff};
    for (int offset = 0; offset <= 9; offset++) {
      for (int length = 0; length <= 40; length++) {
        byte[] bytes = new byte[offset + length + 3];
        // what is around would be bad, too
        Arrays.fill(bytes, (byte) (length % 2 == 0 ? 0 : 0xff));
        for (int plain : new int[] {0x01, 0x2f, 0x7f}) {
          Arrays.fill(bytes, offset, offset + length, (byte) plain);
          assertThat(same(bytes, offset, length)).isTrue();
          for (int at = offset; at < offset + length; at++) {
            for (int b : bad) {
              bytes[at] = (byte) b;
              assertThat(same(bytes, offset, length)).isFalse();
            }
            bytes[at] = (byte) plain;
          }
        }
      }
    }
  }

  /** Every lead with every second byte, and what may follow, over each border of words. */
  @Test
  void sequencesOverBordersOfWords() {
    int[] next = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0};
    int valid = 0;
    for (int at = 5; at <= 17; at++) {
      byte[] bytes = new byte[24];
      Arrays.fill(bytes, (byte) 'a');
      for (int lead = 0x80; lead < 0x100; lead++) {
        bytes[at] = (byte) lead;
        for (int second = 0; second < 0x100; second++) {
          bytes[at + 1] = (byte) second;
          valid += same(bytes, 0, at + 2) ? 1 : 0;
          valid += same(bytes, 1, 22) ? 1 : 0;
          if (second < 0x80 || second > 0xbf) {
            continue;
          }
          for (int third : next) {
            bytes[at + 2] = (byte) third;
            valid += same(bytes, 0, at + 3) ? 1 : 0;
            for (int fourth : lead >= 0xf0 ? next : new int[0]) {
              bytes[at + 3] = (byte) fourth;
              valid += same(bytes, 0, 24) ? 1 : 0;
            }
            bytes[at + 3] = 'a';
          }
          bytes[at + 2] = 'a';
        }
      }
    }
    assertThat(valid).isGreaterThan(50_000);
  }

  private boolean same(byte[] bytes, int offset, int length) {
    boolean expected = true;
    for (int i = offset; i < offset + length; i++) {
      expected &= bytes[i] != 0;
    }
    twin.reset();
    text.clear();
    expected &= !twin.decode(ByteBuffer.wrap(bytes, offset, length), text, true).isError();
    boolean actual = Utf8.isValid(bytes, offset, length);
    if (actual != expected) {
      throw new AssertionError(
          HexFormat.of().formatHex(bytes, offset, offset + length) + " is valid: " + actual);
    }
    return actual;
  }
}
