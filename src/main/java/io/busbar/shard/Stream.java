package io.busbar.shard;

import java.util.List;

/** The numbered entries of one incarnation of an origin: the last number, and the last answers. */
final class Stream {
  final String origin;
  final long incarnation;

  /** Number of the last entry that was applied; 0 before the first. */
  long last;

  /** What the last entry came to, and the one before it; null where there was none. */
  List<Outcome> answer;

  List<Outcome> answerBefore;

  Stream(String origin, long incarnation) {
    this.origin = origin;
    this.incarnation = incarnation;
  }

  /** The answer to an entry that is not the next, or null if it is. */
  Result judge(long number) {
    if (number == last + 1) {
      return null;
    } else if (number > last) {
      return new Result.Gap(last + 1);
    } else if (number == last && last > 0) {
      return new Result.Repeated(answer);
    } else if (number == last - 1 && number > 0) {
      return new Result.Repeated(answerBefore);
    }
    return new Result.Old();
  }

  /** As it is now, for a checkpoint. */
  Freezer.Frozen frozen() {
    long number = last;
    List<Outcome> one = answer;
    List<Outcome> before = answerBefore;
    return out -> {
      FormWriter form = out.item(CheckpointWriter.STREAM);
      form.string(origin).number(incarnation).number(number);
      write(form, one);
      write(form, before);
      return true;
    };
  }

  private static void write(FormWriter form, List<Outcome> outcomes) {
    form.flag(outcomes != null);
    if (outcomes != null) {
      OutcomeForm.write(form, outcomes);
    }
  }

  static Stream read(FormReader in) {
    Stream stream = new Stream(in.string(), in.number());
    stream.last = in.number();
    stream.answer = in.flag() ? OutcomeForm.list(in) : null;
    stream.answerBefore = in.flag() ? OutcomeForm.list(in) : null;
    return stream;
  }

  /** The next entry was applied. */
  void applied(List<Outcome> outcomes) {
    last++;
    answerBefore = answer;
    answer = outcomes;
  }
}
