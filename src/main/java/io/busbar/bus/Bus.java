package io.busbar.bus;

import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.ReasonCode;
import io.busbar.policy.AccessKeys;
import io.busbar.policy.Admission;
import io.busbar.policy.Affected;
import io.busbar.policy.EventMatcher;
import io.busbar.policy.EventSubscription;
import io.busbar.policy.Explanation;
import io.busbar.policy.NamespaceTopic;
import io.busbar.policy.PermissionBinding.Permission;
import io.busbar.policy.Permit;
import io.busbar.policy.Policy;
import io.busbar.policy.Resource;
import io.busbar.policy.Shadow;
import io.busbar.shard.Command;
import io.busbar.shard.Effect;
import io.busbar.shard.EventQueueView;
import io.busbar.shard.InboxPage;
import io.busbar.shard.Outcome;
import io.busbar.shard.Owned;
import io.busbar.shard.Refusal;
import io.busbar.shard.Retained;
import io.busbar.shard.SessionView;
import io.busbar.shard.StoredResource;
import io.busbar.shard.Will;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.eventbus.DeliveryOptions;
import io.vertx.core.eventbus.EventBus;
import io.vertx.core.eventbus.MessageCodec;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Set;
import java.util.function.BiPredicate;
import java.util.function.Predicate;

/**
 * The internal protocol: every address and every message by which verticles meet.
 *
 * <p>Two kinds of address. <em>Local</em> ones pass immutable Java objects by reference and never
 * leave the node. <em>Node</em> ones, a fixed handful per node, carry the hand-written versioned
 * binary forms of {@link Wire} between nodes. There is never an address per client, session or
 * topic: each costs an entry that all nodes replicate.
 *
 * <pre>
 *   local address     message                    reply                  taken by
 *   authorization     Authenticate, Proceed      Authenticated|Refused| AuthorizationVerticle
 *                                                Challenged
 *   authorization     Changed                    -                      AuthorizationVerticle
 *   authorization     Load                       Done                   AuthorizationVerticle
 *   authorization     Again                      Judged                 AuthorizationVerticle
 *   authorization     Covered                    Uncovered              AuthorizationVerticle
 *   authorization     MayPublish                 Done|Refused           AuthorizationVerticle
 *   authorization     Explain                    Explained              AuthorizationVerticle
 *   authorization     TakeShadow                 Shadowed               AuthorizationVerticle
 *   authorization     EndShadow, Members         -                      AuthorizationVerticle
 *   authorization     Find                       Found                  AuthorizationVerticle
 *   authorization     ListResources              Listed                 AuthorizationVerticle
 *   authorization     FindTopic                  FoundTopic             AuthorizationVerticle
 *   authorization     FindSubscriptions          Subscriptions          AuthorizationVerticle
 *   authorization     FindLifeCycle              LifeCycle              AuthorizationVerticle
 *   session           ReadEvents                 EventBodies            SessionVerticle
 *   session           ListQueues                 QueuesListed           SessionVerticle
 *   tails             Watch                      -                      ConnectionVerticle
 *   loop.N            Follow                     Done                   ConnectionVerticle
 *   session           TakeTrace                  Traced                 SessionVerticle
 *   session           EndTrace                   -                      SessionVerticle
 *   events            Ready                      -                      whoever gives out events
 *   delivery          Subscriptions, Members     -                      DeliveryVerticle
 *   delivery          Introduce                  Introduced             DeliveryVerticle
 *   session           Rejudge                    -                      SessionVerticle
 *   session           Open                       Opened|Refused         SessionVerticle
 *   session           Closed                     -                      SessionVerticle
 *   session           Append                     Appended               SessionVerticle
 *   session           ReadRetained               RetainedPage           SessionVerticle
 *   session           ReadInbox                  Inbox                  SessionVerticle
 *   session           Spread                     Done                   SessionVerticle
 *   session           OrderStore                 StoreShown             SessionVerticle
 *   session           LeaveStore                 Done                   SessionVerticle
 *   session           ListSessions               SessionsListed         SessionVerticle
 *   session           FindSession                SessionsListed         SessionVerticle
 *   session           Disconnect                 SessionsListed         SessionVerticle
 *   node              Leave                      Done                   Node
 *   matching          Subscribe, Unsubscribe     Done                   MatchingVerticle
 *   matching          Members                    -                      MatchingVerticle
 *   session           Members                    -                      SessionVerticle
 *   loop.N            Handover, Evict            Done                   ConnectionVerticle
 *   loop.N            Listen                     Listening              ConnectionVerticle
 *   loop.N            Members                    -                      ConnectionVerticle
 *   loop.N            Bells, Wills, Repicks      -                      ConnectionVerticle
 *   loop.N            Rejudge                    -                      ConnectionVerticle
 *   loop.N            PublishMessage             Done|Refused           ConnectionVerticle
 *   loop.N            Disowned, NetworkChanged   -                      ConnectionVerticle
 *
 *   node address      message                    reply                  taken by
 *   node.ID.loop.N    Wire: run of PUBLISH       empty: credit          ConnectionVerticle
 *   node.ID.matching  Wire: interest             Wire: applied          MatchingVerticle
 *   node.ID.session   Wire: eviction             Wire: verdict          SessionVerticle
 *   node.ID.store     empty                      Wire: introduction     SessionVerticle
 *   node.ID.store     Wire: order                Wire: view             SessionVerticle
 *   node.ID.reached   Wire: position             Wire: verdict          SessionVerticle
 *   node.ID.names     Wire: session question     Wire: session names    SessionVerticle
 *   node.ID.shadows   Wire: shadow question      Wire: shadow answer    AuthorizationVerticle
 *   node.ID.traces    Wire: trace question       Wire: trace answer     SessionVerticle
 *   node.ID.status    empty                      JSON: GET /node        NodeStatus, of each node
 *   leaving           string node                -                      Node, of each node
 * </pre>
 */
