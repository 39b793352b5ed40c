package io.busbar.store;

import io.busbar.shard.Outcome;
import io.busbar.shard.Refusal;
import java.util.List;

/** What became of a batch of commands that a {@link Store} was given. */
public sealed interface Appended {
  /** Applied, each with its outcome in order, and as safe as the store promises. */
  record Outcomes(List<Outcome> outcomes) implements Appended {}

  /** Known not to be applied, now and later: whoever waits may be told no. */
  record Refused(Refusal reason) implements Appended {}

  /** Applied or not, now or later, and the store tries no more: nobody may be told either. */
  record Unknown() implements Appended {}
}
