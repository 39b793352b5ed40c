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
    Exchange.Presence presence = new Exchange.Presence(3, true, 258, -1, -1);
    byte[] form = hex("01 0000000000000003 01 0000000000000102");
    assertThat(presence.encode()).isEqualTo(form);
    assertThat(Exchange.Presence.decode(ByteBuffer.wrap(form))).isEqualTo(presence);
    form[0] = 2;
    assertThatThrownBy(() -> Exchange.Presence.decode(ByteBuffer.wrap(form)))
        .isInstanceOf(FormException.class);
    assertThatThrownBy(() -> Exchange.Presence.decode(ByteBuffer.wrap(form, 0, 9)))
        .isInstanceOf(FormException.class);
  }

  /** A node of the version before reads what it knows of it. */
  @Test
  void thatANodeAsksForAGrant() {
    Exchange.Presence asking = new Exchange.Presence(3, false, 258, 7, 255);
    byte[] form = hex("01 0000000000000003 00 0000000000000102 0000000000000007 00000000000000ff");
    assertThat(asking.encode()).isEqualTo(form);
    assertThat(Exchange.Presence.decode(ByteBuffer.wrap(form))).isEqualTo(asking);
    Exchange.Presence known = Exchange.Presence.decode(ByteBuffer.wrap(form, 0, 18));
    assertThat(known).isEqualTo(new Exchange.Presence(3, false, 258, -1, -1));
    assertThat(known.asks()).isFalse();
  }

  @Test
  void thatANodeMayServe() {
    Exchange.Grant grant = new Exchange.Grant(3, 7);
    byte[] form = hex("01 0000000000000003 0000000000000007");
    assertThat(grant.encode()).isEqualTo(form);
    assertThat(Exchange.Grant.decode(ByteBuffer.wrap(form))).isEqualTo(grant);
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
    Exchange.Presence empty = new Exchange.Presence(1, false, 0, -1, -1);
    Exchange.Presence leaving = new Exchange.Presence(1, true, 9, -1, -1);
    Exchange.Presence again = new Exchange.Presence(2, false, 5, -1, -1);
    assertThat(empty.after(null)).isEqualTo(empty);
    assertThat(leaving.after(empty)).isEqualTo(leaving);
    assertThat(empty.after(leaving)).isEqualTo(leaving);
    assertThat(again.after(leaving)).isEqualTo(again);
    assertThat(leaving.after(again)).isEqualTo(again);
  }
}