public final class Bus {
  /** Local: authorization. */
  public static final String AUTHORIZATION = "authorization";

  /** Whoever gives out events, told by the session verticle. */
  public static final String EVENTS = "busbar.events";

  /** Local: who looks at what is published, told to all event loops. */
  public static final String TAILS = "tails";

  /** Local: sessions of this node. */
  public static final String SESSION = "session";

  /** All nodes: a node, by its id, serves no more and is about to leave. */
  public static final String LEAVING = "leaving";

  /** All nodes: a node, by its id, serves no devices any more and ends. */
  public static final String ENDED = "ended";

  /** Local: the node as a whole. */
  public static final String NODE = "node";

  /** Local: the subscription index of this node. */
  public static final String MATCHING = "matching";

  /** Local: events for those who get them pushed. */
  public static final String DELIVERY = "delivery";

  private static final String CODEC = "reference";

  private Bus() {}

  /** Local: an event loop's connections. */
  public static String loop(int loop) {
    return "loop." + loop;
  }

  /** Node: what other nodes forward to an event loop of a node. */
  public static String nodeLoop(String node, int loop) {
    return "node." + node + ".loop." + loop;
  }

  /** Node: interest of other nodes. */
  public static String nodeMatching(String node) {
    return "node." + node + ".matching";
  }

  /** Node: evictions by other nodes. */
  public static String nodeSession(String node) {
    return "node." + node + ".session";
  }

  /** Node: who it is in the store that all nodes share. */
  public static String nodeStore(String node) {
    return "node." + node + ".store";
  }

  /** Node: whether its index knows what the store has come to somewhere else. */
  public static String nodeReached(String node) {
    return "node." + node + ".reached";
  }

  /** A node's connected sessions. */
  public static String nodeNames(String node) {
    return "node." + node + ".names";
  }

  /** Node: a draft of the policy that somebody at another node has compared. */
  public static String nodeShadows(String node) {
    return "node." + node + ".shadows";
  }

