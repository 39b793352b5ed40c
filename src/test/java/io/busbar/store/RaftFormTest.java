package io.busbar.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import io.busbar.shard.FormException;
import io.microraft.MembershipChangeMode;
import io.microraft.RaftEndpoint;
import io.microraft.model.RaftModelFactory;
import io.microraft.model.impl.DefaultRaftModelFactory;
import io.microraft.model.log.LogEntry;
import io.microraft.model.log.RaftGroupMembersView;
import io.microraft.model.log.SnapshotChunk;
import io.microraft.model.log.SnapshotEntry;
import io.microraft.model.message.RaftMessage;
import io.microraft.model.persistence.RaftEndpointPersistentState;
import io.microraft.model.persistence.RaftTermPersistentState;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Random;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The golden bytes are the contract with nodes of another version and with what stands in journals:
 * they change with a version.
 */
class RaftFormTest {
  private static final RaftModelFactory MODELS = new DefaultRaftModelFactory();
  private static final NodeEndpoint A = new NodeEndpoint("a");
  private static final NodeEndpoint B = new NodeEndpoint("b");
  private static final NodeEndpoint C = new NodeEndpoint("c");
  private static final long SEED = Long.getLong("seed", 1);

  /** A form with its golden bytes. */
  record Form(String name, byte[] bytes, String golden, Function<ByteBuffer, byte[]> again) {
    @Override
    public String toString() {
      return name;
    }
  }

  private static Form message(String name, RaftMessage message, String golden) {
    return new Form(
        name, RaftMessages.write(message), golden, in -> RaftMessages.write(RaftMessages.read(in)));
  }

  static List<Form> forms() {
    RaftGroupMembersView view = view(9, List.of(A, B), List.of(A));
    // all messages: group 300, from a, in term 5
    return List.of(
        message("pre-vote request", preVote(4, 200), "01 01 ac02 01 61 05 04 c801"),
        message("pre-vote answer", preVoted(true), "01 02 ac02 01 61 05 01"),
        message("vote request", vote(4, 200, true), "01 03 ac02 01 61 05 04 c801 01"),
        message("vote answer", voted(false), "01 04 ac02 01 61 05 00"),
        message(
            "append",
            append(
                List.of(
                    entry(201, 5, new byte[] {7, 8}),
                    entry(202, 5, new byte[0]),
                    entry(
                        203,
                        5,
                        MODELS
                            .createUpdateRaftGroupMembersOpBuilder()
                            .setMode(MembershipChangeMode.REMOVE_MEMBER)
                            .setEndpoint(C)
                            .setMembers(set(A, B))
                            .setVotingMembers(set(A))
                            .build()))),
            "01 05 ac02 01 61 05 04 c801 c701 03 02 03"
                + " c901 05 00 02 0708"
                + " ca01 05 00 00"
                + " cb01 05 01 02 01 63 02 01 61 01 62 01 01 61"),
        message("appended", appended(200), "01 06 ac02 01 61 05 c801 03 02"),
        message("not appended", notAppended(200), "01 07 ac02 01 61 05 c801 03 02"),
        message(
            "install",
            install(chunk(200, 4, 1, 2, view, new byte[] {6}), set(A, B), view),
            "01 08 ac02 01 61 05 01 04 c801 02"
                + " 01 c801 04 01 02 09 02 01 61 01 62 01 01 61 01 06"
                + " 02 01 61 01 62 09 02 01 61 01 62 01 01 61 03 02"),
        message(
            "install, no chunk",
            install(null, set(), view),
            "01 08 ac02 01 61 05 01 04 c801 02 00 00 09 02 01 61 01 62 01 01 61 03 02"),
        message("installed", installed(200, 1), "01 09 ac02 01 61 05 c801 01 03 02"),
        message("elect", elect(4, 200), "01 0a ac02 01 61 05 04 c801"),
        new Form(
            "entry",
            RaftForm.entry(entry(Long.MAX_VALUE, Integer.MAX_VALUE, new byte[] {1})),
            "01 ffffffffffffffff7f ffffffff07 00 01 01",
            in -> RaftForm.entry(RaftForm.readEntry(in))),
        new Form(
            "chunk",
            RaftForm.chunk(chunk(200, 4, 1, 2, view, new byte[] {6})),
            "01 c801 04 01 02 09 02 01 61 01 62 01 01 61 01 06",
            in -> RaftForm.chunk(RaftForm.readChunk(in))),
        new Form(
            "snapshot",
            RaftForm.snapshot(
                MODELS
                    .createSnapshotEntryBuilder()
                    .setIndex(200)
                    .setTerm(4)
                    .setGroupMembersView(view)
                    .setSnapshotChunks(List.of(chunk(200, 4, 0, 1, view, new byte[] {6})))
                    .build()),
            "01 c801 04 09 02 01 61 01 62 01 01 61 01"
                + " c801 04 00 01 09 02 01 61 01 62 01 01 61 01 06",
            in -> RaftForm.snapshot(RaftForm.readSnapshot(in))),
        new Form(
            "members",
            RaftForm.members(view),
            "01 09 02 01 61 01 62 01 01 61",
            in -> RaftForm.members(RaftForm.readMembers(in))),
        new Form(
            "endpoint",
            RaftForm.endpoint(
                MODELS
                    .createRaftEndpointPersistentStateBuilder()
                    .setLocalEndpoint(A)
                    .setVoting(true)
                    .build()),
            "01 01 61 01",
            in -> RaftForm.endpoint(RaftForm.readEndpoint(in))),
        new Form(
            "term",
            RaftForm.term(term(300, null)),
            "01 ac02 00",
            in -> RaftForm.term(RaftForm.readTerm(in))),
        new Form(
            "term with a vote",
            RaftForm.term(term(300, B)),
            "01 ac02 01 01 62",
            in -> RaftForm.term(RaftForm.readTerm(in))));
  }

