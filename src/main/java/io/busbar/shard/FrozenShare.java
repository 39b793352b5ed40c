package io.busbar.shard;

/** A share as it was when a checkpoint began. */
final class FrozenShare implements Freezer.Frozen {
  private final Share.Key key;
  private final String[] members;
  private final Share.Pooled[] pool;
  private int written = -1;

  private FrozenShare(Share share) {
    key = share.key;
    // not by their epochs, which may have changed since the checkpoint began
    members = share.members.keySet().stream().map(session -> session.name).toArray(String[]::new);
    pool = share.pool.toArray(new Share.Pooled[0]);
  }

  static FrozenShare of(Share share) {
    return new FrozenShare(share);
  }

  @Override
  public boolean write(CheckpointWriter out) {
    if (written < 0) {
      FormWriter form = out.item(CheckpointWriter.SHARE);
      form.string(key.name()).bytes(key.filter());
      form.number(members.length);
      for (String member : members) {
        form.string(member);
      }
      form.number(pool.length);
      written = 0;
    }
    while (written < pool.length && !out.isFull()) {
      Share.Pooled message = pool[written++];
      FormWriter form = out.item(CheckpointWriter.POOLED);
      out.body(message.body());
      form.u8(message.qos());
      CheckpointWriter.time(form, message.expiresAt());
    }
    return written == pool.length;
  }
}