  /** Node: what clients do that somebody at another node looks at. */
  public static String nodeTraces(String node) {
    return "node." + node + ".traces";
  }

  /** Node: how it is, and the values of its meters. */
  public static String nodeStatus(String node) {
    return "node." + node + ".status";
  }

  /** Lets local messages pass by reference; once per Vert.x instance. */
  public static void register(EventBus bus) {
    bus.registerCodec(new ReferenceCodec());
  }

  /** Options of a local message: by reference, never beyond this node. */
  public static DeliveryOptions local() {
    return new DeliveryOptions().setLocalOnly(true).setCodecName(CODEC);
  }

  /** Options of a local request: the reply or its absence is known within {@code timeoutMillis}. */
  public static DeliveryOptions local(long timeoutMillis) {
    return local().setSendTimeout(timeoutMillis);
  }

  /** Options of a request to another node. */
  public static DeliveryOptions remote(long timeoutMillis) {
    return new DeliveryOptions().setSendTimeout(timeoutMillis);
  }

  /** A message between verticles of one node: immutable, or handed over for good. */
  public sealed interface Local {}

  // --- authorization ---

  /**
   * Who is this?
   *
   * @param chain the certificates that the TLS client presented, its own first; empty without TLS
   *     or without a certificate. TLS proved possession of the key and nothing more.
   * @param userName as sent, or null
   * @param password as sent, or null; never logged
   * @param remote the peer's address, for logs
   * @param method the Authentication Method, or null
   * @param data the Authentication Data, or null; never logged
   */
  public record Authenticate(
      MqttVersion version,
      String clientId,
      String userName,
      byte[] password,
      List<X509Certificate> chain,
      String remote,
      String method,
      byte[] data)
      implements Local {}

  /** An exchange of enhanced authentication that is under way: the authorization verticle's. */
  public interface Exchange {}

  /** The client's answer to a challenge; {@code data} may be null. */
  public record Proceed(Exchange exchange, byte[] data) implements Local {}

  /** The client has to answer first; {@code data} is for it, or null. */
  public record Challenged(Exchange exchange, byte[] data) implements Local {}

  /**
   * Known and enabled.
   *
   * @param data for the client, or null
   * @param granted what it was judged by, to be judged again; null where nobody is
   * @param revision of the policy that judged
   * @param mostSessions how many sessions it may have, or 0 for as many as there may be
   */
  public record Authenticated(
      Permit permit, byte[] data, Admission.Granted granted, long revision, int mostSessions)
      implements Local {}

  /** Resources of the namespace have changed, as the store has it. */
  public record Changed(List<Effect.Changed> changes) implements Local {}

  /** Has the store take in the namespace file, if there is one; before devices come. */
  public record Load() implements Local {}

  /** Rights have changed: those who have them are to be judged again. */
  public record Rejudge(Affected affected, long revision) implements Local {}

  /** What may connected clients do now? */
  public record Again(List<Admission.Granted> granted) implements Local {}

  /** The answers, in the order of the questions. */
  public record Judged(List<Admission> admissions) implements Local {}

  /** Do stored sessions' clients still have the right to what they subscribed to? */
  public record Covered(List<Owned> sessions) implements Local {}

  /** What takes from them what they do not. */
  public record Uncovered(List<Command> commands) implements Local {}

  /** May a client publish, which need not be connected? */
  public record MayPublish(String authenticationName, String topic) implements Local {}

  /** Why may a client do something, or why not? */
  public record Explain(
      String authenticationName, Permission right, String wanted, List<Policy.Change> changes)
      implements Local {}

  /**
   * Asks for what a draft decides otherwise for what clients do now, at all nodes; the first time,
   * to have it compared. Whoever does not ask for some seconds has it compared no more.
   *
   * @param id of whoever asks, unique in the cluster
   */
  public record TakeShadow(String id, List<Policy.Change> changes) implements Local {}

