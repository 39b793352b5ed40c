package io.busbar.policy;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;

/**
 * A draft of the policy beside the one in force: whatever is decided for clients is decided by the
 * draft as well, which changes nothing, and where it says otherwise, that is told once. What it
 * gives out, permits, may be used by any thread; the rest is for the thread of the policy, but for
 * {@link #since} and the counts.
 */
public final class Shadow {
  /** Differences that are told; others are counted. */
  static final int MOST = 10_000;

  private final List<Policy.Change> changes;
  private Policy draft;

  private final Set<Difference> known = ConcurrentHashMap.newKeySet();

  /** Those, in their order; guarded by itself. */
  private final List<Difference> told = new ArrayList<>();

  private final LongAdder compared = new LongAdder();
  private final LongAdder leftOut = new LongAdder();

  /** What a client wants to do. */
  public enum Right {
    /** To connect; a stored session stays. */
    CONNECT,
    PUBLISH,
    SUBSCRIBE;

    /** As it is called on the wire and in texts. */
    public String key() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /**
   * Something that the draft decides otherwise.
   *
   * @param client the authentication name, or the user name of one that is not let in
   * @param object the topic or the filter, empty where it is to connect
   * @param isAllowed whether it is now; with the draft it is the other way
   * @param why it is denied by the one that denies it, in one line
   */
  public record Difference(
      String client, Right right, String object, boolean isAllowed, String why) {}

  /** Compares a policy with what it would be after changes. */
  public Shadow(Policy live, List<Policy.Change> changes) {
    this.changes = List.copyOf(changes);
    follow(live);
  }

  /** The policy in force has changed: the draft is that one with the changes. */
  public void follow(Policy live) {
    draft = live.draft(changes);
  }

  /** Whoever is let in, and as whom; what it does is compared from now on. */
  public Admission.Granted beside(Admission.Granted live) {
    compared.increment();
    Admission then = draft.again(live);
    if (then instanceof Admission.Granted granted) {
      return new Admission.Granted(
          live.client(),
          new Both(live.permit(), granted.permit()),
          live.credential(),
          live.until());
    }
    differs(
        live.client().authenticationName(),
        Right.CONNECT,
        "",
        true,
        ((Admission.Refused) then).text());
    return live;
  }

  /** What a client of the registry may do, connected or not; that is compared. */
  public Permit beside(Client client, Permit live) {
    compared.increment();
    String name = client.authenticationName();
    Optional<Client> then = draft.client(name);
    if (then.isEmpty()) {
      differs(name, Right.CONNECT, "", true, "client " + Text.quote(name) + " is not registered");
      return live;
    }
    return new Both(live, draft.permit(then.get()));
  }

  /** Somebody was refused who connects; the draft has said this of it. */
  public void refused(String userName, Admission.Refused live, Admission then) {
    compared.increment();
    if (!(then instanceof Admission.Refused)) {
      differs(userName, Right.CONNECT, "", false, live.text());
    }
  }

  /** The draft, to be asked what it says of somebody who connects. */
  public Policy draft() {
    return draft;
  }

  private void differs(String client, Right right, String object, boolean isAllowed, String why) {
    // clients choose names and topics: many long ones are kept no longer than they are shown
    Difference one =
        new Difference(Text.line(client), right, Text.line(object), isAllowed, Text.line(why));
    if (known.contains(one)) {
      return;
    }
    synchronized (told) {
      if (told.size() >= MOST) {
        leftOut.increment();
      } else if (known.add(one)) {
        told.add(one);
      }
    }
  }

  /**
   * Some of the differences, in the order in which they were found.
   *
   * @param from how many whoever asks has already
   */
  public List<Difference> since(int from, int most) {
    synchronized (told) {
      int begin = Math.min(from, told.size());
      return List.copyOf(told.subList(begin, Math.min(told.size(), begin + most)));
    }
  }

  /** How many decisions were compared. */
  public long compared() {
    return compared.sum();
  }

  /** How many differences were not told, because there were so many. */
  public long leftOut() {
    return leftOut.sum();
  }

  /** What is allowed is the live permit's; the draft's is only asked. */
  private final class Both implements Permit {
    private final Permit live;
    private final Permit then;

    Both(Permit live, Permit then) {
      this.live = live;
      this.then = then;
    }

    @Override
    public String authenticationName() {
      return live.authenticationName();
    }

    @Override
    public boolean mayPublish(byte[] topic, int offset, int length) {
      boolean may = live.mayPublish(topic, offset, length);
      compared.increment();
      if (may != then.mayPublish(topic, offset, length)) {
        String name = new String(topic, offset, length, StandardCharsets.UTF_8);
        differs(Right.PUBLISH, name, may, (may ? then : live).whyNotPublish(name));
      }
      return may;
    }

    @Override
    public boolean maySubscribe(byte[] filter) {
      boolean may = live.maySubscribe(filter);
      compared.increment();
      if (may != then.maySubscribe(filter)) {
        String name = new String(filter, StandardCharsets.UTF_8);
        differs(Right.SUBSCRIBE, name, may, (may ? then : live).whyNotSubscribe(name));
      }
      return may;
    }

    @Override
    public Optional<String> whyNotPublish(String topic) {
      Optional<String> why = live.whyNotPublish(topic);
      Optional<String> whyThen = then.whyNotPublish(topic);
      compared.increment();
      if (why.isEmpty() != whyThen.isEmpty()) {
        differs(Right.PUBLISH, topic, why.isEmpty(), why.isEmpty() ? whyThen : why);
      }
      return why;
    }

    @Override
    public Optional<String> whyNotSubscribe(String filter) {
      return live.whyNotSubscribe(filter);
    }

    private void differs(Right right, String object, boolean isAllowed, Optional<String> why) {
      Shadow.this.differs(
          live.authenticationName(), right, object, isAllowed, why.orElse("denied"));
    }
  }
}
