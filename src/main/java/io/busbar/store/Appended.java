package io.busbar.store;

import io.busbar.shard.Outcome;
import io.busbar.shard.Refusal;
import java.util.List;

/** What became of a batch of commands that a {@link Store} was given. */
public sealed interface Appended {
  /** Applied, each with its outcome in order, and as safe as the store promises. */
  record Outcomes(List<Outcome> outcomes) implements Appended {}

  /**
   * Known not to be applied, now and later: whoever waits may be told no.
   *
   * @param refusals how many of its {@link Feed} were refused for that, this one too; 0 if the next
   *     ones do not depend on it
   */
  record Refused(Refusal reason, long refusals) implements Appended {
    /** A batch that no other one depends on. */
    public Refused(Refusal reason) {
      this(reason, 0);
    }
  }

  /** Applied or not, now or later, and the store tries no more: nobody may be told either. */
  record Unknown() implements Appended {}
}
