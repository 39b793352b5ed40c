package io.busbar.shard;

/** The form of a {@link Result}, which says what it is. */
final class ResultForm {
  private static final int VERSION = 1;
  private static final int APPLIED = 1;
  private static final int REPEATED = 2;
  private static final int OLD = 3;
  private static final int GAP = 4;
  private static final int STALE = 5;

  private ResultForm() {}

  static byte[] encode(Result result) {
    FormWriter out = new FormWriter(64);
    out.u8(VERSION);
    if (result instanceof Result.Applied it) {
      OutcomeForm.write(out.u8(APPLIED), it.outcomes());
    } else if (result instanceof Result.Repeated it) {
      OutcomeForm.write(out.u8(REPEATED), it.outcomes());
    } else if (result instanceof Result.Old) {
      out.u8(OLD);
    } else if (result instanceof Result.Gap it) {
      out.u8(GAP).number(it.expected());
    } else if (result instanceof Result.Stale it) {
      out.u8(STALE).number(it.incarnation());
    }
    return out.toBytes();
  }

  static Result decode(byte[] bytes) {
    FormReader in = new FormReader(bytes);
    in.version(VERSION);
    int kind = in.u8();
    Result result =
        switch (kind) {
          case APPLIED -> new Result.Applied(OutcomeForm.list(in));
          case REPEATED -> new Result.Repeated(OutcomeForm.list(in));
          case OLD -> new Result.Old();
          case GAP -> new Result.Gap(in.number());
          case STALE -> new Result.Stale(in.number());
          default -> throw in.wrong("a result of kind " + kind);
        };
    in.end();
    return result;
  }
}
