package io.busbar.bus;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.busbar.policy.Shadow;
import io.busbar.shard.Sending;
import io.vertx.core.buffer.Buffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The golden bytes are the contract with nodes of another version: they change with a version. */
class WireTest {
  private static final Wire.Change STORED =
      new Wire.Change("s".getBytes(StandardCharsets.UTF_8), null, true, 1);

  private static final Wire.Change MEMBERS =
      new Wire.Change("s".getBytes(StandardCharsets.UTF_8), "g", false, 300);

  private static final Wire.Interest INTEREST =
      new Wire.Interest(
          Wire.Kind.SNAPSHOT_LAST,
          "node-ü",
          2,
          0x0102_0304_0506_0708L,
          List.of(change("a/+", true), change("#", false), STORED, MEMBERS));

  /** A form with its golden bytes. */
  record Form(
      String name, Buffer bytes, String golden, Function<Buffer, ?> decode, int withoutOptional) {
    Form(String name, Buffer bytes, String golden, Function<Buffer, ?> decode) {
      this(name, bytes, golden, decode, -1);
    }

    @Override
    public String toString() {
      return name;
    }
  }

  static List<Form> forms() {
    return List.of(
        new Form(
            "interest",
            INTEREST.encode(),
            "01 03 0007 6e6f64652dc3bc 0002 0102030405060708 00000004"
                + " 01 0003 612f2b 00 0001 23 03 0001 73 05 0001 73 0001 67 012c",
            Wire.Interest::decode),
        new Form(
            "evict",
            new Wire.Eviction("dev", 0xffL << 32, "n1", "").encode(),
            "01 0003 646576 000000ff00000000 0002 6e31",
            Wire.Eviction::decode),
        new Form(
            "evict of a counted owner",
            new Wire.Eviction("dev", 1, "n1", "o").encode(),
            "01 0003 646576 0000000000000001 0002 6e31 0001 6f",
            Wire.Eviction::decode,
            18),
        new Form(
            "evicted", new Wire.Evicted(true, List.of()).encode(), "01 01", Wire.Evicted::decode),
        new Form(
            "evicted, with names",
            new Wire.Evicted(false, List.of("a", "bc")).encode(),
            "01 00 0002 0001 61 0002 6263",
            Wire.Evicted::decode,
            2),
        new Form(
            "introduce",
            new Wire.Introduction("n@d", "c", "::1", 7_110, 2).encode(),
            "01 0003 6e4064 0001 63 0003 3a3a31 1bc6 02",
            Wire.Introduction::decode,
            16),
        new Form(
            "order",
            new Wire.StoreOrder(Wire.Wish.LEAVE, "n-1").encode(),
            "01 03 0003 6e2d31",
            Wire.StoreOrder::decode),
        new Form(
            "view",
            new Wire.StoreView(
                    "no",
                    "c",
                    "n@d",
                    3,
                    List.of(
                        new Wire.StoreNode("n@d", true, true, true, false, 0),
                        new Wire.StoreNode("m@e", true, false, false, true, -1)))
                .encode(),
            "01 0002 6e6f 0001 63 0003 6e4064 03 0002"
                + " 0003 6e4064 07 0000000000000000"
                + " 0003 6d4065 09 ffffffffffffffff",
            Wire.StoreView::decode),
        new Form(
            "shadow, with changes",
            new Wire.ShadowQuestion(
                    "i",
                    3,
                    List.of(
                        new Wire.DraftChange(2, "g", new byte[] {7}),
                        new Wire.DraftChange(1, "c", null)))
                .encode(),
            "01 01 0001 69 00000003 0002 02 0001 67 00000001 07 01 0001 63 ffffffff",
            Wire.ShadowQuestion::decode),
        new Form(
            "shadow, without",
            new Wire.ShadowQuestion("i", 258, null).encode(),
            "01 02 0001 69 00000102",
            Wire.ShadowQuestion::decode),
        new Form(
            "shadow, its end",
            Wire.ShadowQuestion.end("i").encode(),
            "01 03 0001 69 00000000",
            Wire.ShadowQuestion::decode),
        new Form(
            "shadowed",
            new Wire.ShadowAnswer(
                    true,
                    5,
                    1,
                    List.of(new Shadow.Difference("c", Shadow.Right.PUBLISH, "t", true, "no")))
                .encode(),
            "01 01 0000000000000005 0000000000000001 0001"
                + " 0001 63 0007 5055424c495348 0001 74 01 0002 6e6f",
            Wire.ShadowAnswer::decode),
        new Form(
            "trace",
            new Wire.TraceQuestion("id", new Trace.Whom(true, "dev", 256)).encode(),
            "01 02 0002 6964 0003 646576 0100",
            Wire.TraceQuestion::decode),
        new Form(
            "trace, its end",
            new Wire.TraceQuestion("id", null).encode(),
            "01 03 0002 6964 0000 0000",
            Wire.TraceQuestion::decode),
        new Form(
            "traced",
            new Wire.TraceAnswer("n1", "no", List.of("{}")).encode(),
            "01 0002 6e31 0002 6e6f 0001 00000002 7b7d",
            Wire.TraceAnswer::decode),
        new Form("position", Wire.position(258), "01 0000000000000102", Wire::toPosition),
        new Form("verdict yes", Wire.verdict(true), "01 01", Wire::isYes),
        new Form("verdict no", Wire.verdict(false), "01 00", Wire::isYes));
  }

