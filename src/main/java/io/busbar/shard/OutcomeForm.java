package io.busbar.shard;

import java.util.List;
import java.util.function.Function;

/**
 * The form of the {@link Outcome}s of an entry: u8 version = 1, list of outcome. An outcome is u8
 * kind, then what it has, in the types of {@link FormWriter} and {@link ValueForm}.
 *
 * <pre>
 *   1 opened        flag present, number epoch, list of subscription, list of number receiving,
 *                   list of (subscription, optional bytes after)
 *   2 done
 *   3 subscribed    list of flag
 *   4 unsubscribed  list of optional subscription
 *   5 published     number sessions
 *   6 refused
 *   7 stale
 *   8 put           flag created
 *   9 taken         string by
 *  10 deleted       flag existed
 *  11 exceeded
 *  12 given         number queue, list of (number sequence, number deliveries, optional letter)
 *  13 returned      list of u8
 *  14 together      list of outcome, none of which is a together
 *  15 opened        what an opened (1) has, but a list of (number packet id, flag and, if set, i64
 *                   stream, number number) receiving
 * </pre>
 */
public final class OutcomeForm {
  private static final int VERSION = 1;
  private static final int OPENED = 1;
  private static final int DONE = 2;
  private static final int SUBSCRIBED = 3;
  private static final int UNSUBSCRIBED = 4;
  private static final int PUBLISHED = 5;
  private static final int REFUSED = 6;
  private static final int STALE = 7;
  private static final int PUT = 8;
  private static final int TAKEN = 9;
  private static final int DELETED = 10;
  private static final int EXCEEDED = 11;
  private static final int GIVEN = 12;
  private static final int RETURNED = 13;
  private static final int TOGETHER = 14;
  private static final int OPENED_SENDING = 15;
  private static final List<Outcome.Settled> SETTLED = List.of(Outcome.Settled.values());

  private OutcomeForm() {}

  /** Writes the outcomes of an entry's commands, in their order. */
  public static byte[] encode(List<Outcome> outcomes) {
    FormWriter out = new FormWriter(16 + 2 * outcomes.size());
    out.u8(VERSION);
    write(out, outcomes);
    return out.toBytes();
  }

  /**
   * Reads what {@link #encode} wrote.
   *
   * @throws FormException if the bytes are not that
   */
  public static List<Outcome> decode(byte[] bytes) {
    FormReader in = new FormReader(bytes);
    in.version(VERSION);
    List<Outcome> outcomes = list(in);
    in.end();
    return outcomes;
  }

  static void write(FormWriter out, List<Outcome> outcomes) {
    out.number(outcomes.size());
    outcomes.forEach(outcome -> write(out, outcome));
  }

  static List<Outcome> list(FormReader in) {
    return in.list(OutcomeForm::read);
  }

