package io.busbar.config;

import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * What one node is configured to be. Made by {@link SettingsFile} from a file, or by the commands.
 *
 * @param nodeName the node's name in logs and metrics
 * @param profile the profile whose values apply where nothing else is configured
 * @param listeners where devices connect; at least one
 * @param http where health and metrics are served; a port of 0 takes any free one
 * @param cluster the other nodes, or none
 * @param namespaceFile the namespace, or none where {@code accessForAll}
 * @param accessForAll whether anyone may connect and do anything ({@code start --insecure})
 * @param loops event loops for connections; 0 means as many as fit the machine
 * @param limits the limits in force
 * @param announced what MQTT 5 clients are told
 * @param storage what is kept, and where
 * @param api where the namespace is managed over HTTPS, if anywhere; a node with {@code
 *     accessForAll} has it beside health and metrics instead
 * @param webhook how the webhook is called that says who clients are, where the namespace has one
 * @param eventDelivery how events are brought to those who get them pushed
 * @param revocation where certificates of clients are looked up that are not trusted any more
 * @param tokenIssuers how keys are fetched that issuers of tokens publish, where the namespace
 *     names such issuers
 * @param tracing where spans are sent to, if anywhere
 */
public record Settings(
    String nodeName,
    Profile profile,
    List<Listener> listeners,
    Address http,
    Cluster cluster,
    Optional<Path> namespaceFile,
    boolean accessForAll,
    int loops,
    Limits limits,
    Announced announced,
    Storage storage,
    Optional<Api> api,
    Webhook webhook,
    EventDelivery eventDelivery,
    Revocation revocation,
    TokenIssuers tokenIssuers,
    Optional<Tracing> tracing) {

  /** Copies the list, so that settings do not change. */
  public Settings {
    listeners = List.copyOf(listeners);
  }

  /** Without an API. */
  public Settings(
      String nodeName,
      Profile profile,
      List<Listener> listeners,
      Address http,
      Cluster cluster,
      Optional<Path> namespaceFile,
      boolean accessForAll,
      int loops,
      Limits limits,
      Announced announced,
      Storage storage) {
    this(
        nodeName,
        profile,
        listeners,
        http,
        cluster,
        namespaceFile,
        accessForAll,
        loops,
        limits,
        announced,
        storage,
        Optional.empty(),
        Webhook.PLAIN,
        EventDelivery.PLAIN,
        Revocation.NONE,
        TokenIssuers.PLAIN,
        Optional.empty());
  }

  /** With nothing announced, and what is kept in memory. */
  public Settings(
      String nodeName,
      Profile profile,
      List<Listener> listeners,
      Address http,
      Cluster cluster,
      Optional<Path> namespaceFile,
      boolean accessForAll,
      int loops,
      Limits limits) {
    this(
        nodeName,
        profile,
        listeners,
        http,
        cluster,
        namespaceFile,
        accessForAll,
        loops,
        limits,
        Announced.NOTHING);
  }

  /** With what is kept in memory. */
  public Settings(
      String nodeName,
      Profile profile,
      List<Listener> listeners,
      Address http,
      Cluster cluster,
      Optional<Path> namespaceFile,
      boolean accessForAll,
      int loops,
      Limits limits,
      Announced announced) {
    this(
        nodeName,
        profile,
        listeners,
        http,
        cluster,
        namespaceFile,
        accessForAll,
        loops,
        limits,
        announced,
        Storage.memory());
  }

  /**
   * By which name clients reach the node: the first listener's, or the node's where that is any.
   */
  public String host() {
    String host = listeners.get(0).address().host();
    return host.equals("0.0.0.0") || host.equals("::") ? nodeName : host;
  }

  /** Where events are put that nobody took; none if the node keeps nothing and is told nothing. */
  public Optional<URI> deadLetters() {
    return eventDelivery
        .deadLetters()
        .or(
            () ->
                Optional.ofNullable(storage.directory())
                    .map(data -> data.resolve("dead-letters").toUri()));
  }

  /** The same with other storage. */
  public Settings with(Storage other) {
    return with(other, api, webhook, eventDelivery, revocation, tokenIssuers, tracing);
  }

  /** The same with an API. */
  public Settings with(Api other) {
    return with(
        storage, Optional.of(other), webhook, eventDelivery, revocation, tokenIssuers, tracing);
  }

  /** The same with another way to call the webhook of the namespace. */
  public Settings with(Webhook other) {
    return with(storage, api, other, eventDelivery, revocation, tokenIssuers, tracing);
  }

  /** The same with another way to bring events to others. */
  public Settings with(EventDelivery other) {
    return with(storage, api, webhook, other, revocation, tokenIssuers, tracing);
  }

  /** The same with other lists of revoked certificates. */
  public Settings with(Revocation other) {
    return with(storage, api, webhook, eventDelivery, other, tokenIssuers, tracing);
  }

  /** The same with another way to fetch keys of issuers. */
  public Settings with(TokenIssuers other) {
    return with(storage, api, webhook, eventDelivery, revocation, other, tracing);
  }

  /** The same with spans that are sent to a collector. */
  public Settings with(Tracing other) {
    return with(storage, api, webhook, eventDelivery, revocation, tokenIssuers, Optional.of(other));
  }

  private Settings with(
      Storage kept,
      Optional<Api> at,
      Webhook asked,
      EventDelivery brought,
      Revocation revoked,
      TokenIssuers fetched,
      Optional<Tracing> told) {
    return new Settings(
        nodeName,
        profile,
        listeners,
        http,
        cluster,
        namespaceFile,
        accessForAll,
        loops,
        limits,
        announced,
        kept,
        at,
        asked,
        brought,
        revoked,
        fetched,
        told);
  }

  /**
   * Where the namespace is managed.
   *
   * @param address a port of 0 takes any free one
   * @param certificate PEM file of the server's certificate and its chain
   * @param key PEM file of its private key (PKCS#8)
   * @param keys file of those who may, with the hashes of their keys
   * @param clientAuthority PEM file of whoever signed the certificates of those who may, if they
   *     come with any
   * @param console whether the web console is served beside it
   */
  public record Api(
      Address address,
      Path certificate,
      Path key,
      Path keys,
      Optional<Path> clientAuthority,
      boolean console) {
    /** With the console. */
    public Api(
        Address address, Path certificate, Path key, Path keys, Optional<Path> clientAuthority) {
      this(address, certificate, key, keys, clientAuthority, true);
    }

    /** For those who have a key. */
    public Api(Address address, Path certificate, Path key, Path keys) {
      this(address, certificate, key, keys, Optional.empty());
    }

    /** The same at another port. */
    public Api at(int port) {
      return new Api(
          new Address(address.host(), port), certificate, key, keys, clientAuthority, console);
    }
  }

  /**
   * Where certificates of clients are looked up that are not trusted any more.
   *
   * @param lists X.509 CRLs, PEM or DER: files, or URLs (http, https) that are fetched
   * @param isRequired whether a client is refused of whose certificates nobody says whether they
   *     are revoked
   * @param online how it is asked where certificates name a responder or a list, if it is
   */
  public record Revocation(List<URI> lists, boolean isRequired, Optional<Online> online) {
    /** None is looked up, as in Event Grid. */
    public static final Revocation NONE = new Revocation(List.of(), false);

    /** Copies the list, so that settings do not change. */
    public Revocation {
      lists = List.copyOf(lists);
    }

    /** Where nobody is asked whom certificates name. */
    public Revocation(List<URI> lists, boolean isRequired) {
      this(lists, isRequired, Optional.empty());
    }

    /** Whether nothing is looked up. */
    public boolean isNone() {
      return lists.isEmpty() && online.isEmpty();
    }
  }

  /**
   * How it is asked whether certificates are revoked where they say who knows.
   *
   * @param allowedHosts names of hosts that they may name, {@code *.example.com} for all below one;
   *     none given means any but this machine
   * @param refresh after how long it is asked again, if the answer is valid so long
   */
  public record Online(List<String> allowedHosts, Duration refresh) {
    /** An hour. */
    public static final Duration REFRESH = Duration.ofHours(1);

    /** Copies the list, so that settings do not change. */
    public Online {
      allowedHosts = List.copyOf(allowedHosts);
    }
  }

  /**
   * Where spans of OpenTelemetry are sent to.
   *
   * @param traces where a collector takes traces by OTLP over HTTP
   * @param ratio how many of the traces that begin here are told of, 0 to 1
   * @param authority PEM file of whoever signed the collector's certificate, or none for those that
   *     the JVM trusts
   */
  public record Tracing(URI traces, double ratio, Optional<Path> authority) {}

  /**
   * How keys are fetched that issuers of tokens publish.
   *
   * @param authority PEM file of whoever signed their servers' certificates, or none for those that
   *     the JVM trusts
   * @param allowedHosts names of hosts that they may be on, {@code *.example.com} for all below
   *     one; none given means any but this machine
   * @param refresh after how long they are fetched again at the latest; headers of HTTP may say
   *     sooner
   * @param again how long an issuer is left alone after that, whoever wants to know of new keys
   * @param stale for how long after {@code refresh} keys count that cannot be fetched again
   */
  public record TokenIssuers(
      Optional<Path> authority,
      List<String> allowedHosts,
      Duration refresh,
      Duration again,
      Duration stale) {
    /** Any but this machine; an hour, ten seconds, and one more hour. */
    public static final TokenIssuers PLAIN =
        new TokenIssuers(
            Optional.empty(),
            List.of(),
            Duration.ofHours(1),
            Duration.ofSeconds(10),
            Duration.ofHours(1));

    /** Copies the list, so that settings do not change. */
    public TokenIssuers {
      allowedHosts = List.copyOf(allowedHosts);
    }
  }

  /**
   * How webhooks that say who clients are are called.
   *
   * @param authority PEM file of whoever signed their certificates, or none for those that the JVM
   *     trusts
   * @param tokenFile file with what they are shown as {@code Authorization: Bearer}, if anything
   */
  public record Webhook(Optional<Path> authority, Optional<Path> tokenFile) {
    /** With nothing shown, to those whom the JVM trusts. */
    public static final Webhook PLAIN = new Webhook(Optional.empty(), Optional.empty());
  }

  /**
   * How events are brought to those who get them pushed.
   *
   * @param webhooks whom to trust there, and what is shown to those who want a token
   * @param allowedHosts names of hosts that webhooks may have, {@code *.example.com} for all below
   *     one; none given means any
   * @param kafka a file with the properties of a Kafka client, bootstrap.servers among them, or
   *     none if there is no Kafka
   * @param deadLetters where events are put that nobody took: a directory, or the URL of a store of
   *     blobs; by default the directory {@code dead-letters} where the node keeps its own files
   */
  public record EventDelivery(
      Webhook webhooks,
      List<String> allowedHosts,
      Optional<Path> kafka,
      Optional<URI> deadLetters) {
    /** Webhooks anywhere, and nothing else. */
    public static final EventDelivery PLAIN =
        new EventDelivery(Webhook.PLAIN, List.of(), Optional.empty(), Optional.empty());

    /** Copies the list, so that settings do not change. */
    public EventDelivery {
      allowedHosts = List.copyOf(allowedHosts);
    }
  }

  /**
   * What is kept of stored sessions and retained messages, and where.
   *
   * @param directory of the node's own files, if there are any
   * @param durability what an acknowledgement promises
   * @param segmentBytes how large a file of the journal grows before the next one begins
   * @param acceptsLoss whether to go on, for this start, with what can still be read of a store
   *     that is damaged
   */
  public record Storage(
      Path directory, Durability durability, long segmentBytes, boolean acceptsLoss) {
    /** What holds where nothing else is configured. */
    public static final Durability DURABILITY = Durability.FSYNC;

    /** What holds where nothing else is configured, 64 MiB. */
    public static final long SEGMENT_BYTES = 64 * 1024 * 1024;

    /** Nothing that is lost is accepted. */
    public Storage(Path directory, Durability durability, long segmentBytes) {
      this(directory, durability, segmentBytes, false);
    }

    /** What holds where nothing but the directory is configured. */
    public static Storage in(Path directory) {
      return new Storage(directory, DURABILITY, SEGMENT_BYTES);
    }

    /** Nothing is kept on disk. */
    public static Storage memory() {
      return new Storage(Path.of("data"), Durability.MEMORY, SEGMENT_BYTES);
    }

    /** The same in another directory. */
    public Storage at(Path other) {
      return new Storage(other, durability, segmentBytes, acceptsLoss);
    }

    /** The same, but what is damaged is given up. */
    public Storage acceptingLoss() {
      return new Storage(directory, durability, segmentBytes, true);
    }
  }

  /**
   * What MQTT 5 clients are told that the standard leaves to the server.
   *
   * @param responseInformation Response Information for clients that ask for it (section
   *     3.2.2.3.15), in which {@code ${client.authenticationName}} and {@code
   *     ${client.sessionName}} stand for the client's own
   * @param serverReference another server (section 4.13), for clients that this node has no room
   *     for and for all when it stops
   * @param reasonStrings whether they are told in words why something was refused, as the log is
   */
  public record Announced(
      Optional<String> responseInformation,
      Optional<String> serverReference,
      boolean reasonStrings) {
    /** Nothing but why. */
    public static final Announced NOTHING = new Announced(Optional.empty(), Optional.empty(), true);

    /** The Response Information of a client, or empty: no level of it may come from a wildcard. */
    public Optional<String> responseInformation(String authenticationName, String sessionName) {
      boolean isOneLevel = !(authenticationName + sessionName).matches("(?s).*[/+#\\x00].*");
      return responseInformation
          .filter(text -> isOneLevel)
          .map(
              text ->
                  text.replace("${client.authenticationName}", authenticationName)
                      .replace("${client.sessionName}", sessionName));
    }
  }

  /** A host name or IP literal and a TCP port; port 0 takes any free one. */
  public record Address(String host, int port) {
    @Override
    public String toString() {
      return (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + port;
    }
  }

  /** What a listener speaks. */
  public enum Protocol {
    MQTT(false, false),
    MQTTS(true, false),
    WS(false, true),
    WSS(true, true);

    private final boolean tls;
    private final boolean webSocket;

    Protocol(boolean tls, boolean webSocket) {
      this.tls = tls;
      this.webSocket = webSocket;
    }

    /** Whether it is encrypted. */
    public boolean tls() {
      return tls;
    }

    /** Whether MQTT is carried in WebSocket frames. */
    public boolean webSocket() {
      return webSocket;
    }
  }

  /**
   * Where devices connect.
   *
   * @param certificate PEM file of the server's certificate and its chain, present where the
   *     protocol is encrypted
   * @param key PEM file of its private key (PKCS#8), present where the protocol is encrypted
   * @param path the WebSocket path, "/mqtt" by default
   * @param subprotocols the WebSocket subprotocols accepted, "mqtt" by default
   */
  public record Listener(
      Protocol protocol,
      Address address,
      Optional<Path> certificate,
      Optional<Path> key,
      String path,
      List<String> subprotocols) {
    /** Copies the list, so that settings do not change. */
    public Listener {
      subprotocols = List.copyOf(subprotocols);
    }

    @Override
    public String toString() {
      String scheme = protocol.name().toLowerCase(Locale.ROOT);
      return scheme + "://" + address + (protocol.webSocket() ? path : "");
    }

    /** The same on another port. */
    public Listener withPort(int port) {
      return new Listener(
          protocol, new Address(address.host, port), certificate, key, path, subprotocols);
    }
  }

  /**
   * How nodes find each other.
   *
   * @param enabled false for a single node: it forms a cluster of one, with no network discovery
   * @param name only nodes of the same name join
   * @param address this node's address for membership (Hazelcast)
   * @param busPort the port of the event bus on the same host; 0 takes any free one
   * @param members addresses of nodes to ask, of the form host:port
   * @param dns the name of a headless service whose addresses are the members (Kubernetes), or none
   * @param replication how the nodes' stores are one; none where durability is memory
   */
  public record Cluster(
      boolean enabled,
      String name,
      Address address,
      int busPort,
      List<String> members,
      Optional<String> dns,
      Optional<Replication> replication) {
    /** Copies the list, so that settings do not change. */
    public Cluster {
      members = List.copyOf(members);
    }

    /** A cluster whose nodes have stores of their own, if any. */
    public Cluster(
        boolean enabled,
        String name,
        Address address,
        int busPort,
        List<String> members,
        Optional<String> dns) {
      this(enabled, name, address, busPort, members, dns, Optional.empty());
    }

    /** A cluster of one on loopback. */
    public static Cluster single() {
      return new Cluster(
          false, "busbar", new Address("127.0.0.1", 0), 0, List.of(), Optional.empty());
    }
  }

  /**
   * How the nodes of a cluster keep one store together.
   *
   * @param address where this node listens for the others, and they reach it; port 0 takes any free
   *     one
   * @param founder the name of the node that begins the store when no node has any of it yet
   * @param founders how many nodes must be there for that, the founder among them
   * @param voters how many nodes have a vote, if so many are there: an acknowledgement waits for
   *     most of them
   * @param replaceAfter how long a node may be away before another one votes in its place, if there
   *     is one
   * @param tls keys, and whom to trust; without, everything is clear text
   * @param statefulSet whom this node asks, before it stops, whether it does so for good: it leaves
   *     the store then
   */
  public record Replication(
      Address address,
      String founder,
      int founders,
      int voters,
      Duration replaceAfter,
      Optional<PeerTls> tls,
      Optional<StatefulSet> statefulSet) {
    /** What {@link #replaceAfter} is if nothing is said: a pod comes back with its disk sooner. */
    public static final Duration REPLACE_AFTER = Duration.ofMinutes(10);

    /** A store that most of its voters found. */
    public Replication(Address address, String founder, int voters, Optional<PeerTls> tls) {
      this(address, founder, voters / 2 + 1, voters, REPLACE_AFTER, tls, Optional.empty());
    }
  }

  /**
   * The StatefulSet of Kubernetes that a node is a pod of.
   *
   * @param name the node's name is this one, a dash, and the pod's ordinal
   * @param server where the API of Kubernetes is, over https
   * @param account directory of the pod's service account: {@code token}, {@code ca.crt}, {@code
   *     namespace}
   */
  public record StatefulSet(String name, URI server, Path account) {
    /** How pods call the API. */
    public static final URI SERVER = URI.create("https://kubernetes.default.svc");

    /** Where pods have their service account. */
    public static final Path ACCOUNT = Path.of("/var/run/secrets/kubernetes.io/serviceaccount");

    /** The ordinal of a node; none if it is no pod of this set. */
    public OptionalInt ordinal(String node) {
      String ordinal = node.startsWith(name + "-") ? node.substring(name.length() + 1) : "";
      return ordinal.matches("0|[1-9][0-9]{0,5}")
          ? OptionalInt.of(Integer.parseInt(ordinal))
          : OptionalInt.empty();
    }
  }

  /**
   * The keys of a node towards others, and whom it trusts. A node's certificate serves in both
   * directions: where it limits its use, it allows a server's and a client's.
   *
   * @param certificate PEM file of this node's certificate and its chain
   * @param key PEM file of its private key (PKCS#8)
   * @param authority PEM file of the authorities that a peer's certificate must come from
   * @param name what a name in a peer's certificate must be, {@code *} standing for anything but a
   *     dot, for example {@code busbar-*.busbar-nodes.default.svc}; without, the host name or
   *     address at which this node reaches that peer
   */
  public record PeerTls(Path certificate, Path key, Path authority, Optional<String> name) {}
}
