package io.busbar.config;

import io.busbar.event.LifeCycleEvent;
import io.busbar.policy.Attribute;
import io.busbar.policy.Client;
import io.busbar.policy.EventMatcher;
import io.busbar.shard.Command;
import io.busbar.shard.StoredResource;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;

/** Tells whom it concerns that clients are registered, changed and deleted. */
public final class ClientEvents {
  private final String namespace;
  private final EventMatcher told;

  /**
   * Of a namespace.
   *
   * @param told who is
   */
  public ClientEvents(String namespace, EventMatcher told) {
    this.namespace = namespace;
    this.told = told;
  }

  /**
   * What tells of a client that is put into the store, in the same entry.
   *
   * @param before what it is there now, or null if it is new
   */
  public List<Command> put(Client client, StoredResource before) {
    if (told.subscriptions().isEmpty()) {
      return List.of();
    }
    Instant now = Instant.now();
    Map<String, Object> attributes = new TreeMap<>();
    client
        .attributes()
        .forEach(
            (name, value) ->
                attributes.put(
                    name,
                    value instanceof Attribute.Whole whole
                        ? (Object) whole.value()
                        : value instanceof Attribute.Text text ? text.value() : value.texts()));
    return tell(
        LifeCycleEvent.client(
            namespace,
            UUID.randomUUID().toString(),
            now,
            client.name(),
            client.authenticationName(),
            client.enabled(),
            attributes,
            before == null ? now : Instant.ofEpochMilli(before.created())));
  }

  /** What tells of a client that is deleted. */
  public List<Command> deleted(Client client) {
    return told.subscriptions().isEmpty()
        ? List.of()
        : tell(
            LifeCycleEvent.deleted(
                namespace,
                UUID.randomUUID().toString(),
                Instant.now(),
                client.name(),
                client.authenticationName()));
  }

  private List<Command> tell(LifeCycleEvent event) {
    List<Command> commands = new ArrayList<>();
    EventQueues.enqueue(told, event).ifPresent(commands::add);
    return commands;
  }
}
