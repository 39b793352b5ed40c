package io.busbar.shard;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The events of one subscription that are given out on request. An event is ready, or locked by
 * whoever received it, or waits because it was given back for later; what is locked and not settled
 * in time is ready again.
 */
final class EventQueue {
  /** How long after the first time a lock may be renewed, in milliseconds. */
  static final long RENEWABLE = 3_600_000;

  /** What an event costs besides its bytes. */
  static final int OVERHEAD = 128;

  final String name;

  /** Unique in the group, so that a token of another queue of this name is known as such. */
  final long number;

  /** The last checkpoint that has it, or that began before it changed. */
  int checkpoint;

  private QueueRules rules;
  private final All all;

  /** Those that were given out, by their sequences, in their order. */
  private final Map<Long, Event> touched = new LinkedHashMap<>();

  /** Those that were not, all later than any that was; they are ready. */
  private final UntouchedEvents untouched;

  /** Those that were given out and are ready again. */
  private final TreeSet<Long> again = new TreeSet<>();

  private final TreeSet<Event> away =
      new TreeSet<>(Comparator.comparingLong(Event::until).thenComparingLong(Event::sequence));
  private long bytes;

  /**
   * An event.
   *
   * @param deliveries how often it was given out
   * @param isLocked whether somebody has it
   * @param until when its lock, or its delay, ends; 0 for one that is ready
   * @param first when it was given out first, 0 if it was not
   * @param last when it was given out last, 0 if it was not
   * @param result what came of that, as far as somebody said
   * @param letter what became of it elsewhere, if it is a dead letter, or null
   */
  record Event(
      long sequence,
      Body body,
      long published,
      int deliveries,
      boolean isLocked,
      long until,
      long first,
      long last,
      int result,
      DeadLetter letter) {
    static Event untouched(long sequence, Body body, long published, DeadLetter letter) {
      return new Event(sequence, body, published, 0, false, 0, 0, 0, 0, letter);
    }

    private long cost() {
      return (long) body.packet.length + OVERHEAD;
    }

    private void write(CheckpointWriter out) {
      out.event(
          sequence, body, published, deliveries, isLocked, until, first, last, result, letter);
    }

    private Event ready() {
      return back(0, result);
    }

    private Event given(long now, long end) {
      long since = first == 0 ? now : first;
      return new Event(
          sequence, body, published, deliveries + 1, true, end, since, now, result, letter);
    }

    private Event locked(long end) {
      return new Event(
          sequence, body, published, deliveries, true, end, first, last, result, letter);
    }

    private Event untaken() {
      boolean wasNever = deliveries == 1;
      return new Event(
          sequence,
          body,
          published,
          deliveries - 1,
          false,
          0,
          wasNever ? 0 : first,
          wasNever ? 0 : last,
          result,
          letter);
    }

    private Event back(long end, int came) {
      return new Event(
          sequence, body, published, deliveries, false, end, first, last, came, letter);
    }
  }

  /** A queue whose next event that comes in has the sequence {@code next}. */
  private EventQueue(All all, String name, long number, QueueRules rules, long next) {
    this.all = all;
    this.name = name;
    this.number = number;
    this.rules = rules;
    this.untouched = new UntouchedEvents(all.freezer, next);
  }

  QueueRules rules() {
    return rules;
  }

  void rules(QueueRules now) {
    rules = now;
  }

  int size() {
    return touched.size() + untouched.size();
  }

  boolean isReady() {
    return !again.isEmpty() || untouched.size() > 0;
  }

  /** The oldest event that is ready; there must be one. */
  private Event firstReady() {
    return again.isEmpty() ? untouched.peek() : touched.get(again.first());
  }

  /** When something is due, or Long.MAX_VALUE. */
  long due() {
    long lock = away.isEmpty() ? Long.MAX_VALUE : away.first().until;
    return Math.min(lock, isReady() ? endOfFirst() : Long.MAX_VALUE);
  }

  private long endOfFirst() {
    return publishedFirst() + rules.ttlMillis();
  }

  private long publishedFirst() {
    return again.isEmpty() ? untouched.published() : firstReady().published;
  }

  EventQueueView view() {
    return new EventQueueView(
        name, size(), away.size(), bytes, isReady() ? publishedFirst() : 0, rules);
  }

  /** Whether so many events of so many bytes may come in. */
  boolean accepts(int more, long moreBytes) {
    return size() + more <= rules.mostEvents()
        && bytes + moreBytes + (long) more * OVERHEAD <= rules.mostBytes();
  }

  /** Puts an event in; {@code letter} is null unless another queue had it. */
  void add(Body body, DeadLetter letter, long now) {
    untouched.add(body, now, letter);
    bytes += (long) body.packet.length + OVERHEAD;
    all.count++;
  }

  // --- time ---

