package io.busbar.shard;

import java.util.List;

/**
 * What a {@link Machine} answers to an {@link Entry}.
 *
 * <p>Its form, in the types of {@link FormWriter}: u8 version = 1, u8 kind, and
 *
 * <pre>
 *   1 applied   list of outcome ({@link OutcomeForm})
 *   2 repeated  list of outcome
 *   3 old
 *   4 gap       number expected
 *   5 stale     number incarnation
 * </pre>
 */
public sealed interface Result {
  /** It was applied: what each of its commands came to, in their order. */
  record Applied(List<Outcome> outcomes) implements Result {}

  /** It was applied before: the answer that it had then. Nothing changed now. */
  record Repeated(List<Outcome> outcomes) implements Result {}

  /** It was applied so long before that its answer is forgotten. Nothing changed now. */
  record Old() implements Result {}

  /**
   * One that comes before it is missing. Nothing changed.
   *
   * @param expected the number that is next
   */
  record Gap(long expected) implements Result {}

  /**
   * Its origin has started anew since. Nothing changed.
   *
   * @param incarnation of the origin, the latest that is known
   */
  record Stale(long incarnation) implements Result {}

  /** Its form between nodes. */
  default byte[] encode() {
    return ResultForm.encode(this);
  }

  /**
   * Reads what {@link #encode} wrote.
   *
   * @throws FormException if the bytes are not that
   */
  static Result decode(byte[] bytes) {
    return ResultForm.decode(bytes);
  }
}