  private static void write(FormWriter out, Outcome outcome) {
    if (outcome instanceof Outcome.Published it) {
      out.u8(PUBLISHED).number(it.sessions());
    } else if (outcome instanceof Outcome.Done) {
      out.u8(DONE);
    } else if (outcome instanceof Outcome.Opened it) {
      boolean areSent = it.receiving().stream().anyMatch(one -> one.sending() != null);
      out.u8(areSent ? OPENED_SENDING : OPENED).flag(it.present()).number(it.epoch());
      out.number(it.subscriptions().size());
      it.subscriptions().forEach(one -> ValueForm.write(out, one));
      out.number(it.receiving().size());
      for (Outcome.Receiving one : it.receiving()) {
        out.number(one.packetId());
        if (areSent) {
          write(out, one.sending());
        }
      }
      out.number(it.replays().size());
      for (Outcome.PendingReplay replay : it.replays()) {
        ValueForm.write(out, replay.subscription());
        ValueForm.write(out, replay.after());
      }
    } else if (outcome instanceof Outcome.Subscribed it) {
      out.u8(SUBSCRIBED).number(it.existed().size());
      it.existed().forEach(out::flag);
    } else if (outcome instanceof Outcome.Unsubscribed it) {
      out.u8(UNSUBSCRIBED).number(it.removed().size());
      for (StoredSubscription one : it.removed()) {
        out.flag(one != null);
        if (one != null) {
          ValueForm.write(out, one);
        }
      }
    } else if (outcome instanceof Outcome.Refused) {
      out.u8(REFUSED);
    } else if (outcome instanceof Outcome.Stale) {
      out.u8(STALE);
    } else if (outcome instanceof Outcome.Put it) {
      out.u8(PUT).flag(it.created());
    } else if (outcome instanceof Outcome.Taken it) {
      out.u8(TAKEN).string(it.by());
    } else if (outcome instanceof Outcome.Deleted it) {
      out.u8(DELETED).flag(it.existed());
    } else if (outcome instanceof Outcome.Exceeded) {
      out.u8(EXCEEDED);
    } else if (outcome instanceof Outcome.Given it) {
      out.u8(GIVEN).number(it.queue()).number(it.events().size());
      for (Outcome.Took one : it.events()) {
        DeadLetter.write(out.number(one.sequence()).number(one.deliveries()), one.letter());
      }
    } else if (outcome instanceof Outcome.Together it) {
      write(out.u8(TOGETHER), it.outcomes());
    } else if (outcome instanceof Outcome.Returned it) {
      out.u8(RETURNED).number(it.events().size());
      it.events().forEach(one -> out.u8(SETTLED.indexOf(one)));
    }
  }

  private static void write(FormWriter out, Sending sending) {
    out.flag(sending != null);
    if (sending != null) {
      sending.write(out);
    }
  }

  private static Outcome opened(FormReader in, Function<FormReader, Outcome.Receiving> receiving) {
    return new Outcome.Opened(
        in.flag(),
        in.number(),
        in.list(ValueForm::subscription),
        in.list(receiving),
        in.list(OutcomeForm::replay));
  }

  private static Outcome read(FormReader in) {
    int kind = in.u8();
    return switch (kind) {
      case OPENED -> opened(in, one -> new Outcome.Receiving(one.u31(), null));
      case OPENED_SENDING ->
          opened(
              in, one -> new Outcome.Receiving(one.u31(), one.flag() ? Sending.read(one) : null));
      case DONE -> new Outcome.Done();
      case SUBSCRIBED -> new Outcome.Subscribed(in.list(FormReader::flag));
      case UNSUBSCRIBED ->
          new Outcome.Unsubscribed(in.list(one -> one.flag() ? ValueForm.subscription(one) : null));
      case PUBLISHED -> new Outcome.Published(in.u31());
      case REFUSED -> new Outcome.Refused();
      case STALE -> new Outcome.Stale();
      case PUT -> new Outcome.Put(in.flag());
      case TAKEN -> new Outcome.Taken(in.string());
      case DELETED -> new Outcome.Deleted(in.flag());
      case EXCEEDED -> new Outcome.Exceeded();
      case GIVEN ->
          new Outcome.Given(
              in.number(),
              in.list(one -> new Outcome.Took(one.number(), one.u31(), DeadLetter.read(one))));
      case RETURNED -> new Outcome.Returned(in.list(OutcomeForm::settled));
      case TOGETHER -> together(in);
      default -> throw in.wrong("an outcome of kind " + kind);
    };
  }

  private static Outcome together(FormReader in) {
    List<Outcome> outcomes = list(in);
    if (outcomes.stream().anyMatch(Outcome.Together.class::isInstance)) {
      throw in.wrong("outcomes of outcomes of outcomes");
    }
    return new Outcome.Together(outcomes);
  }

  private static Outcome.Settled settled(FormReader in) {
    int value = in.u8();
    if (value >= SETTLED.size()) {
      throw in.wrong("an event that is settled as " + value);
    }
    return SETTLED.get(value);
  }

  private static Outcome.PendingReplay replay(FormReader in) {
    return new Outcome.PendingReplay(ValueForm.subscription(in), ValueForm.bytes(in));
  }
}