  /** Has what is due happen: locks end, delays end, events end. */
  void advance(Moment moment) {
    while (!away.isEmpty() && away.first().until <= moment.now) {
      back(away.first(), moment);
    }
    while (isReady() && endOfFirst() <= moment.now) {
      drop(firstReady(), DeadLetter.Cause.EXPIRED, moment);
    }
  }

  private boolean isOver(Event event, long now) {
    return event.published + rules.ttlMillis() <= now;
  }

  /** An event whose lock or delay has ended is ready again, if it may be given out once more. */
  private void back(Event event, Moment moment) {
    if (event.isLocked && event.deliveries >= rules.maxDeliveries()) {
      drop(event, DeadLetter.Cause.UNDELIVERED, moment);
    } else if (isOver(event, moment.now)) {
      drop(event, DeadLetter.Cause.EXPIRED, moment);
    } else {
      replace(event, event.ready());
    }
  }

  private void replace(Event old, Event now) {
    leave(old);
    touched.put(now.sequence, now);
    if (now.until == 0) {
      again.add(now.sequence);
    } else {
      away.add(now);
    }
  }

  private void leave(Event event) {
    if (event.until != 0) {
      away.remove(event);
    } else if (event.sequence == untouched.first()) {
      // such events leave in their order
      untouched.remove();
    } else {
      again.remove(event.sequence);
    }
  }

  private void remove(Event event) {
    leave(event);
    touched.remove(event.sequence);
    bytes -= event.cost();
    all.count--;
  }

  /** Nobody will have an event from here, unless somebody looks after such events. */
  private void drop(Event event, DeadLetter.Cause cause, Moment moment) {
    remove(event);
    EventQueue letters = rules.deadLetters().isEmpty() ? null : all.change(rules.deadLetters());
    if (letters == null || !letters.accepts(1, event.body.packet.length)) {
      moment.lost(cause.loss, 1);
      return;
    }
    boolean wasReady = letters.isReady();
    letters.add(
        event.body,
        new DeadLetter(cause, event.deliveries, event.published, event.last, event.result),
        moment.now);
    letters.ring(wasReady, moment);
  }

  /** Tells that there is something to give out, if there was nothing. */
  void ring(boolean wasReady, Moment moment) {
    if (!wasReady && isReady()) {
      moment.tell(new Effect.Ready(name));
    }
  }

  // --- giving out, taking back ---

  /** Gives out what is ready, oldest first. */
  List<Outcome.Took> take(int most, long mostBytes, Moment moment) {
    List<Outcome.Took> took = new ArrayList<>();
    long bodies = 0;
    while (took.size() < most && isReady()) {
      Event event = firstReady();
      bodies += event.body.packet.length;
      if (bodies > mostBytes && !took.isEmpty()) {
        break;
      }
      Event given = event.given(moment.now, moment.now + rules.lockMillis());
      replace(event, given);
      took.add(new Outcome.Took(given.sequence, given.deliveries, given.letter));
    }
    return took;
  }

  /** Settles an event by whoever has it; the answer says whether it had. */
  Outcome.Settled settle(Command.Return how, Command.Token token, Moment moment) {
    if (token.queue() != number || token.sequence() >= untouched.next()) {
      return Outcome.Settled.UNKNOWN;
    }
    Event event = touched.get(token.sequence());
    if (event == null || !event.isLocked || event.deliveries != token.deliveries()) {
      return Outcome.Settled.LOST;
    }
    switch (how.kind()) {
      case ACKNOWLEDGE -> remove(event);
      case REJECT -> drop(came(event, how), DeadLetter.Cause.REJECTED, moment);
      case RENEW -> {
        if (moment.now > event.first + RENEWABLE) {
          return Outcome.Settled.LOST;
        }
        replace(event, event.locked(moment.now + rules.lockMillis()));
      }
      case PUT_BACK -> replace(event, event.untaken());
      case RELEASE -> {
        if (event.deliveries >= rules.maxDeliveries()) {
          drop(came(event, how), DeadLetter.Cause.UNDELIVERED, moment);
        } else {
          long end = how.delayMillis() == 0 ? 0 : moment.now + how.delayMillis();
          replace(event, event.back(end, how.result()));
        }
      }
    }
    return Outcome.Settled.DONE;
  }

  /** An event of which somebody says what came of it. */
  private Event came(Event event, Command.Return how) {
    Event now = event.back(0, how.result());
    replace(event, now);
    return now;
  }

  /** The bytes of an event that was given out, or null if it is gone. */
  byte[] body(long sequence) {
    Event event = touched.get(sequence);
    return event == null ? null : event.body.packet;
  }

  // --- checkpoints ---

  /** As it was when a checkpoint began. */
  Freezer.Frozen frozen() {
    return new Frozen(this);
  }

  /** A queue of a checkpoint, without its events yet. */
  static EventQueue restore(All all, FormReader in) {
    String name = in.string();
    long number = in.number();
    QueueRules rules = QueueRules.read(in);
    // what follows says it, too
    in.number();
    return new EventQueue(all, name, number, rules, in.number());
  }