  /**
   * That.
   *
   * @param refused why nothing is compared, or empty
   * @param nodes how many compare
   * @param compared how many decisions, since it began
   * @param leftOut how many differences are not told, since it began
   * @param differences those that were not told before
   */
  public record Shadowed(
      String refused, int nodes, long compared, long leftOut, List<Shadow.Difference> differences)
      implements Local {}

  /** Whoever asked does not any more. */
  public record EndShadow(String id) implements Local {}

  /** Asks for a resource of the namespace. */
  public record Find(Resource.Kind kind, String id) implements Local {}

  /** That resource, or null. */
  public record Found(StoredResource resource) implements Local {}

  /**
   * Asks for some of a kind's resources, in the order of their ids.
   *
   * @param after the id that they come after, or null
   * @param ids which
   */
  public record ListResources(Resource.Kind kind, String after, int most, Predicate<String> ids)
      implements Local {}

  /**
   * Some resources.
   *
   * @param next the id after which there may be more, or null
   */
  public record Listed(List<StoredResource> resources, String next) implements Local {}

  /**
   * Asks for a topic, by its id.
   *
   * @param address from which somebody wants it
   */
  public record FindTopic(String id, byte[] address) implements Local {}

  /**
   * A topic and what is needed to publish to it and to receive from it.
   *
   * @param topic null if there is none
   * @param matcher who has subscribed to it
   * @param keys null if there are none
   * @param isReachable whether it may be had from that address
   */
  public record FoundTopic(
      NamespaceTopic topic, EventMatcher matcher, AccessKeys keys, boolean isReachable)
      implements Local {}

  /** Asks for whom to tell of clients that are registered, changed or deleted. */
  public record FindLifeCycle() implements Local {}

  /**
   * Them; nobody if the namespace tells nobody.
   *
   * @param isTold whether the namespace has life-cycle events at all: then they are told over MQTT
   *     as well
   */
  public record LifeCycle(String namespace, EventMatcher told, boolean isTold) implements Local {}

  /** Clients may come from other addresses than before. */
  public record NetworkChanged() implements Local {}

  /** Asks for the bytes of events that were given out. */
  public record ReadEvents(String queue, List<Outcome.Took> events) implements Local {}

  /** Those bytes, in the order of the question; null for an event that is gone. */
  public record EventBodies(List<byte[]> events) implements Local {}

  /**
   * Asks what waits in some of the queues of events, in the order of their names.
   *
   * @param after the name that they come after, or null
   */
  public record ListQueues(String after, int most) implements Local {}

  /** That. */
  public record QueuesListed(List<EventQueueView> queues) implements Local {}

  /** Queues of events have something to give out. */
  public record Ready(Set<String> queues) implements Local {}

  /** Why. */
  public record Explained(Explanation explanation) implements Local {}

  /** Not let in: what the client is told. */
  public record Refused(ReasonCode reason, String text) implements Local {}

  // --- session ---

  /**
   * Takes a session name for a connection, whoever held it is closed first.
   *
   * @param connection identifies the connection on its loop
   * @param expirySeconds Session Expiry Interval: 0 for a session that ends with the connection
   * @param will of a session that is to be stored, or null
   * @param window how many messages to the client may be in flight
   * @param mostSessions how many sessions the client may have, or 0 for as many as there may be
   */
  public record Open(
      String clientId,
      String authenticationName,
      int loop,
      long connection,
      boolean cleanStart,
      long expirySeconds,
      Will will,
      int window,
      int mostSessions)
      implements Local {}

  /**
   * The name is the connection's.
   *
   * @param epoch of the name, for {@link Closed}
   * @param session the stored session; its epoch is 0 if the session is not stored
   */
  public record Opened(long epoch, Outcome.Opened session) implements Local {}

  /**
   * Entries for the store, in order; each has its outcome in the reply.
   *
   * @param source a number of whoever sends them, if none is to be taken that was sent before it
   *     heard of an earlier refusal; else 0
   * @param heard the last {@link Appended#refusals} that it knew of
   */
  public record Append(List<Command> commands, int source, long heard) implements Local {
    /** Entries that are taken or not, whatever becomes of others. */
    public Append(List<Command> commands) {
      this(commands, 0, 0);
    }
  }

