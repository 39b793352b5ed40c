package io.busbar.shard;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * What stored sessions cost: bytes in a checkpoint and on heap, the longest slice, and how fast
 * queued messages are restored, in time of a processor. Run by hand: {@code MachineBench [sessions]
 * [messages each]}.
 */
public final class MachineBench {
  private static final int BUDGET = 64 * 1024;

  private MachineBench() {}

  /** Prints the figures. */
  public static void main(String[] args) throws IOException {
    int sessions = args.length > 0 ? Integer.parseInt(args[0]) : 200_000;
    int messages = args.length > 1 ? Integer.parseInt(args[1]) : 20;
    long before = heap();
    Machine machine = idle(sessions);
    System.out.printf("heap per idle session: %d B%n", (heap() - before) / sessions);
    byte[] bytes = write(machine);
    System.out.printf("checkpoint per idle session: %d B%n", bytes.length / sessions);
    restore(bytes, sessions, "sessions");

    // each has its own messages of 256 bytes, as in a queue of telemetry
    int few = sessions / 10;
    Machine queued = idle(few);
    long number = 1_000_000;
    for (int i = 0; i < messages; i++) {
      for (int s = 0; s < few; s += 100) {
        List<Command> commands = new ArrayList<>();
        for (int j = s; j < Math.min(few, s + 100); j++) {
          byte[] packet = Messages.publish("device/" + j + "/in", "x".repeat(256), 1, false, -1);
          commands.add(new Command.Publish(packet, null, true, List.of()));
        }
        queued.apply(new Entry("m", 1, number++ - 999_999, 1_000, commands), effect -> {});
      }
    }
    System.out.printf("queued: %d messages%n", queued.group().deliveries());
    byte[] full = write(queued);
    for (int i = 0; i < 3; i++) {
      restore(full, queued.group().deliveries(), "messages");
    }
  }

  private static Machine idle(int sessions) {
    Machine machine = new Machine();
    for (int i = 0; i < sessions; i++) {
      String name = "device-" + i;
      byte[] filter = ("device/" + i + "/in").getBytes(StandardCharsets.UTF_8);
      String text = new String(filter, StandardCharsets.UTF_8);
      StoredSubscription one = new StoredSubscription(text, null, filter, 1, false, false, 2, 0);
      Location where = new Location("9b2f8c1e-7a54-4d0e-8f3b-1c2d3e4f5a6b", 0, i);
      List<Command> commands =
          List.of(
              new Command.Open(name, name, false, 0xffff_ffffL, null, where, 100),
              new Command.Subscribe(name, i + 1, List.of(one)),
              new Command.Close(name, i + 1, -1, true, 0));
      Entry entry = new Entry("n", 1, i + 1, 1_000, commands);
      machine.apply(Entry.decode(entry.encode()), effect -> {});
    }
    return machine;
  }

  private static byte[] write(Machine machine) {
    byte[] bytes = new byte[0];
    for (int round = 0; round < 3; round++) {
      // large enough: it is not its growth that is measured
      ByteArrayOutputStream out = new ByteArrayOutputStream(256 << 20);
      List<Long> slices = new ArrayList<>();
      long start = cpu();
      Checkpoint checkpoint = machine.checkpoint();
      final long begun = cpu() - start;
      boolean isDone = false;
      while (!isDone) {
        long from = cpu();
        isDone = checkpoint.writeSome(BUDGET, out::writeBytes);
        slices.add(cpu() - from);
      }
      slices.sort(null);
      System.out.printf(
          "checkpoint: %d B, begun in %d us, %d slices of 64 KB, median %d, p99 %d, longest %d us%n",
          out.size(),
          begun / 1_000,
          slices.size(),
          slices.get(slices.size() / 2) / 1_000,
          slices.get(slices.size() * 99 / 100) / 1_000,
          slices.get(slices.size() - 1) / 1_000);
      bytes = out.toByteArray();
    }
    return bytes;
  }

  private static void restore(byte[] bytes, int count, String what) throws IOException {
    long start = cpu();
    Machine restored = Machine.restore(new ByteArrayInputStream(bytes));
    double seconds = (cpu() - start) / 1e9;
    System.out.printf(
        "restored %d sessions in %.2f s of a processor: %.0f %s/s%n",
        restored.group().sessions(), seconds, count / seconds, what);
  }

  /** What this thread had of a processor, in ns: a busy machine takes longer. */
  private static long cpu() {
    return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
  }

  private static long heap() {
    System.gc();
    System.gc();
    return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
  }
}
