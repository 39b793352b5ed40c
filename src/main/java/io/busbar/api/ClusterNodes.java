package io.busbar.api;

import io.busbar.bus.Bus;
import io.busbar.bus.Wire;
import io.vertx.core.Future;
import io.vertx.core.eventbus.EventBus;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.List;

/**
 * The nodes that have the store together, for those who operate them; any node answers.
 *
 * <pre>
 *   GET /cluster                     who is there, who votes, who leads
 *   POST /cluster/nodes/NAME/leave   the node ends its connections, others take over what it has of
 *                                    the store, then it is no member: it can be stopped for good
 *   DELETE /cluster/nodes/NAME       a node that is away and does not come back is no member
 * </pre>
 */
final class ClusterNodes {
  private static final String ROOT = "/cluster";
  private static final String NODES = ROOT + "/nodes/";
  private static final String LEAVE = "/leave";
  private static final long TIMEOUT = 10_000;

  private final EventBus bus;
  private final String self;

  /** Answers for a node. */
  ClusterNodes(EventBus bus, String self) {
    this.bus = bus;
    this.self = self;
  }

  static boolean handles(String path) {
    return path.equals(ROOT) || path.startsWith(NODES);
  }

  Future<Management.Answer> answer(HttpServerRequest request) {
    String path = request.path();
    String method = request.method().name();
    if (path.equals(ROOT)) {
      if (!method.equals("GET")) {
        throw Management.notAllowed(request, "GET");
      }
      return order(Wire.Wish.VIEW, "", 200);
    }
    String rest = path.substring(NODES.length());
    boolean leaves = rest.endsWith(LEAVE);
    String node =
        ResourcePath.decoded(leaves ? rest.substring(0, rest.length() - LEAVE.length()) : rest);
    if (node.isEmpty() || node.indexOf('/') >= 0) {
      throw new ApiError(
          404,
          "NotFound",
          "no such path (allowed: /cluster/nodes/NAME, /cluster/nodes/NAME/leave)");
    }
    String allowed = leaves ? "POST" : "DELETE";
    if (!method.equals(allowed)) {
      throw Management.notAllowed(request, allowed);
    }
    return order(leaves ? Wire.Wish.LEAVE : Wire.Wish.GIVE_UP, node, 202);
  }

  private Future<Management.Answer> order(Wire.Wish wish, String node, int status) {
    return bus.<Bus.Local>request(
            Bus.SESSION, new Bus.OrderStore(new Wire.StoreOrder(wish, node)), Bus.local(TIMEOUT))
        .map(reply -> ((Bus.StoreShown) reply.body()).view())
        .map(view -> new Management.Answer(status, json(wish, view)));
  }

  private JsonObject json(Wire.Wish wish, Wire.StoreView view) {
    if (view == null && wish == Wire.Wish.VIEW) {
      return new JsonObject().put("asked", self).put("shared", false).put("nodes", new JsonArray());
    } else if (view == null) {
      throw new ApiError(409, "Conflict", "this node has its store alone: there is none to leave");
    } else if (!view.refused().isEmpty()) {
      throw new ApiError(409, "Conflict", view.refused());
    }
    List<Wire.StoreNode> voters = view.nodes().stream().filter(Wire.StoreNode::votes).toList();
    long votersThere = voters.stream().filter(Wire.StoreNode::isThere).count();
    int needed = voters.size() / 2 + 1;
    JsonArray nodes = new JsonArray();
    for (Wire.StoreNode one : view.nodes()) {
      int at = one.node().indexOf('@');
      JsonObject node =
          new JsonObject()
              .put("name", at > 0 ? one.node().substring(0, at) : one.node())
              .put("id", one.node())
              .put("role", role(one, view.leader()))
              .put("state", one.isLeaving() ? "leaving" : one.isThere() ? "there" : "away");
      nodes.add(one.behind() < 0 ? node : node.put("behind", one.behind()));
    }
    return new JsonObject()
        .put("asked", self)
        .put("shared", true)
        .put("store", view.cluster())
        .put("leader", view.leader().isEmpty() ? null : view.leader())
        .put("voters", voters.size())
        .put("votersWanted", view.wanted())
        .put("votersNeeded", needed)
        .put("mayBeLost", Math.max(0, votersThere - needed))
        .put("nodes", nodes);
  }

  private static String role(Wire.StoreNode node, String leader) {
    if (!node.isMember()) {
      return "none";
    }
    return node.node().equals(leader) ? "leader" : node.votes() ? "voter" : "learner";
  }
}
