package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.config.ConfigException;
import io.busbar.config.NamespaceFile;
import io.busbar.config.WatchedFiles;
import io.busbar.shard.Command;
import io.busbar.shard.Outcome;
import io.busbar.telemetry.Meter;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.nio.file.Path;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Has the store take in the namespace file, at the start and whenever the file changes: what it has
 * is the namespace's, and what came from a file and is not in it any more goes. A file that breaks
 * a rule changes nothing. For one thread, which may block.
 */
final class NamespaceLoader {
  private static final Logger LOG = LoggerFactory.getLogger(AuthorizationVerticle.class);

  /** How often is looked whether the file has changed, in milliseconds. */
  private static final long LOOK = 300;

  /** Entries of one batch. */
  private static final int BATCH = 512;

  /** How long the store may take for one, in milliseconds. */
  private static final long TIMEOUT = 30_000;

  private final Broker broker;
  private final Registry registry;
  private Vertx vertx;

  private WatchedFiles files;
  private boolean isLoading;

  NamespaceLoader(Broker broker, Registry registry) {
    this.broker = broker;
    this.registry = registry;
    this.files = new WatchedFiles(broker.settings.namespaceFile().map(List::of).orElse(List.of()));
  }

  /** Loads the file, and from then on whenever it changes; nothing to do without one. */
  Future<Void> start(Vertx ofNode) {
    vertx = ofNode;
    if (files.files().isEmpty()) {
      return Future.succeededFuture();
    }
    files.haveChanged();
    return load().onSuccess(done -> vertx.setPeriodic(LOOK, t -> look()));
  }

  private Path first() {
    return files.files().get(0);
  }

  private void look() {
    if (isLoading || !files.haveChanged()) {
      return;
    }
    load()
        .onSuccess(
            done -> {
              broker.telemetry.count(Meter.NAMESPACE_LOADS, "loaded");
              broker.telemetry.audit().changed("namespace file loaded", "file", first());
            })
        .onFailure(
            e -> {
              broker.telemetry.count(Meter.NAMESPACE_LOADS, "refused");
              if (!(e instanceof ConfigException)) {
                // the store's fault, not the file's: tried again
                files.forget();
              }
              LOG.error("namespace file not loaded, all stays as it is: {}", e.getMessage());
            });
  }

  /** Completes when the store has all of it. */
  private Future<Void> load() {
    isLoading = true;
    NamespaceFile file;
    try {
      // looked at before it is read: what is written meanwhile is seen the next time
      file = NamespaceFile.read(first());
      if (!file.files().equals(files.files())) {
        files = new WatchedFiles(file.files());
        files.haveChanged();
        file = NamespaceFile.read(first());
      }
    } catch (ConfigException e) {
      isLoading = false;
      return Future.failedFuture(e);
    }
    Registry.Plan plan = registry.plan(file, broker.limits);
    return append(plan.commands(), 0)
        .compose(done -> append(plan.told(), 0))
        .onComplete(done -> isLoading = false);
  }

  private Future<Void> append(List<Command> plan, int from) {
    if (from >= plan.size()) {
      return Future.succeededFuture();
    }
    List<Command> batch = plan.subList(from, Math.min(plan.size(), from + BATCH));
    return vertx
        .eventBus()
        .<Bus.Local>request(Bus.SESSION, new Bus.Append(batch), Bus.local(TIMEOUT))
        .compose(
            reply -> {
              Bus.Appended appended = (Bus.Appended) reply.body();
              String why = whyNot(batch, appended);
              return why == null
                  ? append(plan, from + BATCH)
                  : Future.failedFuture(new ConfigException(first() + ": " + why));
            });
  }

  private static String whyNot(List<Command> batch, Bus.Appended appended) {
    if (appended.refusal() != null) {
      return Unstored.text(appended.refusal());
    }
    for (int i = 0; i < batch.size(); i++) {
      if (appended.outcomes().get(i) instanceof Outcome.Taken taken
          && batch.get(i) instanceof Command.PutResource put) {
        return "client '%s': its authentication name is that of client '%s', which is not of the file"
            .formatted(put.name(), taken.by());
      }
    }
    return null;
  }
}