  private static Wire.Change change(String filter, boolean added) {
    return new Wire.Change(filter.getBytes(StandardCharsets.UTF_8), null, false, added ? 1 : 0);
  }

  @ParameterizedTest
  @MethodSource("forms")
  void goldenBytes(Form form) {
    assertThat(HexFormat.of().formatHex(form.bytes.getBytes()))
        .isEqualTo(form.golden.replace(" ", ""));
  }

  @Test
  void goldenForward() {
    byte[] run = {0x30, 0x02, 0x00, 0x00};
    Buffer forward = new Wire.Forward(run, 0, 4, List.of()).encode();
    assertThat(forward.getBytes()).containsExactly(1, 0x30, 2, 0, 0);
    Wire.Forward read = Wire.Forward.decode(forward);
    assertThat(Arrays.copyOfRange(read.bytes(), read.start(), read.end())).isEqualTo(run);
    assertThat(read.shared()).isEmpty();
  }

  @Test
  void goldenForwardToMembersOfShares() {
    byte[] run = {0x30, 0x02, 0x00, 0x00};
    Wire.Shared one = new Wire.Shared("g", new byte[] {'a', '/', '+'}, new byte[] {0x30, 0});
    Buffer forward = new Wire.Forward(run, 0, 4, List.of(one, one)).encode();
    String shared = "0001 67 0003 612f2b 00000002 3000";
    assertThat(HexFormat.of().formatHex(forward.getBytes()))
        .isEqualTo(("02 00000004 30020000" + shared + shared).replace(" ", ""));
    Wire.Forward read = Wire.Forward.decode(forward);
    assertThat(Arrays.copyOfRange(read.bytes(), read.start(), read.end())).isEqualTo(run);
    assertThat(read.shared())
        .usingRecursiveFieldByFieldElementComparator()
        .containsExactly(one, one);
    assertThatThrownBy(() -> Wire.Forward.decode(forward.getBuffer(0, forward.length() - 1)))
        .isInstanceOf(RuntimeException.class);
  }

  @Test
  void goldenForwardOfWhatMayBeSentAgain() {
    byte[] run = {0x30, 0x02, 0x00, 0x00};
    Wire.Shared shared = new Wire.Shared("g", new byte[] {'a'}, new byte[] {0x30, 0});
    Wire.Numbers numbers = new Wire.Numbers(-2, 258, new long[] {0, 259});
    Wire.Again again = new Wire.Again(new Sending(3, 7), new byte[] {0x34, 0});
    Buffer forward = new Wire.Forward(run, 0, 4, List.of(shared), numbers, List.of(again)).encode();
    assertThat(HexFormat.of().formatHex(forward.getBytes()))
        .isEqualTo(
            ("03 00000004 30020000 fffffffffffffffe 0000000000000102 00000002 0000000000000000"
                    + " 0000000000000103 00000001 0000000000000003 0000000000000007 00000002 3400"
                    + "0001 67 0001 61 00000002 3000")
                .replace(" ", ""));
    Wire.Forward read = Wire.Forward.decode(forward);
    assertThat(Arrays.copyOfRange(read.bytes(), read.start(), read.end())).isEqualTo(run);
    assertThat(read.numbers()).usingRecursiveComparison().isEqualTo(numbers);
    assertThat(read.again()).usingRecursiveFieldByFieldElementComparator().containsExactly(again);
    assertThat(read.shared()).usingRecursiveFieldByFieldElementComparator().containsExactly(shared);
    Wire.Forward only =
        Wire.Forward.decode(new Wire.Forward(run, 0, 4, List.of(), null, List.of(again)).encode());
    assertThat(only.numbers()).isNull();
    assertThat(only.again()).hasSize(1);
  }