  /** The next event of a checkpoint. */
  void restore(Event event) {
    if (event.sequence > untouched.next()) {
      throw new FormException(
          "event %d of queue %s comes before event %d"
              .formatted(event.sequence, name, untouched.next()));
    }
    bytes += event.cost();
    all.count++;
    if (event.sequence == untouched.next()) {
      untouched.add(event.body, event.published, event.letter);
      return;
    }
    touched.put(event.sequence, event);
    if (event.until != 0) {
      away.add(event);
    } else {
      again.add(event.sequence);
    }
  }

  private static final class Frozen implements Freezer.Frozen {
    private final String name;
    private final long number;
    private final QueueRules rules;
    private final long next;
    private final long fresh;
    private final int count;
    private final Event[] touched;
    private final UntouchedEvents.Frozen untouched;
    private boolean isBegun;
    private int written;

    Frozen(EventQueue of) {
      this.name = of.name;
      this.number = of.number;
      this.rules = of.rules;
      this.next = of.untouched.next();
      this.fresh = of.untouched.first();
      this.count = of.size();
      this.touched = of.touched.values().toArray(Event[]::new);
      this.untouched = of.untouched.frozen();
    }

    @Override
    public boolean write(CheckpointWriter out) {
      if (!isBegun) {
        FormWriter form = out.item(CheckpointWriter.QUEUE).string(name).number(number);
        QueueRules.write(form, rules);
        form.number(next).number(fresh).number(count);
        isBegun = true;
      }
      while (written < touched.length && !out.isFull()) {
        touched[written++].write(out);
      }
      while (written == touched.length && !untouched.isWritten() && !out.isFull()) {
        untouched.write(out);
      }
      return written == touched.length && untouched.isWritten();
    }
  }

  /** The queues of a group, by name. */
  static final class All {
    private final Freezer freezer;
    private final NavigableMap<String, EventQueue> byName = new TreeMap<>();

    /** The last one that a checkpoint has seen, null before the first; and whether it saw all. */
    private String seen;

    private boolean isSeen;

    /** Events in all queues. */
    private int count;

    All(Freezer freezer) {
      this.freezer = freezer;
    }

    /** A queue that is not about to change, or null. */
    EventQueue get(String name) {
      return byName.get(name);
    }

    /** Some of them as people look at them, behind a name or, if that is null, from the first. */
    List<EventQueueView> views(String after, int most) {
      NavigableMap<String, EventQueue> rest = after == null ? byName : byName.tailMap(after, false);
      return rest.values().stream().limit(most).map(EventQueue::view).toList();
    }

    /** A queue that is about to change, or null. */
    EventQueue change(String name) {
      EventQueue queue = byName.get(name);
      if (queue != null) {
        before(queue);
      }
      return queue;
    }

    /** Makes a queue. */
    void add(String name, long number, QueueRules rules) {
      EventQueue queue = new EventQueue(this, name, number, rules, 1);
      queue.checkpoint = freezer.checkpoint;
      byName.put(name, queue);
    }

    private void before(EventQueue queue) {
      if (freezer.isOn() && queue.checkpoint != freezer.checkpoint) {
        freezer.copies.add(queue.frozen());
      }
      queue.checkpoint = freezer.checkpoint;
    }

    void restore(EventQueue queue) {
      byName.put(queue.name, queue);
    }

    void remove(EventQueue queue) {
      byName.remove(queue.name);
      count -= queue.size();
    }

    /** Events in all queues. */
    int events() {
      return count;
    }

    long due() {
      long due = Long.MAX_VALUE;
      for (EventQueue queue : byName.values()) {
        due = Math.min(due, queue.due());
      }
      return due;
    }

    /** Has what is due happen, and tells whose events are ready again. */
    void advance(Moment moment) {
      for (EventQueue queue : byName.values()) {
        if (queue.due() <= moment.now) {
          before(queue);
          boolean wasReady = queue.isReady();
          queue.advance(moment);
          queue.ring(wasReady, moment);
        }
      }
    }

    void rewind() {
      seen = null;
      isSeen = false;
    }

    /** The next one on a checkpoint's way, or null at the end of it or of the slice. */
    Freezer.Frozen unwritten(CheckpointWriter writer) {
      while (!isSeen && !writer.isFull()) {
        Map.Entry<String, EventQueue> entry =
            seen == null ? byName.firstEntry() : byName.higherEntry(seen);
        isSeen = entry == null;
        if (entry != null) {
          seen = entry.getKey();
          EventQueue queue = entry.getValue();
          if (queue.checkpoint != freezer.checkpoint) {
            queue.checkpoint = freezer.checkpoint;
            return queue.frozen();
          }
          writer.skipped();
        }
      }
      return null;
    }
  }
}
