package io.busbar.api;

import io.busbar.config.Durability;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.List;

/**
 * How a node is, as it tells those who ask.
 *
 * @param node the node's name
 * @param reason why it is not ready for devices; null when it is
 * @param listeners where devices connect, e.g. {@code mqtts://0.0.0.0:8883}
 * @param nodes the nodes of the cluster as this one sees them, itself included
 * @param durability what an acknowledgement promises
 */
public record Health(
    String node, String reason, List<String> listeners, List<String> nodes, Durability durability) {
  /** Copies the lists, so that it does not change. */
  public Health {
    listeners = List.copyOf(listeners);
    nodes = List.copyOf(nodes);
  }

  /** Whether devices may be sent here. */
  public boolean ready() {
    return reason == null;
  }

  JsonObject toJson() {
    JsonObject json =
        new JsonObject()
            .put("ready", ready())
            .put("node", node)
            .put("listeners", new JsonArray(listeners))
            .put("nodes", new JsonArray(nodes))
            .put("durability", durability.key());
    return ready() ? json : json.put("reason", reason);
  }
}
