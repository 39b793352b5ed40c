package io.busbar.shard;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.reflect.Array;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;

/**
 * Drives a machine through random entries and writes checkpoints of it between them. Each is
 * restored, and must be what a twin is that was given the entries up to its beginning: byte for
 * byte, and in all that both come to afterwards.
 */
final class MachineWalk {
  private static final int NAMES = 24;
  private static final List<String> FILTERS = List.of("t/0", "t/1", "t/+", "#", "t/#", "x");
  private static final List<String> SHARES = List.of("g", "h");
  private static final List<String> ORIGINS = List.of("a", "b");

  private final Random random;
  private final Machine machine = new Machine();
  private final List<Entry> entries = new ArrayList<>();

  /** What the machine answered to each entry, and told. */
  private final List<String> answers = new ArrayList<>();

  private final Map<String, Long> epochs = new HashMap<>();

  /** Numbers of the queues that gave something out. */
  private final Map<String, Long> tokens = new HashMap<>();

  private final Map<String, long[]> streams = new HashMap<>();
  private final ByteArrayOutputStream written = new ByteArrayOutputStream();
  private Checkpoint checkpoint;
  private int begun;

  /** Restored, and given all entries since. */
  private Machine follower;

  private long now = 1_000_000;
  private int serial;
  int checkpoints;

  MachineWalk(Random random) {
    this.random = random;
  }

  void walk(int steps) throws IOException {
    for (int i = 0; i < steps; i++) {
      step(entry());
      if (checkpoint == null && random.nextInt(12) == 0) {
        checkpoint = machine.checkpoint();
        begun = entries.size();
        written.reset();
      }
      if (checkpoint != null && random.nextInt(30) == 0) {
        // given up: a later one begins
        checkpoint = null;
      } else if (checkpoint != null
          && checkpoint.writeSome(1 + random.nextInt(150), written::writeBytes)) {
        restored();
      }
    }
  }

  private void step(Entry entry) {
    entries.add(entry);
    String answer = apply(machine, entry);
    answers.add(answer);
    if (follower != null) {
      assertThat(apply(follower, entry)).as("entry %s", entries.size()).isEqualTo(answer);
    }
  }

  private String apply(Machine to, Entry entry) {
    List<Effect> effects = new ArrayList<>();
    Result result = to.apply(Entry.decode(entry.encode()), effects::add);
    if (to == machine && result instanceof Result.Applied applied) {
      for (int i = 0; i < applied.outcomes().size(); i++) {
        if (applied.outcomes().get(i) instanceof Outcome.Opened opened) {
          epochs.put(((Command.Open) entry.commands().get(i)).session(), opened.epoch());
        } else if (applied.outcomes().get(i) instanceof Outcome.Given given) {
          tokens.put(((Command.Take) entry.commands().get(i)).queue(), given.queue());
        }
      }
    }
    return text(result) + " " + text(effects);
  }

  private void restored() throws IOException {
    checkpoint = null;
    checkpoints++;
    Machine restored = Machine.restore(new ByteArrayInputStream(written.toByteArray()));
    Machine twin = new Machine();
    for (int i = 0; i < begun; i++) {
      assertThat(apply(twin, entries.get(i))).as("the twin at %s", i).isEqualTo(answers.get(i));
    }
    assertSame(restored, twin, begun);
    for (int i = begun; i < entries.size(); i++) {
      assertThat(apply(restored, entries.get(i))).as("entry %s", i).isEqualTo(answers.get(i));
      assertThat(apply(twin, entries.get(i))).as("the twin at %s", i).isEqualTo(answers.get(i));
    }
    assertSame(restored, twin, entries.size());
    follower = restored;
  }

  private static void assertSame(Machine restored, Machine twin, int at) {
    byte[] actual = bytes(restored);
    byte[] expected = bytes(twin);
    if (!Arrays.equals(actual, expected)) {
      assertThat(text(restored)).as("after %s entries", at).isEqualTo(text(twin));
      assertThat(actual).as("after %s entries", at).isEqualTo(expected);
    }
  }

