package io.busbar.cli;

import io.busbar.config.Settings;
import io.vertx.core.Future;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * What the commands need of a node that accepts connections.
 *
 * @param listeners with the ports that are listened on
 * @param http where health and metrics are served
 * @param api where the namespace is managed over HTTPS, if anywhere
 * @param depart has it leave the store, if it is about to stop for good; called once, before
 * @param stop stops it; called once
 */
public record Running(
    List<Settings.Listener> listeners,
    Settings.Address http,
    Optional<Settings.Address> api,
    Supplier<Future<Void>> depart,
    Supplier<Future<Void>> stop) {
  /** Copies the list, so that it does not change. */
  public Running {
    listeners = List.copyOf(listeners);
  }

  /** Starts a node; known to the root package only. */
  @FunctionalInterface
  public interface Starter {
    /** Done when the node accepts connections. */
    Future<Running> start(Settings settings);
  }
}