  @ParameterizedTest
  @MethodSource("forms")
  void goldenBytes(Form form) {
    String golden = form.golden.replace(" ", "");
    assertThat(HexFormat.of().formatHex(form.bytes)).isEqualTo(golden);
    assertThat(form.again.apply(ByteBuffer.wrap(HexFormat.of().parseHex(golden))))
        .isEqualTo(form.bytes);
  }

  @ParameterizedTest
  @MethodSource("forms")
  void readsFromTheMiddleOfABuffer(Form form) {
    ByteBuffer direct = ByteBuffer.allocateDirect(form.bytes.length + 7);
    direct.position(3).put(form.bytes).flip().position(3);

    assertThat(form.again.apply(direct)).isEqualTo(form.bytes);
  }

  @ParameterizedTest
  @MethodSource("forms")
  void cutAnywhereOrLonger(Form form) {
    for (int length = 0; length < form.bytes.length; length++) {
      ByteBuffer cut = ByteBuffer.wrap(form.bytes, 0, length);
      assertThatThrownBy(() -> form.again.apply(cut))
          .as("cut to %d bytes", length)
          .isInstanceOf(FormException.class);
    }
    ByteBuffer longer = ByteBuffer.allocate(form.bytes.length + 1).put(form.bytes).rewind();
    assertThatThrownBy(() -> form.again.apply(longer))
        .isInstanceOf(FormException.class)
        .hasMessage("1 bytes too many");
  }

  @ParameterizedTest
  @MethodSource("forms")
  void anotherVersion(Form form) {
    for (int version : new int[] {0, 2, 255}) {
      byte[] other = form.bytes.clone();
      other[0] = (byte) version;
      assertThatThrownBy(() -> form.again.apply(ByteBuffer.wrap(other)))
          .isInstanceOf(FormException.class)
          .hasMessage("version %d (known: 1)", version);
    }
  }

