package io.busbar.delivery;

import io.busbar.testing.Await;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A broker of Kafka of its own process, on loopback, that may be killed and started again. */
final class KafkaProcess implements AutoCloseable {
  private final Path directory;
  private final int port;
  private Process process;

  /** Prepares one that has nothing yet. */
  KafkaProcess(Path directory, int port, int controllerPort) throws IOException {
    this.directory = directory;
    this.port = port;
    Path log = Files.createDirectories(directory.resolve("log"));
    Files.writeString(
        log.resolve("meta.properties"),
        "version=1\ncluster.id=MkU3OEVBNTcwNTJENDM2Qk\nnode.id=1\n");
    Files.writeString(
        directory.resolve("server.properties"),
        """
        process.roles=broker,controller
        node.id=1
        controller.quorum.voters=1@127.0.0.1:%2$d
        listeners=PLAINTEXT://127.0.0.1:%1$d,CONTROLLER://127.0.0.1:%2$d
        advertised.listeners=PLAINTEXT://127.0.0.1:%1$d
        controller.listener.names=CONTROLLER
        log.dirs=%3$s
        offsets.topic.replication.factor=1
        num.partitions=3
        log.flush.interval.messages=1
        """
            .formatted(port, controllerPort, log));
  }

  String address() {
    return "127.0.0.1:" + port;
  }

  void start() throws IOException {
    process =
        new ProcessBuilder(
                List.of(
                    Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                    "-Xmx256m",
                    "-XX:+UseSerialGC",
                    "-cp",
                    System.getProperty("java.class.path"),
                    "kafka.Kafka",
                    directory.resolve("server.properties").toString()))
            .redirectErrorStream(true)
            .redirectOutput(
                ProcessBuilder.Redirect.appendTo(directory.resolve("kafka.txt").toFile()))
            .start();
    // it reads its log after a kill, and takes what the machine leaves it
    Await.until(
        "Kafka listens",
        Duration.ofSeconds(90),
        this::listens,
        () -> "process alive: " + process.isAlive());
  }

  private boolean listens() {
    try (Socket socket = new Socket()) {
      socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 500);
      return true;
    } catch (IOException e) {
      return false;
    }
  }

  /** As kill -9 does. */
  void kill() {
    process.destroyForcibly().onExit().orTimeout(10, TimeUnit.SECONDS).join();
  }

  @Override
  public void close() {
    if (process != null) {
      kill();
    }
  }
}