  /**
   * What the entries came to, in their order, when all of them are safe.
   *
   * @param outcomes null for one that was refused and is not applied
   * @param refusal why, or null if none was refused
   * @param refusals how many of this source's were refused so far, if later ones depend on it; else
   *     0
   */
  public record Appended(List<Outcome> outcomes, Refusal refusal, long refusals) implements Local {}

  /**
   * Asks for retained messages.
   *
   * @param after where the page before ended, or null
   * @param session the stored session that is to have them, or null
   * @param name of its subscription
   */
  public record ReadRetained(byte[] filter, byte[] after, String session, String name)
      implements Local {
    /** For nobody's stored session. */
    public ReadRetained(byte[] filter, byte[] after) {
      this(filter, after, null, null);
    }
  }

  /** Some of them. */
  public record RetainedPage(Retained.Page page) implements Local {}

  /** Asks for a stored session's deliveries from a sequence on. */
  public record ReadInbox(String session, long epoch, long from, int most) implements Local {}

  /** Some of them. */
  public record Inbox(InboxPage page) implements Local {}

  /** Asks that the indexes of all nodes know what the store they share has answered up to now. */
  public record Spread() implements Local {}

  /** Stored sessions that are connected on a loop have new deliveries. */
  public record Bells(List<Effect.Bell> bells) implements Local {}

  /** Wills to be published. */
  public record Wills(List<Effect.WillDue> wills) implements Local {}

  /** Somebody looks at what clients publish, until that has ended. */
  public record Watch(Tail tail) implements Local {}

  /** Somebody looks at what a client does, or does not any more: {@link Trace#hasEnded}. */
  public record Follow(Trace trace) implements Local {}

  /**
   * Asks for what a client has done since, at all nodes; the first time, to have it looked at.
   * Whoever does not ask for some seconds does not look any more.
   *
   * @param id of whoever looks, unique in the cluster
   */
  public record TakeTrace(String id, Trace.Whom whom) implements Local {}

  /**
   * That.
   *
   * @param lines of JSON, in their order
   * @param refused why it is not looked at here, or null
   */
  public record Traced(List<String> lines, String refused) implements Local {}

  /** Whoever looked does not any more. */
  public record EndTrace(String id) implements Local {}

  /** Messages of shared subscriptions that need another member. */
  public record Repicks(List<Effect.Repick> repicks) implements Local {}

  /** The node was taken for gone by others, or is cut off from most of them. */
  public record Disowned() implements Local {}

  /** A connection ended; ignored if the name has passed to a later epoch. */
  public record Closed(String clientId, long epoch) implements Local {}

  /** Closes a connection of a loop; the reply comes when it is closed. */
  public record Evict(long connection, ReasonCode reason) implements Local {}

  // --- matching ---

  /**
   * Adds or replaces subscriptions; the reply comes when every publish that begins later, on any
   * live node, matches them.
   */
  public record Subscribe(List<? extends Subscriber> subscribers) implements Local {}

  /** Removes subscriptions. */
  public record Unsubscribe(List<? extends Subscriber> subscribers) implements Local {}

  /** A destination of this node in the index. */
  public interface Subscriber {
    /** The topic filter as UTF-8. */
    byte[] filter();
  }

  /** It is done. */
  public record Done() implements Local {}

  /** What an operator wants of the nodes that share the store, this one or another. */
  public record OrderStore(Wire.StoreOrder order) implements Local {}

  /** The nodes that share the store; null if this one has its store alone. */
  public record StoreShown(Wire.StoreView view) implements Local {}

  /** This node is to serve nobody any more, and to be no member of the shared store. */
  public record Leave() implements Local {}

  /** The store of this node is to be handed on; done when it is no member any more. */
  public record LeaveStore() implements Local {}

