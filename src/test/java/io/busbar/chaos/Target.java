package io.busbar.chaos;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.DataInputStream;
import java.io.File;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** A broker process: started by a command, killed, started again on the same data. */
final class Target {
  private static final int PROBE_MILLIS = 1_000;
  private static final long PROBE_EVERY_NANOS = TimeUnit.MILLISECONDS.toNanos(10);
  private static final int END_SECONDS = 30;

  /** What a node ends with that the others have gone on without. */
  private static final int CUT_OFF = 75;

  private final String name;
  private String command;
  private final InetSocketAddress address;
  private final Path data;
  private final File log;
  private final Optional<Power> power;
  private Process process;

  /**
   * A process that does not run yet.
   *
   * @param command for bash; it should end with exec, so that what is killed is the broker
   * @param address where the command makes it listen
   * @param folder for its data ({@code NAME}) and its output ({@code NAME.log})
   * @param power by which it loses what it has not synced, or none: then the system keeps it
   */
  Target(String name, String command, InetSocketAddress address, Path folder, Optional<Power> power)
      throws IOException {
    this.name = name;
    this.command = command;
    this.address = address;
    this.data = Files.createDirectories(folder.resolve(name));
    this.log = folder.resolve(name + ".log").toFile();
    this.power = power;
    if (power.isPresent()) {
      power.get().on(data);
    }
  }

  InetSocketAddress address() {
    return address;
  }

  void start() throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder("bash", "-c", command)
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(log));
    if (power.isPresent()) {
      builder.environment().putAll(power.get().environment(data));
    }
    process = builder.start();
    process.getOutputStream().close();
  }

  /** Kills it with SIGKILL, and waits until it is gone; what was not synced may go too. */
  void kill() throws IOException {
    List<ProcessHandle> children = process.descendants().toList();
    process.destroyForcibly();
    children.forEach(ProcessHandle::destroyForcibly);
    try {
      if (!process.waitFor(END_SECONDS, TimeUnit.SECONDS)) {
        throw new KillException(name + " does not end on SIGKILL");
      }
    } catch (InterruptedException e) {
      throw new KillException("interrupted", e);
    }
    children.forEach(child -> child.onExit().orTimeout(END_SECONDS, TimeUnit.SECONDS).join());
    if (power.isPresent()) {
      power.get().cut(data);
    }
  }

  /** Where a node of this machine listens. */
  static InetSocketAddress onLoopback(int port) {
    return new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
  }

  /** From the next start on it is this. */
  void become(String later) {
    command = later;
  }

  String name() {
    return name;
  }

  /** Has it end, and does not wait for that. */
  void abandon() {
    if (process != null) {
      process.destroyForcibly();
    }
  }

  /** Starts it again if it has given itself up, as a supervisor does. */
  boolean supervise() throws IOException {
    if (process.isAlive()) {
      return false;
    }
    if (process.exitValue() != CUT_OFF) {
      throw new KillException("%s ended with %d%s".formatted(name, process.exitValue(), said()));
    }
    start();
    return true;
  }

  /** Ends it as an operator does, and waits until it is gone. */
  void terminate(int seconds) throws IOException {
    signal("TERM");
    try {
      if (!process.waitFor(seconds, TimeUnit.SECONDS)) {
        throw new KillException("%s does not end within %d s%s".formatted(name, seconds, said()));
      }
    } catch (InterruptedException e) {
      throw new KillException("interrupted", e);
    }
  }

  /** What it has stored is gone; it does not run. */
  void wipe() throws IOException {
    try (var files = Files.walk(data)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        if (!file.equals(data)) {
          Files.delete(file);
        }
      }
    }
  }

  /** Sends it a signal by name. */
  void signal(String name) throws IOException {
    try {
      Process sent =
          new ProcessBuilder("kill", "-" + name, String.valueOf(process.pid())).inheritIO().start();
      if (sent.waitFor() != 0) {
        throw new KillException(this.name + " does not take the signal " + name);
      }
    } catch (InterruptedException e) {
      throw new KillException("interrupted", e);
    }
  }

  /**
   * Waits until it lets clients in after a pause. It may have given itself up, being replaced
   * meanwhile: then it is started again, as a supervisor does.
   */
  void awaitBack(int seconds) throws IOException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
    while (!letsIn()) {
      supervise();
      if (System.nanoTime() > deadline) {
        throw new KillException("%s is not back after %d s%s".formatted(name, seconds, said()));
      }
      LockSupport.parkNanos(PROBE_EVERY_NANOS);
    }
  }

  void stop() throws IOException {
    if (process != null && process.isAlive()) {
      kill();
    }
  }

  /**
   * Waits until it lets an MQTT client in.
   *
   * @throws KillException if it ends by itself, or after so many seconds
   */
  void awaitReady(int seconds) throws IOException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
    while (!letsIn()) {
      if (!process.isAlive()) {
        throw new KillException("%s ended with %d%s".formatted(name, process.exitValue(), said()));
      }
      if (System.nanoTime() > deadline) {
        throw new KillException(
            "%s lets no client in after %d s%s".formatted(name, seconds, said()));
      }
      LockSupport.parkNanos(PROBE_EVERY_NANOS);
    }
  }

  /** Whether it lets an MQTT client in now. */
  boolean letsIn() {
    ByteBuf connect = Unpooled.buffer();
    Wire.connect(connect, "kill-probe-" + name, true, 0, 10);
    try (Socket socket = new Socket()) {
      socket.connect(address, PROBE_MILLIS);
      socket.setSoTimeout(PROBE_MILLIS);
      connect.readBytes(socket.getOutputStream(), connect.readableBytes());
      DataInputStream in = new DataInputStream(socket.getInputStream());
      int first = in.readUnsignedByte();
      in.skipBytes(2);
      return first >> 4 == Wire.CONNACK && in.readUnsignedByte() == 0;
    } catch (IOException e) {
      return false; // not yet
    }
  }

  /** Waits until so many lines of what it says hold a text. */
  void awaitSaid(String text, int lines, int seconds) throws IOException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
    while (Files.readAllLines(log.toPath()).stream().filter(l -> l.contains(text)).count()
        < lines) {
      if (System.nanoTime() > deadline) {
        throw new KillException(
            "%s does not say \"%s\" %d times within %d s%s"
                .formatted(name, text, lines, seconds, said()));
      }
      LockSupport.parkNanos(PROBE_EVERY_NANOS);
    }
  }

  private String said() throws IOException {
    List<String> lines = Files.readAllLines(log.toPath());
    return lines.isEmpty() ? "" : ": " + lines.get(lines.size() - 1);
  }
}
