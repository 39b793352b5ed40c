package io.busbar.shard;

/** The first item of a checkpoint: the counters and bounds of its machine. */
record CheckpointHeader(
    long now, long lastEpoch, long lastScheduled, long lastEffect, Bounds bounds)
    implements Freezer.Frozen {
  @Override
  public boolean write(CheckpointWriter out) {
    FormWriter form = out.item(CheckpointWriter.HEADER).u8(CheckpointWriter.VERSION).i64(now);
    form.number(lastEpoch).number(lastScheduled).number(lastEffect);
    ValueForm.write(form, bounds);
    return true;
  }

  static CheckpointHeader read(FormReader in) {
    in.version(CheckpointWriter.VERSION);
    return new CheckpointHeader(
        in.i64(), in.number(), in.number(), in.number(), ValueForm.bounds(in));
  }
}
