package io.busbar.shard;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Supplier;

/** Commands and outcomes at random, of every kind, with whatever may be absent now and then so. */
final class Samples {
  private static final List<Command.Gone.Cause> CAUSES = List.of(Command.Gone.Cause.values());

  private static final long[] EDGES = {0, 1, 127, 128, 16_384, 0xffff_ffffL, Long.MAX_VALUE, -1};

  private final Random random;

  Samples(Random random) {
    this.random = random;
  }

  Entry entry() {
    return new Entry(string(), number(), number(), random.nextLong(), list(this::command));
  }

  private <T> T one(T[] of) {
    return of[random.nextInt(of.length)];
  }

  private QueueRules rules() {
    return new QueueRules(
        number(), random.nextInt(11), number(), random.nextInt(1_000_000), number(), string());
  }

  private DeadLetter letter() {
    return flag()
        ? null
        : new DeadLetter(
            one(DeadLetter.Cause.values()),
            random.nextInt(11),
            number(),
            number(),
            random.nextInt(600));
  }

  Command command() {
    return switch (random.nextInt(22)) {
      case 17 -> new Command.Queue(string(), rules());
      case 18 ->
          random.nextBoolean()
              ? new Command.Unqueue(string())
              : new Command.Take(string(), random.nextInt(101), number());
      case 19 ->
          new Command.Enqueue(
              flag(), list(() -> new Command.Incoming(list(this::string), bytes())));
      case 20 ->
          new Command.Return(
              string(),
              one(Command.Return.Kind.values()),
              number(),
              random.nextInt(600),
              list(() -> new Command.Token(number(), number(), random.nextInt(11))));
      case 0 ->
          new Command.Open(
              string(),
              string(),
              flag(),
              number(),
              will(),
              location(),
              random.nextInt(70_000),
              optional(() -> new Command.Quota(random.nextInt(101), list(this::string))));
      case 1 -> new Command.Close(string(), number(), random.nextInt(9) - 1, flag(), number());
      case 2 -> new Command.Subscribe(string(), number(), list(this::subscription));
      case 3 -> new Command.Unsubscribe(string(), number(), list(this::string));
      case 4 -> publish();
      case 9 -> new Command.Once(random.nextInt(60), number(), publish());
      case 10 -> new Command.Confirm(numbers());
      case 11 -> new Command.Configure(bounds());
      case 5 ->
          new Command.Replay(
              string(), number(), string(), list(this::bytes), optional(this::bytes));
      case 6 -> new Command.Settle(string(), number(), numbers(), numbers());
      case 7 -> receive();
      case 8 -> new Command.End(string());
      case 12 -> new Command.Gone(string(), CAUSES.get(random.nextInt(3)));
      case 13 -> new Command.Revoke(string(), list(this::string));
      case 14 ->
          new Command.PutResource(
              random.nextInt(256), string(), optional(this::string), string(), bytes());
      case 15 -> new Command.DeleteResource(random.nextInt(256), string());
      case 16 ->
          new Command.Together(
              List.of(
                  new Command.DeleteResource(random.nextInt(256), string()), new Command.Tick()));
      case 21 -> new Command.Understood(random.nextInt(256));
      default -> new Command.Tick();
    };
  }

  private Command.Publish publish() {
    long epoch = flag() ? number() : 0;
    return new Command.Publish(bytes(), optional(this::string), epoch, flag(), list(this::pick));
  }

  private Bounds bounds() {
    Bounds.Overflow[] overflows = Bounds.Overflow.values();
    return new Bounds(
        random.nextInt(100_000),
        number(),
        overflows[random.nextInt(overflows.length)],
        random.nextInt(100_000),
        random.nextInt(100_000),
        number());
  }

  private Command receive() {
    boolean taken = flag();
    Sending sending = taken ? optional(this::sending) : null;
    return new Command.Receive(string(), number(), random.nextInt(65_536), taken, sending);
  }

  private Sending sending() {
    return new Sending(random.nextLong(), number());
  }

  Outcome outcome() {
    return switch (random.nextInt(12)) {
      case 0 ->
          new Outcome.Opened(
              flag(),
              number(),
              list(this::subscription),
              list(() -> new Outcome.Receiving(random.nextInt(65_536), optional(this::sending))),
              list(() -> new Outcome.PendingReplay(subscription(), optional(this::bytes))));
      case 1 -> new Outcome.Subscribed(list(this::flag));
      case 2 -> new Outcome.Unsubscribed(list(() -> optional(this::subscription)));
      case 3 -> new Outcome.Published(random.nextInt(300));
      case 10 ->
          new Outcome.Given(
              number(), list(() -> new Outcome.Took(number(), random.nextInt(11), letter())));
      case 11 -> new Outcome.Returned(list(() -> one(Outcome.Settled.values())));
      case 4 -> flag() ? new Outcome.Refused() : new Outcome.Exceeded();
      case 5 -> new Outcome.Stale();
      case 6 -> new Outcome.Put(flag());
      case 7 -> new Outcome.Taken(string());
      case 8 -> new Outcome.Deleted(flag());
      default -> new Outcome.Done();
    };
  }

  StoredSubscription subscription() {
    String share = optional(this::string);
    byte[] filter = string().getBytes(StandardCharsets.UTF_8);
    return new StoredSubscription(
        StoredSubscription.name(share, filter),
        share,
        filter,
        random.nextInt(3),
        flag(),
        flag(),
        random.nextInt(3),
        random.nextInt(1_000));
  }

  private Command.Pick pick() {
    return new Command.Pick(string(), bytes(), optional(this::string));
  }

  private Will will() {
    return optional(() -> new Will(bytes(), random.nextInt(1_000)));
  }

  private Location location() {
    return new Location(string(), random.nextInt(64), number());
  }

  private boolean flag() {
    return random.nextBoolean();
  }

  private <T> T optional(Supplier<T> value) {
    return random.nextInt(3) == 0 ? null : value.get();
  }

  private <T> List<T> list(Supplier<T> element) {
    List<T> list = new ArrayList<>();
    for (int i = random.nextInt(4); i > 0; i--) {
      list.add(element.get());
    }
    return list;
  }

  private long number() {
    return random.nextInt(3) == 0 ? EDGES[random.nextInt(EDGES.length)] : random.nextInt(1_000_000);
  }

  private long[] numbers() {
    return random.longs(random.nextInt(4)).map(i -> i >>> random.nextInt(64)).toArray();
  }

  private byte[] bytes() {
    byte[] bytes = new byte[random.nextInt(10) == 0 ? random.nextInt(3_000) : random.nextInt(9)];
    random.nextBytes(bytes);
    return bytes;
  }

  private String string() {
    String some = "a/\u00e4\u20ac\ufffd\ud83d\ude00/0";
    int from = some.offsetByCodePoints(0, random.nextInt(some.codePointCount(0, some.length())));
    return some.substring(from).repeat(random.nextInt(3));
  }
}
