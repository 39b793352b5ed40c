package io.busbar;

import io.busbar.config.*;
import java.util.*;

/** Entry point. */
public final class Main {
  private Main() {}

  /** Starts. */
  public static void main(String[] args) {
    int port = Integer.parseInt(args[0]);
    Settings s =
        new Settings(
            "n",
            Profile.OPEN,
            List.of(
                new Settings.Listener(
                    Settings.Protocol.MQTT,
                    new Settings.Address("127.0.0.1", port),
                    Optional.empty(),
                    Optional.empty(),
                    "/mqtt",
                    List.of("mqtt")),
                new Settings.Listener(
                    Settings.Protocol.WS,
                    new Settings.Address("127.0.0.1", port + 1),
                    Optional.empty(),
                    Optional.empty(),
                    "/mqtt",
                    List.of("mqtt"))),
            new Settings.Address("127.0.0.1", 8080),
            args.length > 1
                ? new Settings.Cluster(
                    true,
                    "t",
                    new Settings.Address("127.0.0.1", Integer.parseInt(args[1])),
                    0,
                    List.of("127.0.0.1:25701", "127.0.0.1:25702"),
                    Optional.empty())
                : Settings.Cluster.single(),
            Optional.empty(),
            true,
            0,
            new Limits(Profile.OPEN, Map.of()));
    long t = System.nanoTime();
    Node.start(s)
        .onComplete(
            n -> System.out.println("busbar ready " + n + " " + (System.nanoTime() - t) / 1000000));
  }
}
