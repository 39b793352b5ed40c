package io.busbar.store;

import io.busbar.config.Settings;
import io.busbar.shard.FormException;
import io.microraft.MembershipChangeMode;
import io.microraft.RaftEndpoint;
import io.microraft.model.groupop.UpdateRaftGroupMembersOp;
import io.microraft.model.log.LogEntry;
import java.io.IOException;
import java.time.InstantSource;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.UUID;

/**
 * Makes what one disk has of a shared store a store of its own, when most of its voters are gone
 * for good. Nothing else gives up data: what was acknowledged after this disk had its last entry is
 * lost, and the disks of other nodes are not taken any more.
 */
public final class StoreRecovery {
  /**
   * What the disk has, and is from now on.
   *
   * @param node which goes on, as its store knows it
   * @param former id of the store, and
   * @param store id from now on; the same if nothing was changed
   * @param members of the former store
   * @param last index of the log that this disk has
   * @param term of its last entry: of two disks the one of the higher term knows more, of the same
   *     the one with the longer log
   */
  public record Found(
      String node, String former, String store, List<String> members, long last, int term) {}

  private StoreRecovery() {}

  /** What a disk has; nothing is changed. The node is not running. */
  public static Found look(String name, Settings.Storage storage) throws IOException {
    return open(name, storage, false);
  }

  /**
   * Makes it a store of its own. The node is not running.
   *
   * @param name of the node
   * @throws IOException if the directory cannot be used, is in use, or has no part of a shared
   *     store
   */
  public static Found run(String name, Settings.Storage storage) throws IOException {
    return open(name, storage, true);
  }

  private static Found open(String name, Settings.Storage storage, boolean accepts)
      throws IOException {
    DataDirectory.Setup setup =
        new DataDirectory.Setup(name, "", StoreOpening.SHARDS, StoreOpening.GROUPS);
    try (DataDirectory directory =
        DataDirectory.open(storage.directory(), setup, InstantSource.system())) {
      Disk disk = directory.folder(StoreOpening.FOLDER);
      Identity identity = directory.identity();
      if (identity.cluster().isEmpty() || Segment.all(disk).isEmpty()) {
        throw new DataDirectoryException(
            "data directory %s has no part of a store (needed: that of the node which is to go on)"
                .formatted(storage.directory()));
      }
      GroupLog log = new GroupLog(0, StoreOpening.HEAP_BYTES);
      Journal journal =
          Journal.open(
              disk,
              storage.segmentBytes(),
              (position, group, kind, body) -> log.replay(position, kind, body));
      try {
        return found(directory, log, journal, accepts);
      } finally {
        journal.close();
      }
    } catch (FormException e) {
      throw new DataDirectoryException(
          "data directory %s: %s".formatted(storage.directory(), e.getMessage()), e);
    }
  }

  private static Found found(
      DataDirectory directory, GroupLog log, Journal journal, boolean accepts) throws IOException {
    Identity before = directory.identity();
    if (log.members() == null) {
      throw new DataDirectoryException(
          "data directory %s has nothing of the store %s yet"
              .formatted(directory.path(), before.cluster()));
    }
    long last = log.snapshotIndex();
    int term = log.snapshotTerm();
    Collection<RaftEndpoint> members = log.members().getMembers();
    for (LogEntry entry : log.takeEntries()) {
      if (entry.getIndex() > last) {
        last = entry.getIndex();
        term = entry.getTerm();
      }
      if (entry.getOperation() instanceof UpdateRaftGroupMembersOp change) {
        members = change.getMembers();
      }
    }
    if (accepts) {
      // first: with the former id it would be a second store beside what others have of it
      directory.found(UUID.randomUUID().toString());
      alone(before.node(), log, journal, last + 1);
    }
    return new Found(
        before.node().id(),
        before.cluster(),
        directory.identity().cluster(),
        members.stream().map(member -> member.getId().toString()).sorted().toList(),
        last,
        term);
  }

  /**
   * The last entry says that this node is the only one: it takes that, and all before, as agreed.
   */
  private static void alone(RaftEndpoint self, GroupLog log, Journal journal, long index)
      throws IOException {
    UpdateRaftGroupMembersOp change =
        RaftForm.MODELS
            .createUpdateRaftGroupMembersOpBuilder()
            .setMembers(List.of(self))
            .setVotingMembers(List.of(self))
            .setEndpoint(self)
            .setMode(MembershipChangeMode.ADD_OR_PROMOTE_TO_FOLLOWER)
            .build();
    log.open(journal, null, () -> false, Set.of());
    log.persistLogEntries(
        List.of(
            RaftForm.MODELS
                .createLogEntryBuilder()
                .setTerm(log.term())
                .setIndex(index)
                .setOperation(change)
                .build()));
    journal.sync();
  }
}