  /** The whole checkpoint of a machine that nothing changes meanwhile. */
  static byte[] bytes(Machine machine) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    Checkpoint whole = machine.checkpoint();
    while (!whole.writeSome(64 * 1024, out::writeBytes)) {
      // the next slice
    }
    return out.toByteArray();
  }

  /** So that a difference can be read. */
  private static String text(Machine machine) {
    return new String(bytes(machine), StandardCharsets.ISO_8859_1).replaceAll("[^ -~]+", ".");
  }

  // --- entries ---

  private Entry entry() {
    now += random.nextInt(3) == 0 ? random.nextInt(4_000) : random.nextInt(50);
    String origin = ORIGINS.get(random.nextInt(ORIGINS.size()));
    long[] stream = streams.computeIfAbsent(origin, o -> new long[] {1, 0});
    if (random.nextInt(60) == 0) {
      stream[0]++;
      stream[1] = 0;
    }
    // now and then a repetition, an old one, or a gap
    boolean isNext = random.nextInt(10) > 0;
    stream[1] += isNext ? 1 : 0;
    long number = isNext ? stream[1] : stream[1] + 2 - random.nextInt(6);
    if (number == stream[1] + 1) {
      stream[1]++;
    }
    List<Command> commands = new ArrayList<>();
    for (int i = 1 + random.nextInt(4); i > 0; i--) {
      commands.add(command());
    }
    // by a clock that is behind, now and then
    return new Entry(origin, stream[0], number, now - random.nextInt(500), commands);
  }

  private Command receive(String name, long epoch) {
    boolean taken = random.nextBoolean();
    Sending sending = taken && random.nextBoolean() ? new Sending(7, random.nextInt(9)) : null;
    return new Command.Receive(name, epoch, 1 + random.nextInt(5), taken, sending);
  }

  private Command command() {
    String name = "s" + random.nextInt(NAMES);
    long epoch = epochs.getOrDefault(name, 0L) - (random.nextInt(20) == 0 ? 1 : 0);
    return switch (random.nextInt(29)) {
      case 23, 24, 25 -> enqueue();
      case 26, 27 -> taken();
      case 28 -> queue();
      case 0, 1, 2, 3, 4 ->
          new Command.Open(
              name,
              random.nextInt(10) == 0 ? "other" : "owner",
              random.nextInt(6) == 0,
              random.nextInt(40),
              random.nextInt(2) == 0 ? null : will(),
              new Location("n" + random.nextInt(2), random.nextInt(2), serial++),
              1 + random.nextInt(3),
              random.nextInt(5) == 0
                  ? new Command.Quota(1 + random.nextInt(NAMES), List.of("s0", "elsewhere"))
                  : null);
      case 5 ->
          new Command.Close(
              name, epoch, random.nextInt(20) - 1, random.nextInt(2) == 0, random.nextInt(6));
      case 6, 7, 8 -> new Command.Subscribe(name, epoch, subscriptions());
      case 9 -> new Command.Unsubscribe(name, epoch, List.of(subscription().name()));
      case 10, 11 -> new Command.Settle(name, epoch, inFlight(name), inFlight(name));
      case 12 -> receive(name, epoch);
      case 13 -> replay(name, epoch);
      case 14 ->
          switch (random.nextInt(8)) {
            case 0 -> new Command.End(name);
            case 7 -> new Command.Understood(1 + random.nextInt(4));
            case 4 -> new Command.Gone("n" + random.nextInt(2));
            case 1 -> new Command.Configure(bounds());
            case 2, 3 ->
                new Command.Confirm(
                    machine.group().pending().stream()
                        .filter(e -> random.nextInt(3) > 0)
                        .mapToLong(Effect.Pending::id)
                        .toArray());
            default -> new Command.Tick();
          };
      case 20, 21 -> resource();
      case 22 -> new Command.Revoke(name, List.of(subscription().name()));
      case 15 -> new Command.Once(random.nextInt(2), random.nextInt(30), publish());
      default -> publish();
    };
  }

  private Command queue() {
    String name = "q" + random.nextInt(3);
    QueueRules rules =
        new QueueRules(
            500 + random.nextInt(4_000),
            1 + random.nextInt(4),
            2_000 + random.nextInt(20_000),
            4 + random.nextInt(8),
            2_000,
            random.nextBoolean() ? "" : "q" + random.nextInt(3));
    return random.nextInt(5) == 0 ? new Command.Unqueue(name) : new Command.Queue(name, rules);
  }

  private Command enqueue() {
    List<Command.Incoming> events =
        Stream.generate(
                () ->
                    new Command.Incoming(
                        Stream.of("q" + random.nextInt(3), "q" + random.nextInt(4))
                            .distinct()
                            .toList(),
                        ("e" + serial++).getBytes(StandardCharsets.UTF_8)))
            .limit(1 + random.nextInt(3))
            .toList();
    return new Command.Enqueue(random.nextBoolean(), events);
  }

  private Command taken() {
    String name = "q" + random.nextInt(3);
    if (random.nextBoolean()) {
      return new Command.Take(name, 1 + random.nextInt(4), 10 + random.nextInt(30));
    }
    Command.Return.Kind[] kinds = Command.Return.Kind.values();
    return new Command.Return(
        name,
        kinds[random.nextInt(kinds.length)],
        random.nextBoolean() ? 0 : random.nextInt(3_000),
        random.nextInt(600),
        Stream.generate(
                () ->
                    new Command.Token(
                        tokens.getOrDefault(name, 0L), random.nextInt(40), 1 + random.nextInt(2)))
            .limit(1 + random.nextInt(8))
            .toList());
  }

  private Command resource() {
    return random.nextInt(6) == 0
        ? new Command.Together(Stream.generate(this::change).limit(random.nextInt(4)).toList())
        : change();
  }

  private Command change() {
    String name = "r" + random.nextInt(12);
    String key = random.nextInt(3) == 0 ? null : "k" + random.nextInt(12);
    byte[] value = {(byte) random.nextInt(4)};
    return random.nextInt(4) == 0
        ? new Command.DeleteResource(random.nextInt(2), name)
        : new Command.PutResource(random.nextInt(2), name, key, "o", value);
  }

  private Bounds bounds() {
    Bounds.Overflow[] all = Bounds.Overflow.values();
    return new Bounds(
        2 + random.nextInt(5), 600, all[random.nextInt(all.length)], NAMES - 2, 4, 1_000);
  }

  private Will will() {
    return new Will(Messages.publish("t/0", "will", 1, false, -1), random.nextInt(3));
  }

  private List<StoredSubscription> subscriptions() {
    return Stream.generate(this::subscription).limit(1 + random.nextInt(3)).toList();
  }

  private StoredSubscription subscription() {
    String filter = FILTERS.get(random.nextInt(FILTERS.size()));
    String share = random.nextInt(3) > 0 ? null : SHARES.get(random.nextInt(2));
    byte[] bytes = filter.getBytes(StandardCharsets.UTF_8);
    return new StoredSubscription(
        StoredSubscription.name(share, bytes),
        share,
        bytes,
        random.nextInt(3),
        share == null && random.nextInt(5) == 0,
        random.nextBoolean(),
        random.nextInt(3),
        random.nextInt(3));
  }

  private long[] inFlight(String name) {
    return machine.group().inbox(name, epochs.getOrDefault(name, 0L), 0, 100).stream()
        .filter(i -> random.nextInt(2) == 0)
        .mapToLong(Delivery::sequence)
        .toArray();
  }

  private Command replay(String name, long epoch) {
    String filter = FILTERS.get(random.nextInt(FILTERS.size()));
    byte[] bytes = filter.getBytes(StandardCharsets.UTF_8);
    Retained.Page page = machine.group().retained().read(bytes, null, 2, 10_000, now);
    return new Command.Replay(name, epoch, filter, page.packets(), page.next());
  }

  private Command.Publish publish() {
    String payload = random.nextInt(12) == 0 ? "" : serial++ + "x".repeat(random.nextInt(5) * 40);
    long expiry = random.nextInt(3) == 0 ? 1 + random.nextInt(6) : -1;
    boolean retain = random.nextInt(3) == 0;
    String topic = "t/" + random.nextInt(8);
    byte[] packet = Messages.publish(topic, payload, random.nextInt(3), retain, expiry);
    List<Command.Pick> picks = new ArrayList<>();
    for (int i = random.nextInt(3); i > 0; i--) {
      byte[] filter = FILTERS.get(random.nextInt(5)).getBytes(StandardCharsets.UTF_8);
      String chosen = random.nextInt(3) == 0 ? null : "s" + random.nextInt(NAMES);
      picks.add(new Command.Pick(SHARES.get(i % 2), filter, chosen));
    }
    String publisher = "s" + random.nextInt(NAMES);
    return new Command.Publish(packet, publisher, random.nextInt(8) > 0, picks);
  }

  // --- to be compared ---

  /** Of records, lists and arrays, what is in them. */
  static String text(Object value) {
    if (value == null) {
      return "-";
    } else if (value instanceof Collection<?> all) {
      return all.stream().map(MachineWalk::text).toList().toString();
    } else if (value instanceof byte[] bytes) {
      return new String(bytes, StandardCharsets.ISO_8859_1).replaceAll("[^ -~]+", ".");
    } else if (value.getClass().isArray()) {
      List<Object> all = new ArrayList<>();
      for (int i = 0; i < Array.getLength(value); i++) {
        all.add(Array.get(value, i));
      }
      return all.toString();
    } else if (value instanceof Record) {
      StringBuilder text = new StringBuilder(value.getClass().getSimpleName());
      for (var component : value.getClass().getRecordComponents()) {
        try {
          var accessor = component.getAccessor();
          accessor.setAccessible(true);
          text.append(' ').append(text(accessor.invoke(value)));
        } catch (ReflectiveOperationException e) {
          throw new LinkageError("a record", e);
        }
      }
      return text.append(';').toString();
    }
    return value.toString();
  }
}