  @ParameterizedTest
  @EnumSource
  void kindsHaveTheirOwnByte(Wire.Kind kind) {
    Wire.Interest interest = new Wire.Interest(kind, "n", 1, 0, List.of());

    List<Wire.Kind> byByte =
        List.of(
            Wire.Kind.CHANGES,
            Wire.Kind.SNAPSHOT_FIRST,
            Wire.Kind.SNAPSHOT_MORE,
            Wire.Kind.SNAPSHOT_LAST,
            Wire.Kind.SNAPSHOT_WHOLE);
    assertThat(byByte.get(interest.encode().getByte(1))).isEqualTo(kind);
    assertThat(Wire.Interest.decode(interest.encode())).isEqualTo(interest);
  }

  @ParameterizedTest
  @MethodSource("forms")
  void truncatedAnywhere(Form form) {
    for (int length = 0; length < form.bytes.length(); length++) {
      if (length == form.withoutOptional) {
        // as nodes of an older version write it
        assertThat(form.decode.apply(form.bytes.getBuffer(0, length))).isNotNull();
        continue;
      }
      Buffer cut = form.bytes.getBuffer(0, length);
      assertThatThrownBy(() -> form.decode.apply(cut))
          .as("cut to %d bytes", length)
          .isInstanceOf(RuntimeException.class);
    }
  }

  @ParameterizedTest
  @MethodSource("forms")
  void anotherVersion(Form form) {
    for (byte version : new byte[] {0, 2, -1}) {
      Buffer other = form.bytes.copy().setByte(0, version);
      assertThatIllegalArgumentException()
          .isThrownBy(() -> form.decode.apply(other))
          .withMessageContaining("version " + version)
          .withMessageContaining("known: 1");
    }
  }

  @Test
  void unknownKindAndWildCounts() {
    Buffer kind = INTEREST.encode().setByte(1, (byte) 5);
    assertThatIllegalArgumentException().isThrownBy(() -> Wire.Interest.decode(kind));
    int countAt = INTEREST.encode().length() - 23 - 4;
    for (int count : new int[] {5, 1 << 30, Integer.MAX_VALUE, -1}) {
      Buffer more = INTEREST.encode().setInt(countAt, count);
      assertThatThrownBy(() -> Wire.Interest.decode(more)).isInstanceOf(RuntimeException.class);
    }
  }

  @Test
  void roundTrips() {
    Random random = new Random(1);
    for (int i = 0; i < 2_000; i++) {
      List<Wire.Change> changes =
          random.ints(random.nextInt(5), 0, 65_536).mapToObj(WireTest::filter).toList();
      Wire.Kind[] kinds = Wire.Kind.values();
      Wire.Interest interest =
          new Wire.Interest(
              kinds[random.nextInt(kinds.length)],
              "node-" + "é".repeat(random.nextInt(40)),
              random.nextInt(65_536),
              random.nextLong(),
              changes);
      Wire.Interest read = Wire.Interest.decode(interest.encode());
      assertThat(read.kind()).isEqualTo(interest.kind());
      assertThat(read.author()).isEqualTo(interest.author());
      assertThat(read.loops()).isEqualTo(interest.loops());
      assertThat(read.number()).isEqualTo(interest.number());
      assertThat(read.changes()).hasSameSizeAs(changes);
      for (int k = 0; k < changes.size(); k++) {
        Wire.Change change = read.changes().get(k);
        assertThat(Arrays.equals(change.filter(), changes.get(k).filter())).isTrue();
        assertThat(change.weight()).isEqualTo(changes.get(k).weight());
      }

      Wire.Eviction eviction =
          new Wire.Eviction(
              "id" + "€".repeat(random.nextInt(999)),
              random.nextLong(),
              "n" + i,
              i % 2 == 0 ? "" : "o" + i);
      assertThat(Wire.Eviction.decode(eviction.encode())).isEqualTo(eviction);
    }
    assertThat(Wire.isYes(Wire.verdict(true))).isTrue();
    assertThat(Wire.isYes(Wire.verdict(false))).isFalse();
  }

  private static Wire.Change filter(int length) {
    String share = length % 5 == 0 ? "g" + length : null;
    return new Wire.Change(new byte[length], share, length % 3 == 0, length % 2);
  }
}