  /** Each form has one spelling: damaged bytes are refused or are exactly another form. */
  @ParameterizedTest
  @MethodSource("forms")
  void anyByteDamaged(Form form) {
    for (int at = 0; at < form.bytes.length; at++) {
      for (int value = 0; value < 256; value++) {
        byte[] damaged = form.bytes.clone();
        damaged[at] = (byte) value;
        try {
          assertThat(form.again.apply(ByteBuffer.wrap(damaged))).isEqualTo(damaged);
        } catch (FormException refused) {
          assertThat(refused).hasMessageNotContaining("null");
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "01 c901 05 00 ffffffff07", // operation of 2 GB
        "01 c901 05 00 ffffffffffffffff7f",
        "01 c901 05 01 02 01 63 ffffff7f", // members
        "01 c901 05 00 80808080808080808001", // more than 63 bits
        "01 c901 05 02 00", // kind of operation
        "01 c901 8080808008 00 00", // term of 2^31
        "01 c980 00 05 00 00", // needless zero
        "01 c901 05 01 03 01 63 00 00", // mode
        "01 c901 05 01 02 00 00 00", // empty id
        "01 c901 05 01 02 01 80 00 00", // id that is not ASCII
        "01 c901 05 01 02 01 63 02 01 61 01 61 00", // twice the same node
      })
  void wildEntries(String hex) {
    ByteBuffer in = ByteBuffer.wrap(HexFormat.of().parseHex(hex.replace(" ", "")));

    assertThatThrownBy(() -> RaftForm.readEntry(in)).isInstanceOf(FormException.class);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "01 00 00 01 61 05", // type
        "01 0b 00 01 61 05",
        "01 02 808004 01 61 05 01", // group of 17 bits
        "01 02 00 01 61 05 02", // flag
        "01 05 00 01 61 05 04 00 00 00 00 ffffffff07", // entries
        "01 08 00 01 61 05 01 04 00 818004 00 00 00 00 00 00 00", // 65,537 chunks
        "01 09 00 01 61 05 00 818004 00 00", // chunk 65,537
      })
  void wildMessages(String hex) {
    ByteBuffer in = ByteBuffer.wrap(HexFormat.of().parseHex(hex.replace(" ", "")));

    assertThatThrownBy(() -> RaftMessages.read(in)).isInstanceOf(FormException.class);
  }

  @Test
  void whatHasNoForm() {
    for (Object operation : new Object[] {"text", new int[1], List.of(), 5}) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> RaftForm.entry(entry(1, 1, operation)))
          .withMessageContaining(operation.getClass().getName());
    }
    assertThatIllegalArgumentException().isThrownBy(() -> RaftForm.entry(entry(1, 1, null)));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> RaftForm.entry(entry(-1, 1, new byte[0])));
    RaftGroupMembersView view = view(0, List.of(A), List.of(A));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> RaftForm.chunk(chunk(1, 1, 0, 65_537, view, new byte[0])));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> RaftForm.term(term(1, () -> "a")))
        .withMessageContaining("node of");
    for (Object group : new Object[] {"0", 0L, -1, 65_536}) {
      assertThatIllegalArgumentException()
          .isThrownBy(
              () ->
                  RaftMessages.write(
                      MODELS
                          .createVoteResponseBuilder()
                          .setGroupId(group)
                          .setSender(A)
                          .setTerm(1)
                          .setGranted(true)
                          .build()))
          .withMessageContaining("group");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " ", "a b", "ä", "\u007f", "\n"})
  void idsThatAreNone(String id) {
    assertThatIllegalArgumentException().isThrownBy(() -> new NodeEndpoint(id));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 255, 256})
  void lengthOfIds(int length) {
    String id = "x".repeat(length);
    if (length > 255) {
      assertThatIllegalArgumentException().isThrownBy(() -> new NodeEndpoint(id));
    } else {
      RaftTermPersistentState read =
          RaftForm.readTerm(ByteBuffer.wrap(RaftForm.term(term(1, new NodeEndpoint(id)))));
      assertThat(read.getVotedFor()).isEqualTo(new NodeEndpoint(id));
      assertThat(read.getVotedFor().getId()).isEqualTo(id);
    }
  }

  @ParameterizedTest
  @EnumSource
  void everyMembershipChange(MembershipChangeMode mode) {
    LogEntry entry = membership(new Random(SEED), mode);

    LogEntry read = RaftForm.readEntry(ByteBuffer.wrap(RaftForm.entry(entry)));

    assertThat(read).usingRecursiveComparison().isEqualTo(entry);
  }

  @Test
  void roundTrips() {
    for (long seed = SEED; seed < SEED + 300; seed++) {
      Random random = new Random(seed);
      RaftMessage message = randomMessage(random);
      RaftMessage read = RaftMessages.read(ByteBuffer.wrap(RaftMessages.write(message)));
      same(seed, read, message);

      RaftGroupMembersView view = randomView(random);
      RaftGroupMembersView viewRead = RaftForm.readMembers(ByteBuffer.wrap(RaftForm.members(view)));
      same(seed, viewRead, view);

      RaftEndpointPersistentState endpoint =
          MODELS
              .createRaftEndpointPersistentStateBuilder()
              .setLocalEndpoint(randomNode(random))
              .setVoting(random.nextBoolean())
              .build();
      same(seed, RaftForm.readEndpoint(ByteBuffer.wrap(RaftForm.endpoint(endpoint))), endpoint);

      List<SnapshotChunk> chunks = new ArrayList<>();
      for (int i = random.nextInt(4); i > 0; i--) {
        chunks.add(randomChunk(random));
      }
      SnapshotEntry snapshot =
          MODELS
              .createSnapshotEntryBuilder()
              .setIndex(index(random))
              .setTerm(smallOrLarge(random))
              .setGroupMembersView(view)
              .setSnapshotChunks(chunks)
              .build();
      same(seed, RaftForm.readSnapshot(ByteBuffer.wrap(RaftForm.snapshot(snapshot))), snapshot);
    }
  }

  private static void same(long seed, Object read, Object written) {
    assertThat(read).as("-Dseed=%d", seed).usingRecursiveComparison().isEqualTo(written);
  }

  /** Neither writing nor reading a batch takes more memory than the batch once. */
  @Test
  void aBatchIsCopiedOnce() {
    byte[] payload = new byte[64 * 1024];
    List<LogEntry> entries = new ArrayList<>();
    for (int i = 0; i < 50; i++) {
      entries.add(entry(i, 1, payload));
    }
    RaftMessage batch = append(entries);
    long bytes = 50L * payload.length;
    byte[] written = RaftMessages.write(batch);
    assertThat((long) written.length).isBetween(bytes, bytes + 1_000);

    assertThat(allocated(() -> RaftMessages.write(batch))).isLessThan(bytes + bytes / 10);
    assertThat(allocated(() -> RaftMessages.read(ByteBuffer.wrap(written))))
        .isLessThan(bytes + bytes / 10);
  }

  /** Damaged lengths and counts do not take memory. */
  @Test
  void wildLengthsTakeNoMemory() {
    byte[] operation = HexFormat.of().parseHex("01c9010500ffffffff07");
    byte[] entries = HexFormat.of().parseHex("0105000161050400000000ffffffff07");

    for (int i = 0; i < 2; i++) { // the first time loads classes
      assertThat(allocated(() -> refused(() -> RaftForm.readEntry(ByteBuffer.wrap(operation)))))
          .isLessThan(1 << 20);
      assertThat(allocated(() -> refused(() -> RaftMessages.read(ByteBuffer.wrap(entries)))))
          .isLessThan(1 << 20);
    }
  }

  private static void refused(Runnable reading) {
    assertThatThrownBy(reading::run).isInstanceOf(FormException.class);
  }

  private static long allocated(Runnable work) {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = threads.getCurrentThreadAllocatedBytes();
    work.run();
    return threads.getCurrentThreadAllocatedBytes() - before;
  }

  private static RaftMessage randomMessage(Random random) {
    Integer group = random.nextInt(65_536);
    NodeEndpoint sender = randomNode(random);
    int term = smallOrLarge(random);
    long query = index(random);
    long flow = index(random);
    return switch (random.nextInt(10)) {
      case 0 ->
          MODELS
              .createPreVoteRequestBuilder()
              .setGroupId(group)
              .setSender(sender)
              .setTerm(term)
              .setLastLogTerm(smallOrLarge(random))
              .setLastLogIndex(index(random))
              .build();
      case 1 ->
          MODELS
              .createPreVoteResponseBuilder()
              .setGroupId(group)
              .setSender(sender)
              .setTerm(term)
              .setGranted(random.nextBoolean())
              .build();
      case 2 ->
          MODELS
              .createVoteRequestBuilder()
              .setGroupId(group)
              .setSender(sender)
              .setTerm(term)
              .setLastLogTerm(smallOrLarge(random))
              .setLastLogIndex(index(random))
              .setSticky(random.nextBoolean())
              .build();
      case 3 ->
          MODELS
              .createVoteResponseBuilder()
              .setGroupId(group)
              .setSender(sender)
              .setTerm(term)
              .setGranted(random.nextBoolean())
              .build();
      case 4 -> {
        List<LogEntry> entries = new ArrayList<>();
        for (int i = random.nextInt(6); i > 0; i--) {
          entries.add(randomEntry(random));
        }
        yield MODELS
            .createAppendEntriesRequestBuilder()
            .setGroupId(group)
            .setSender(sender)
            .setTerm(term)
            .setPreviousLogTerm(smallOrLarge(random))
            .setPreviousLogIndex(index(random))
            .setCommitIndex(index(random))
            .setLogEntries(entries)
            .setQuerySequenceNumber(query)
            .setFlowControlSequenceNumber(flow)
            .build();
      }
      case 5 ->
          MODELS
              .createAppendEntriesSuccessResponseBuilder()
              .setGroupId(group)
              .setSender(sender)
              .setTerm(term)
              .setLastLogIndex(index(random))
              .setQuerySequenceNumber(query)
              .setFlowControlSequenceNumber(flow)
              .build();
      case 6 ->
          MODELS
              .createAppendEntriesFailureResponseBuilder()
              .setGroupId(group)
              .setSender(sender)
              .setTerm(term)
              .setExpectedNextIndex(index(random))
              .setQuerySequenceNumber(query)
              .setFlowControlSequenceNumber(flow)
              .build();
      case 7 ->
          MODELS
              .createInstallSnapshotRequestBuilder()
              .setGroupId(group)
              .setSender(sender)
              .setTerm(term)
              .setSenderLeader(random.nextBoolean())
              .setSnapshotTerm(smallOrLarge(random))
              .setSnapshotIndex(index(random))
              .setTotalSnapshotChunkCount(random.nextInt(65_537))
              .setSnapshotChunk(random.nextBoolean() ? randomChunk(random) : null)
              .setSnapshottedMembers(randomNodes(random))
              .setGroupMembersView(randomView(random))
              .setQuerySequenceNumber(query)
              .setFlowControlSequenceNumber(flow)
              .build();
      case 8 ->
          MODELS
              .createInstallSnapshotResponseBuilder()
              .setGroupId(group)
              .setSender(sender)
              .setTerm(term)
              .setSnapshotIndex(index(random))
              .setRequestedSnapshotChunkIndex(random.nextInt(65_537))
              .setQuerySequenceNumber(query)
              .setFlowControlSequenceNumber(flow)
              .build();
      default ->
          MODELS
              .createTriggerLeaderElectionRequestBuilder()
              .setGroupId(group)
              .setSender(sender)
              .setTerm(term)
              .setLastLogTerm(smallOrLarge(random))
              .setLastLogIndex(index(random))
              .build();
    };
  }

  private static LogEntry randomEntry(Random random) {
    if (random.nextInt(4) == 0) {
      MembershipChangeMode[] modes = MembershipChangeMode.values();
      return membership(random, modes[random.nextInt(modes.length)]);
    }
    return entry(index(random), smallOrLarge(random), randomBytes(random));
  }

  private static LogEntry membership(Random random, MembershipChangeMode mode) {
    return entry(
        index(random),
        smallOrLarge(random),
        MODELS
            .createUpdateRaftGroupMembersOpBuilder()
            .setMode(mode)
            .setEndpoint(randomNode(random))
            .setMembers(randomNodes(random))
            .setVotingMembers(randomNodes(random))
            .build());
  }

  private static SnapshotChunk randomChunk(Random random) {
    return chunk(
        index(random),
        smallOrLarge(random),
        random.nextInt(65_537),
        random.nextInt(65_537),
        randomView(random),
        randomBytes(random));
  }

  private static RaftGroupMembersView randomView(Random random) {
    return view(index(random), randomNodes(random), randomNodes(random));
  }

  private static Collection<RaftEndpoint> randomNodes(Random random) {
    Collection<RaftEndpoint> nodes = new LinkedHashSet<>();
    for (int i = random.nextInt(6); i > 0; i--) {
      nodes.add(randomNode(random));
    }
    return nodes;
  }

  private static NodeEndpoint randomNode(Random random) {
    StringBuilder id = new StringBuilder();
    for (int i = random.nextInt(40); i >= 0; i--) {
      id.append((char) ('!' + random.nextInt(94)));
    }
    return new NodeEndpoint(id.toString());
  }

  private static byte[] randomBytes(Random random) {
    byte[] bytes = new byte[random.nextInt(random.nextInt(64) == 0 ? 20_000 : 100)];
    random.nextBytes(bytes);
    return bytes;
  }

  /** All lengths are as likely. */
  private static long index(Random random) {
    return random.nextLong() >>> (1 + random.nextInt(63));
  }

  private static int smallOrLarge(Random random) {
    return random.nextInt() >>> (1 + random.nextInt(31));
  }

  private static Collection<RaftEndpoint> set(RaftEndpoint... nodes) {
    return new LinkedHashSet<>(List.of(nodes));
  }

  private static RaftGroupMembersView view(
      long index, Collection<RaftEndpoint> members, Collection<RaftEndpoint> voting) {
    return MODELS
        .createRaftGroupMembersViewBuilder()
        .setLogIndex(index)
        .setMembers(new LinkedHashSet<>(members))
        .setVotingMembers(new LinkedHashSet<>(voting))
        .build();
  }

  private static LogEntry entry(long index, int term, Object operation) {
    return MODELS
        .createLogEntryBuilder()
        .setIndex(index)
        .setTerm(term)
        .setOperation(operation instanceof byte[] bytes ? new EntryBytes(bytes) : operation)
        .build();
  }

  private static SnapshotChunk chunk(
      long index, int term, int number, int count, RaftGroupMembersView view, Object operation) {
    return MODELS
        .createSnapshotChunkBuilder()
        .setIndex(index)
        .setTerm(term)
        .setSnapshotChunkIndex(number)
        .setSnapshotChunkCount(count)
        .setGroupMembersView(view)
        .setOperation(operation)
        .build();
  }

  private static RaftTermPersistentState term(int term, RaftEndpoint votedFor) {
    return MODELS
        .createRaftTermPersistentStateBuilder()
        .setTerm(term)
        .setVotedFor(votedFor)
        .build();
  }

  private static RaftMessage preVote(int lastTerm, long lastIndex) {
    return MODELS
        .createPreVoteRequestBuilder()
        .setGroupId(300)
        .setSender(A)
        .setTerm(5)
        .setLastLogTerm(lastTerm)
        .setLastLogIndex(lastIndex)
        .build();
  }

  private static RaftMessage preVoted(boolean granted) {
    return MODELS
        .createPreVoteResponseBuilder()
        .setGroupId(300)
        .setSender(A)
        .setTerm(5)
        .setGranted(granted)
        .build();
  }

  private static RaftMessage vote(int lastTerm, long lastIndex, boolean sticky) {
    return MODELS
        .createVoteRequestBuilder()
        .setGroupId(300)
        .setSender(A)
        .setTerm(5)
        .setLastLogTerm(lastTerm)
        .setLastLogIndex(lastIndex)
        .setSticky(sticky)
        .build();
  }

  private static RaftMessage voted(boolean granted) {
    return MODELS
        .createVoteResponseBuilder()
        .setGroupId(300)
        .setSender(A)
        .setTerm(5)
        .setGranted(granted)
        .build();
  }

  private static RaftMessage append(List<LogEntry> entries) {
    return MODELS
        .createAppendEntriesRequestBuilder()
        .setGroupId(300)
        .setSender(A)
        .setTerm(5)
        .setPreviousLogTerm(4)
        .setPreviousLogIndex(200)
        .setCommitIndex(199)
        .setQuerySequenceNumber(3)
        .setFlowControlSequenceNumber(2)
        .setLogEntries(entries)
        .build();
  }

  private static RaftMessage appended(long last) {
    return MODELS
        .createAppendEntriesSuccessResponseBuilder()
        .setGroupId(300)
        .setSender(A)
        .setTerm(5)
        .setLastLogIndex(last)
        .setQuerySequenceNumber(3)
        .setFlowControlSequenceNumber(2)
        .build();
  }

  private static RaftMessage notAppended(long expected) {
    return MODELS
        .createAppendEntriesFailureResponseBuilder()
        .setGroupId(300)
        .setSender(A)
        .setTerm(5)
        .setExpectedNextIndex(expected)
        .setQuerySequenceNumber(3)
        .setFlowControlSequenceNumber(2)
        .build();
  }

  private static RaftMessage install(
      SnapshotChunk chunk, Collection<RaftEndpoint> members, RaftGroupMembersView view) {
    return MODELS
        .createInstallSnapshotRequestBuilder()
        .setGroupId(300)
        .setSender(A)
        .setTerm(5)
        .setSenderLeader(true)
        .setSnapshotTerm(4)
        .setSnapshotIndex(200)
        .setTotalSnapshotChunkCount(2)
        .setSnapshotChunk(chunk)
        .setSnapshottedMembers(members)
        .setGroupMembersView(view)
        .setQuerySequenceNumber(3)
        .setFlowControlSequenceNumber(2)
        .build();
  }

  private static RaftMessage installed(long index, int wanted) {
    return MODELS
        .createInstallSnapshotResponseBuilder()
        .setGroupId(300)
        .setSender(A)
        .setTerm(5)
        .setSnapshotIndex(index)
        .setRequestedSnapshotChunkIndex(wanted)
        .setQuerySequenceNumber(3)
        .setFlowControlSequenceNumber(2)
        .build();
  }

  private static RaftMessage elect(int lastTerm, long lastIndex) {
    return MODELS
        .createTriggerLeaderElectionRequestBuilder()
        .setGroupId(300)
        .setSender(A)
        .setTerm(5)
        .setLastLogTerm(lastTerm)
        .setLastLogIndex(lastIndex)
        .build();
  }
}
