package io.busbar.shard;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.shard.Bounds.Overflow;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;

/**
 * Drives a {@link Group} and its {@link GroupModel} through the same entries, and compares what
 * they come to after each: outcomes, effects, what is in flight, how much is pending.
 */
public final class GroupWalk {
  private static final List<String> FILTERS = List.of("t/0", "t/1", "t/+", "#", "t/#", "x");
  private static final List<String> SHARES = List.of("g", "h");
  private static final Location HERE = new Location("n", 0, 1);

  /** What decides each step: a number from 0 to one less than the bound. */
  public interface Choice {
    /** The next one. */
    int next(int bound);

    /** Whether the walk ends here. */
    default boolean isOver() {
      return false;
    }
  }

  private final Choice choice;
  private final Group group;
  private final GroupModel model;
  private final List<Effect> effects = new ArrayList<>();
  private long now = 1_000_000;
  private int serial;

  private GroupWalk(Choice choice) {
    this.choice = choice;
    Bounds bounds = bounds(3);
    group = new Group(bounds);
    model = new GroupModel(bounds);
  }

  /** Walks so many steps, unless the choices are over before. */
  public static void walk(Choice choice, int steps) {
    GroupWalk walk = new GroupWalk(choice);
    for (int i = 0; i < steps && !choice.isOver(); i++) {
      walk.step(walk.command());
    }
    for (int i = 0; i < 4; i++) {
      walk.step(new Command.End("s" + i));
    }
    assertThat(walk.group.sessions()).isZero();
    assertThat(walk.group.deliveries()).isZero();
  }

  private Bounds bounds(int messages) {
    List<Overflow> all = List.copyOf(EnumSet.allOf(Overflow.class));
    Overflow overflow = all.get(choice.next(all.size()));
    return new Bounds(messages, 400, overflow, 3, 100, 1_000_000);
  }

  private Command command() {
    now += choice.next(3) == 0 ? choice.next(4_000) : choice.next(50);
    String name = "s" + choice.next(4);
    // now and then the command of a connection that is gone
    long epoch = model.epoch(name) - (choice.next(12) == 0 ? 1 : 0);
    return switch (choice.next(14)) {
      case 0, 1 ->
          new Command.Open(
              name,
              choice.next(10) == 0 ? "other" : "owner",
              choice.next(5) == 0,
              choice.next(12),
              choice.next(2) == 0 ? null : will(),
              HERE,
              1 + choice.next(3));
      case 2 ->
          new Command.Close(
              name,
              epoch,
              choice.next(4) - 1,
              choice.next(2) == 0,
              model.someSequence(name, choice));
      case 3, 4, 5 -> new Command.Subscribe(name, epoch, subscriptions());
      case 6 -> new Command.Unsubscribe(name, epoch, List.of(subscription().name()));
      case 7, 8 ->
          new Command.Settle(
              name, epoch, model.someInFlight(name, choice), model.someInFlight(name, choice));
      case 9 ->
          switch (choice.next(7)) {
            case 0 -> new Command.End(name);
            case 3 -> new Command.Gone(HERE.node());
            case 1 -> new Command.Configure(bounds(1 + choice.next(4)));
            case 2 -> confirm();
            default -> new Command.Tick();
          };
      case 10 -> new Command.Once(0, choice.next(30), publish());
      default -> publish();
    };
  }

  private Command confirm() {
    List<Effect.Pending> confirmed =
        group.pending().stream().filter(e -> choice.next(3) > 0).toList();
    confirmed.stream().flatMap(GroupModel::text).forEach(model::confirmed);
    return new Command.Confirm(confirmed.stream().mapToLong(Effect.Pending::id).toArray());
  }

  private Will will() {
    return new Will(Messages.publish("w", "will", 0, false, -1), choice.next(3));
  }

  private List<StoredSubscription> subscriptions() {
    List<StoredSubscription> subscriptions = new ArrayList<>();
    for (int i = choice.next(2); i >= 0; i--) {
      subscriptions.add(subscription());
    }
    return subscriptions;
  }

  private StoredSubscription subscription() {
    String filter = FILTERS.get(choice.next(FILTERS.size()));
    String share = choice.next(2) == 0 ? null : SHARES.get(choice.next(2));
    String name = share == null ? filter : "$share/" + share + "/" + filter;
    return new StoredSubscription(
        name,
        share,
        filter.getBytes(StandardCharsets.UTF_8),
        choice.next(3),
        share == null && choice.next(5) == 0,
        false,
        2,
        choice.next(3));
  }

  private Command.Publish publish() {
    String payload = serial++ + "x".repeat(choice.next(5) == 0 ? choice.next(500) : 0);
    long expiry = choice.next(3) == 0 ? 1 + choice.next(4) : -1;
    String topic = "t/" + choice.next(3);
    byte[] packet = Messages.publish(topic, payload, choice.next(3), false, expiry);
    List<Command.Pick> picks = new ArrayList<>();
    for (int i = choice.next(3); i > 0; i--) {
      String share = SHARES.get(choice.next(2));
      String filter = FILTERS.get(choice.next(5));
      boolean isNew =
          picks.stream()
              .noneMatch(
                  p -> p.share().equals(share) && GroupModel.text(p.filter()).equals(filter));
      if (isNew) {
        String chosen = choice.next(3) == 0 ? null : "s" + choice.next(4);
        picks.add(new Command.Pick(share, filter.getBytes(StandardCharsets.UTF_8), chosen));
      }
    }
    String publisher = "s" + choice.next(4);
    long epoch = choice.next(3) == 0 ? model.epoch(publisher) - choice.next(2) : 0;
    return new Command.Publish(packet, publisher, epoch, choice.next(8) > 0, picks);
  }

  private void step(Command command) {
    effects.clear();
    Outcome outcome = group.apply(now, command, effects::add);
    String expected = model.apply(now, command);
    assertThat(GroupModel.text(outcome)).as("outcome of %s", command).isEqualTo(expected);
    assertThat(effects.stream().flatMap(GroupModel::text).sorted().toList())
        .as("effects of %s", command)
        .isEqualTo(model.effects());
    assertThat(group.sessions()).isEqualTo(model.sessions());
    assertThat(group.deliveries()).as("after %s", command).isEqualTo(model.deliveries());
    assertThat(group.pending().stream().flatMap(GroupModel::text).sorted().toList())
        .as("pending after %s", command)
        .isEqualTo(model.pending());
    for (int i = 0; i < 4; i++) {
      String name = "s" + i;
      List<String> inFlight =
          group.inbox(name, model.epoch(name), 0, 100).stream().map(GroupModel::text).toList();
      assertThat(inFlight).as("%s after %s", name, command).isEqualTo(model.inFlight(name));
    }
  }
}