  /**
   * Some of the sessions: first those that are stored, then those that are only connected.
   *
   * @param after {@link SessionsListed#next} of the page before, or null for the first
   * @param wanted by the session's name, and its client
   */
  public record ListSessions(String after, int most, BiPredicate<String, String> wanted)
      implements Local {}

  /** The session of a name, if there is one. */
  public record FindSession(String name) implements Local {}

  /** Ends the connection of a session, if it has one; then the session is listed. */
  public record Disconnect(String name) implements Local {}

  /**
   * @param next where to go on, or null at the end
   */
  public record SessionsListed(List<SessionShown> sessions, String next) implements Local {}

  /**
   * A session.
   *
   * @param client its authentication name
   * @param node where it is connected, or null
   * @param stored what the store has of it, or null
   */
  public record SessionShown(String name, String client, String node, SessionView stored) {}

  /**
   * The nodes of the cluster as this one sees them, itself included.
   *
   * @param unsettled nodes that are not there any more, and may serve devices still
   */
  public record Members(List<String> nodes, List<String> unsettled) implements Local {
    /** Where nobody waits for a node that is not there. */
    public Members(List<String> nodes) {
      this(nodes, List.of());
    }
  }

  // --- connections ---

  /** Opens the listeners: everything else is ready. */
  public record Listen() implements Local {}

  /** The listeners accept connections; their ports in the order of the settings. */
  public record Listening(List<Integer> ports) implements Local {}

  /**
   * Messages from one event loop for another of the same node.
   *
   * @param packets a run of MQTT 5 PUBLISH packets, packet ids 0, in order, for all that match
   * @param directed messages of shared subscriptions for one connection each
   * @param readAt when the first of them was read from a socket, as {@link System#nanoTime} has it,
   *     or {@link #UNREAD}
   */
  public record Handover(byte[] packets, List<Directed> directed, long readAt) implements Local {
    /** Of messages that no client has just sent. */
    public static final long UNREAD = Long.MIN_VALUE;

    /** Messages that no client has just sent. */
    public Handover(byte[] packets, List<Directed> directed) {
      this(packets, directed, UNREAD);
    }
  }

  /**
   * A message of a shared subscription for the member that was chosen.
   *
   * @param packet one MQTT 5 PUBLISH, packet id 0
   */
  public record Directed(byte[] packet, long connection, String share, byte[] filter) {}

  // --- events ---

  /**
   * Who published: what routing and enrichment may know of a client.
   *
   * @param connection unique per connection on this node
   */
  public record Publisher(String authenticationName, String clientId, long connection)
      implements Local {}

  /**
   * Publishes a message that came another way than over MQTT.
   *
   * @param packet an MQTT 5 PUBLISH, packet id 0
   * @param address where it comes from
   */
  public record PublishMessage(byte[] packet, Publisher publisher, byte[] address)
      implements Local {}

  /** Asks for all event subscriptions. */
  public record FindSubscriptions() implements Local {}

  /** All event subscriptions of the namespace, as they are now. */
  public record Subscriptions(String namespace, List<EventSubscription> subscriptions)
      implements Local {}

  /** Asks whether a subscription can be served, and its receiver wants it to be. */
  public record Introduce(EventSubscription subscription) implements Local {}

  /** Why not, or null. */
  public record Introduced(String why) implements Local {}

  /** Hands a message to its receiver as it is. */
  private static final class ReferenceCodec implements MessageCodec<Local, Local> {
    @Override
    public void encodeToWire(Buffer buffer, Local message) {
      throw new IllegalStateException("a local message does not leave its node: " + message);
    }

    @Override
    public Local decodeFromWire(int position, Buffer buffer) {
      throw new IllegalStateException("a local message does not come from another node");
    }

    @Override
    public Local transform(Local message) {
      return message;
    }

    @Override
    public String name() {
      return CODEC;
    }

    @Override
    public byte systemCodecID() {
      return -1;
    }
  }
}
