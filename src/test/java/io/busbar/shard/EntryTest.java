package io.busbar.shard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What is on disks and between nodes of several versions: these bytes must not change. */
class EntryTest {
  private static final HexFormat HEX = HexFormat.of();
  private static final StoredSubscription PLAIN = subscription(null, "a/#", 1, false, true, 2, 0);
  private static final StoredSubscription SHARED = subscription("g", "b", 2, true, false, 1, 300);

  private static StoredSubscription subscription(
      String share, String filter, int qos, boolean noLocal, boolean rap, int handling, int id) {
    byte[] bytes = utf8(filter);
    String name = StoredSubscription.name(share, bytes);
    return new StoredSubscription(name, share, bytes, qos, noLocal, rap, handling, id);
  }

  private static Bounds bounds(Bounds.Overflow overflow) {
    return new Bounds(100, 300, overflow, 2, 3, 4);
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /** A value and its form in hexadecimal; blanks only part what belongs together. */
  record Golden<T>(T value, String hex) {
    byte[] bytes() {
      return HEX.parseHex(hex.replace(" ", ""));
    }

    @Override
    public String toString() {
      return value.toString();
    }
  }

  static List<Golden<Command>> commands() {
    Will will = new Will(utf8("will"), 5);
    return List.of(
        new Golden<>(
            new Command.Open("s", "o", true, 0xffff_ffffL, will, new Location("n", 3, 9), 200),
            "01 0173 016f 01 ffffffff0f 01 0477696c6c 05 01 016e 03 09 c801"),
        new Golden<>(new Command.Open("", "", false, 0, null, null, 1), "01 00 00 00 00 00 00 01"),
        new Golden<>(
            new Command.Open(
                "s", "o", false, 0, null, null, 1, new Command.Quota(2, List.of("t", "u"))),
            "12 0173 016f 00 00 00 00 01 02 02 0174 0175"),
        new Golden<>(
            new Command.Queue("q", new QueueRules(60_000, 10, 86_400_000, 300, 1_000, "l")),
            "13 0171 e0d403 0a 80b89929 ac02 e807 016c"),
        new Golden<>(new Command.Unqueue("q"), "14 0171"),
        new Golden<>(
            new Command.Enqueue(
                true,
                List.of(
                    new Command.Incoming(List.of("q", "r"), utf8("e")),
                    new Command.Incoming(List.of(), utf8("")))),
            "15 01 02 02 0171 0172 0165 00 00"),
        new Golden<>(new Command.Take("q", 100, 300), "16 0171 64 ac02"),
        new Golden<>(
            new Command.Return(
                "q",
                Command.Return.Kind.RELEASE,
                10_000,
                500,
                List.of(new Command.Token(1, 300, 2))),
            "17 0171 01 904e f403 01 01 ac02 02"),
        new Golden<>(new Command.Close("s", 7, -1, true, 128), "02 0173 07 00 01 8001"),
        new Golden<>(
            new Command.Close("s", 7, 60, false, Long.MAX_VALUE),
            "02 0173 07 3d 00 ffffffffffffffff7f"),
        new Golden<>(
            new Command.Subscribe("s", 7, List.of(PLAIN, SHARED)),
            "03 0173 07 02 29 03612f23 00 56 0167 0162 ac02"),
        new Golden<>(new Command.Unsubscribe("s", 7, List.of("a", "b")), "04 0173 07 02 0161 0162"),
        new Golden<>(
            new Command.Publish(utf8("packet"), null, true, List.of()), "05 01 067061636b6574 00"),
        new Golden<>(
            new Command.Publish(
                utf8("p"),
                "s",
                false,
                List.of(
                    new Command.Pick("g", utf8("f"), null), new Command.Pick("h", utf8("f"), "t"))),
            "05 02 0173 0170 02 0167 0166 00 0168 0166 01 0174"),
        new Golden<>(
            new Command.Publish(utf8("p"), "s", 300, true, List.of()), "05 07 0173 ac02 0170 00"),
        new Golden<>(
            new Command.Replay("s", 7, "a", List.of(utf8("p")), utf8("n")),
            "06 0173 07 0161 01 0170 01 016e"),
        new Golden<>(new Command.Replay("s", 7, "a", List.of(), null), "06 0173 07 0161 00 00"),
        new Golden<>(
            new Command.Settle("s", 7, new long[] {1, 300}, new long[] {2}),
            "07 0173 07 02 01 ac02 01 02"),
        new Golden<>(new Command.Receive("s", 7, 65_535, true, null), "08 0173 07 ffff03 01"),
        new Golden<>(
            new Command.Receive("s", 7, 65_535, true, new Sending(-2, 300)),
            "1a 0173 07 ffff03 fffffffffffffffe ac02"),
        new Golden<>(new Command.Receive("s", 7, 1, false, null), "08 0173 07 01 00"),
        new Golden<>(new Command.End("s"), "09 0173"),
        new Golden<>(new Command.Tick(), "0a"),
        new Golden<>(new Command.Understood(300), "1b ac02"),
        new Golden<>(
            new Command.Once(3, 300, new Command.Publish(utf8("p"), null, true, List.of())),
            "0b 03 ac02 01 0170 00"),
        new Golden<>(new Command.Confirm(new long[] {1, 300}), "0c 02 01 ac02"),
        new Golden<>(
            new Command.Configure(bounds(Bounds.Overflow.DROP_OLDEST)), "0d 64 ac02 00 02 03 04"),
        new Golden<>(
            new Command.Configure(bounds(Bounds.Overflow.DROP_NEWEST)), "0d 64 ac02 01 02 03 04"),
        new Golden<>(
            new Command.Configure(bounds(Bounds.Overflow.END_SESSION)), "0d 64 ac02 02 02 03 04"),
        new Golden<>(
            new Command.Configure(bounds(Bounds.Overflow.REFUSE)), "0d 64 ac02 03 02 03 04"),
        new Golden<>(new Command.Gone("n"), "0e 016e"),
        new Golden<>(new Command.Gone("n", Command.Gone.Cause.LEASE), "19 016e 01"),
        new Golden<>(new Command.Revoke("s", List.of("a", "b")), "0f 0173 02 0161 0162"),
        new Golden<>(
            new Command.PutResource(1, "c", "k", "o", new byte[] {7, 8}),
            "10 01 0163 01 016b 016f 02 0708"),
        new Golden<>(new Command.PutResource(2, "c", null, "", new byte[0]), "10 02 0163 00 00 00"),
        new Golden<>(new Command.DeleteResource(2, "c"), "11 02 0163"),
        new Golden<>(
            new Command.Together(List.of(new Command.DeleteResource(2, "c"), new Command.Tick())),
            "18 02 11 02 0163 0a"));
  }

  static List<Golden<Outcome>> outcomes() {
    return List.of(
        new Golden<>(
            new Outcome.Opened(
                true,
                7,
                List.of(PLAIN),
                List.of(new Outcome.Receiving(1, null), new Outcome.Receiving(300, null)),
                List.of(new Outcome.PendingReplay(PLAIN, null))),
            "01 01 07 01 29 03612f23 00 02 01 ac02 01 29 03612f23 00 00"),
        new Golden<>(
            new Outcome.Opened(
                true,
                7,
                List.of(),
                List.of(
                    new Outcome.Receiving(1, null), new Outcome.Receiving(300, new Sending(-2, 9))),
                List.of()),
            "0f 01 07 00 02 01 00 ac02 01 fffffffffffffffe 09 00"),
        new Golden<>(new Outcome.Done(), "02"),
        new Golden<>(new Outcome.Subscribed(List.of(true, false)), "03 02 01 00"),
        new Golden<>(
            new Outcome.Unsubscribed(Arrays.asList(SHARED, null)), "04 02 01 56 0167 0162 ac02 00"),
        new Golden<>(new Outcome.Published(300), "05 ac02"),
        new Golden<>(new Outcome.Refused(), "06"),
        new Golden<>(new Outcome.Exceeded(), "0b"),
        new Golden<>(
            new Outcome.Given(7, List.of(new Outcome.Took(300, 2, null))), "0c 07 01 ac02 02 00"),
        new Golden<>(
            new Outcome.Given(
                7,
                List.of(
                    new Outcome.Took(
                        1, 1, new DeadLetter(DeadLetter.Cause.REJECTED, 3, 300, 7, 400)))),
            "0c 07 01 01 01 01 02 03 ac02 07 9003"),
        new Golden<>(
            new Outcome.Returned(
                List.of(Outcome.Settled.DONE, Outcome.Settled.LOST, Outcome.Settled.UNKNOWN)),
            "0d 03 00 01 02"),
        new Golden<>(new Outcome.Stale(), "07"),
        new Golden<>(new Outcome.Put(true), "08 01"),
        new Golden<>(new Outcome.Taken("c"), "09 0163"),
        new Golden<>(new Outcome.Deleted(false), "0a 00"),
        new Golden<>(
            new Outcome.Together(List.of(new Outcome.Put(true), new Outcome.Deleted(false))),
            "0e 02 08 01 0a 00"));
  }

  @Test
  void anEntryIsWrittenAsItAlwaysWas() {
    Golden<Entry> golden =
        new Golden<>(
            new Entry("node", 2, 129, 1_000, List.of(new Command.Tick(), new Command.End("s"))),
            "01 00000000000003e8 046e6f6465 02 8101 02 0a 09 0173");
    assertThat(HEX.formatHex(golden.value.encode())).isEqualTo(HEX.formatHex(golden.bytes()));
    assertThat(Entry.decode(golden.bytes())).isEqualTo(golden.value);
  }

  @ParameterizedTest
  @MethodSource("commands")
  void aCommandIsWrittenAsItAlwaysWas(Golden<Command> golden) {
    byte[] entry = new Entry("n", 1, 1, 0, List.of(golden.value)).encode();
    String header = "01" + "0".repeat(16) + "016e0101" + "01";
    assertThat(HEX.formatHex(entry)).isEqualTo(header + HEX.formatHex(golden.bytes()));
    assertSame(Entry.decode(entry).commands().get(0), golden.value);
  }

  @ParameterizedTest
  @MethodSource("outcomes")
  void anOutcomeIsWrittenAsItAlwaysWas(Golden<Outcome> golden) {
    byte[] bytes = OutcomeForm.encode(List.of(golden.value));
    assertThat(HEX.formatHex(bytes)).isEqualTo("0101" + HEX.formatHex(golden.bytes()));
    assertSame(OutcomeForm.decode(bytes).get(0), golden.value);
  }

  @Test
  void everyKindIsAmongTheGoldenOnes() {
    assertThat(commands())
        .extracting(g -> (Object) g.value.getClass())
        .containsAll(kinds(Command.class));
    assertThat(outcomes())
        .extracting(g -> (Object) g.value.getClass())
        .containsAll(kinds(Outcome.class));
  }

  private static List<Class<?>> kinds(Class<?> sealed) {
    return List.of(sealed.getPermittedSubclasses());
  }

  private static void assertSame(Object actual, Object expected) {
    assertThat(actual).usingRecursiveComparison().isEqualTo(expected);
  }

  @Test
  void whatIsWrittenIsRead() {
    for (int seed = 0; seed < 3_000; seed++) {
      Samples samples = new Samples(new Random(seed));
      Entry entry = samples.entry();
      byte[] bytes = entry.encode();
      Entry read = Entry.decode(bytes);
      assertThat(read.encode()).as("seed %s", seed).isEqualTo(bytes);
      if (seed < 300) {
        // slow, and what is equal in its form is seldom different
        assertSame(read, entry);
      }
      List<Outcome> outcomes = List.of(samples.outcome(), samples.outcome());
      byte[] answer = OutcomeForm.encode(outcomes);
      assertThat(OutcomeForm.encode(OutcomeForm.decode(answer))).isEqualTo(answer);
      assertSame(OutcomeForm.decode(answer), outcomes);
    }
  }

  @Test
  void anotherVersionIsNamed() {
    byte[] bytes = new Entry("n", 1, 1, 0, List.of()).encode();
    bytes[0] = 9;
    assertThatThrownBy(() -> Entry.decode(bytes))
        .isInstanceOf(FormException.class)
        .hasMessageContaining("version 9 (known: 1)");
  }

  /** Whatever is damaged is refused, or is another entry in its only form. */
  @Test
  void damageIsRefused() {
    int refused = 0;
    for (int seed = 0; seed < 20_000; seed++) {
      Random random = new Random(seed);
      byte[] bytes = new Samples(random).entry().encode();
      for (int i = random.nextInt(3); i >= 0; i--) {
        bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
      }
      byte[] damaged =
          random.nextInt(3) == 0 ? Arrays.copyOf(bytes, random.nextInt(bytes.length)) : bytes;
      try {
        assertThat(Entry.decode(damaged).encode()).as("seed %s", seed).isEqualTo(damaged);
      } catch (FormException e) {
        refused++;
      }
    }
    assertThat(refused).isGreaterThan(5_000);
  }

  /** A damaged length does not allocate what it says. */
  @Test
  void aHugeLengthIsRefusedAtOnce() {
    for (String length : List.of("ffffffff07", "ffffffffffffffff7f", "ffffffffffffffffff01")) {
      for (String kind : List.of("", "0173", "05010170", "0701730702", "0301730702")) {
        byte[] bytes = HEX.parseHex("01016e0101" + "0".repeat(16) + "01" + kind + length);
        assertThatThrownBy(() -> Entry.decode(bytes)).isInstanceOf(FormException.class);
      }
    }
  }
}
