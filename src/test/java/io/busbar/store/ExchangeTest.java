package io.busbar.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.busbar.shard.FormException;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

/** What nodes say of members to each other: the bytes stay as they are, versions differ. */
class ExchangeTest {
  private static byte[] hex(String digits) {
    return HexFormat.of().parseHex(digits.replace(" ", ""));
  }

  @Test
  void thatANodeIsThere() {
    Exchange.Presence presence = new Exchange.Presence(3, true, 258);
    byte[] form = hex("01 0000000000000003 01 0000000000000102");
    assertThat(presence.encode()).isEqualTo(form);
    assertThat(Exchange.Presence.decode(ByteBuffer.wrap(form))).isEqualTo(presence);
    form[0] = 2;
    assertThatThrownBy(() -> Exchange.Presence.decode(ByteBuffer.wrap(form)))
        .isInstanceOf(FormException.class);
    assertThatThrownBy(() -> Exchange.Presence.decode(ByteBuffer.wrap(form, 0, 9)))
        .isInstanceOf(FormException.class);
  }

  @Test
  void thatANodeIsOut() {
    Exchange.Out out = new Exchange.Out(7, 258);
    byte[] form = hex("01 0000000000000007 0000000000000102");
    assertThat(out.encode()).isEqualTo(form);
    assertThat(Exchange.Out.decode(ByteBuffer.wrap(form))).isEqualTo(out);
  }

  /** Frames may be lost, late and doubled: what a node wanted last in its last life counts. */
  @Test
  void ofTwoPresencesTheLaterCounts_inWhateverOrderTheyCome() {
    Exchange.Presence empty = new Exchange.Presence(1, false, 0);
    Exchange.Presence leaving = new Exchange.Presence(1, true, 9);
    Exchange.Presence again = new Exchange.Presence(2, false, 5);
    assertThat(empty.after(null)).isEqualTo(empty);
    assertThat(leaving.after(empty)).isEqualTo(leaving);
    assertThat(empty.after(leaving)).isEqualTo(leaving);
    assertThat(again.after(leaving)).isEqualTo(again);
    assertThat(leaving.after(again)).isEqualTo(again);
  }
}
