package io.busbar.config;

import io.busbar.event.LifeCycleEvent;
import io.busbar.policy.Attribute;
import io.busbar.policy.Client;
import io.busbar.policy.EventMatcher;
import io.busbar.policy.Resource.Kind;
import io.busbar.shard.Command;
import io.busbar.shard.StoredResource;
import java.time.Instant;
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
   * What tells of a client that is put into the store.
   *
   * @param before what it is there now, or null if it is new
   */
  public List<Command> put(Client client, StoredResource before) {
    if (told.subscriptions().isEmpty()) {
      return List.of();
    }
    Instant now = Instant.now();
    Instant created = before == null ? now : Instant.ofEpochMilli(before.created());
    return tell(put(namespace, client, created, now));
  }

  /** What tells of a client that is deleted. */
  public List<Command> deleted(Client client) {
    return told.subscriptions().isEmpty() ? List.of() : tell(deleted(namespace, client));
  }

  private List<Command> tell(LifeCycleEvent event) {
    return EventQueues.enqueue(told, event).map(List::<Command>of).orElse(List.of());
  }

  /**
   * The event of a change that the store has told.
   *
   * @param client what the client is, or was
   * @param now what it is, or null if it is deleted
   */
  public static LifeCycleEvent event(String namespace, StoredResource client, StoredResource now) {
    Client of = (Client) ResourceForm.decode(Kind.CLIENT, client.value()).resource();
    return now == null
        ? deleted(namespace, of)
        : put(
            namespace,
            of,
            Instant.ofEpochMilli(now.created()),
            Instant.ofEpochMilli(now.modified()));
  }

  private static LifeCycleEvent put(
      String namespace, Client client, Instant created, Instant modified) {
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
    return LifeCycleEvent.client(
        namespace,
        UUID.randomUUID().toString(),
        modified,
        client.name(),
        client.authenticationName(),
        client.enabled(),
        attributes,
        created);
  }

  private static LifeCycleEvent deleted(String namespace, Client client) {
    return LifeCycleEvent.deleted(
        namespace,
        UUID.randomUUID().toString(),
        Instant.now(),
        client.name(),
        client.authenticationName());
  }
}
