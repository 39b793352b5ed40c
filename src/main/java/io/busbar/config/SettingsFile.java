package io.busbar.config;

import io.busbar.config.Settings.Address;
import io.busbar.config.Settings.Cluster;
import io.busbar.config.Settings.Listener;
import io.busbar.config.Settings.Protocol;
import io.busbar.config.Settings.Storage;
import io.busbar.policy.EventDelivery;
import io.busbar.shard.Bounds.Overflow;
import java.net.InetAddress;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Pattern;

/** The configuration file of one node, and what holds without one. */
public final class SettingsFile {
  private static final int MAX_LOOPS = 1_024;
  private static final int MAX_PORT = 65_535;
  private static final int STORE_PORT = 7110;
  private static final int VOTERS = 3;

  /** A day, in seconds. */
  private static final int MAX_REPLACE_AFTER = 86_400;

  /** A minute and a day, in seconds. */
  private static final int MIN_REFRESH = 60;

  private static final int MAX_REFRESH = 86_400;

  /** Five minutes and a week, in seconds. */
  private static final int MAX_AGAIN = 300;

  private static final int MAX_STALE = 604_800;

  /** Of traces that begin here, one of so many is told of. */
  private static final int ONE_IN = 100;

  private static final int MAX_ONE_IN = 1_000_000;

  private static final int MAX_VOTERS = 7;
  private static final long MIN_SEGMENT = 1024 * 1024;
  private static final long MAX_SEGMENT = 1024 * 1024 * 1024;
  private static final List<String> MQTT = List.of("mqtt");
  private static final Pattern NODE_NAME = Pattern.compile("[A-Za-z0-9._-]{1,128}");
  private static final Pattern HOST = Pattern.compile("[A-Za-z0-9._:%-]{1,255}");
  private static final Pattern MEMBER =
      Pattern.compile("(?:[A-Za-z0-9._-]{1,255}|\\[[0-9A-Fa-f:.%]+]):([0-9]{1,5})");
  private static final Pattern PEER_NAME = Pattern.compile("[A-Za-z0-9._*-]{1,255}");
  private static final Pattern ALLOWED_HOST =
      Pattern.compile("(\\*\\.)?[A-Za-z0-9]([A-Za-z0-9.:-]{0,253})");
  private static final Pattern RESPONSE =
      Pattern.compile("(?:[^+#$\\x00]|\\$\\{client\\.(?:authenticationName|sessionName)}){1,1024}");
  private static final Pattern REFERENCE =
      Pattern.compile("[A-Za-z0-9.\\[\\]:_-]{1,255}(?: [A-Za-z0-9.\\[\\]:_-]{1,255}){0,15}");
  private static final Pattern IPV4_LOOPBACK = Pattern.compile("127(\\.[0-9]{1,3}){3}");

  /** Where the API listens if nothing else is told. */
  public static final int API_PORT = 8444;

  private SettingsFile() {}

  /**
   * What holds without a file: MQTT and WebSockets for everyone, encrypted with {@code server.pem}
   * and {@code server-key.pem}; HTTP on loopback; {@code namespace.yaml}; {@code data}; a single
   * node; its API on loopback, if {@code api-keys} is there.
   *
   * @param home the directory of these files
   * @throws ConfigException if a file for encryption does not exist
   */
  public static Settings defaults(Path home) {
    return new Settings(
        hostName(),
        Profile.OPEN,
        defaultListeners(home),
        new Address("127.0.0.1", 8080),
        Cluster.single(),
        Optional.of(home.resolve("namespace.yaml")),
        false,
        0,
        new Limits(Profile.OPEN, Map.of()),
        Settings.Announced.NOTHING,
        Storage.in(data(home)),
        Files.isReadable(keys(home))
            ? Optional.of(
                new Settings.Api(
                    new Address("127.0.0.1", API_PORT),
                    home.resolve("server.pem"),
                    home.resolve("server-key.pem"),
                    keys(home)))
            : Optional.empty(),
        Settings.Webhook.PLAIN,
        Settings.EventDelivery.PLAIN,
        Settings.Revocation.NONE,
        Settings.TokenIssuers.PLAIN,
        Optional.empty());
  }

  /** Where a node keeps its own files that is told nothing else. */
  public static Path data(Path home) {
    return home.resolve("data");
  }

  /**
   * Reads a configuration file; {@code ${env:NAME}} and {@code ${env:NAME:default}} in values stand
   * for environment variables.
   *
   * @param file paths in it are relative to its directory
   * @param home the directory of the files it does not name
   * @throws ConfigException if it cannot be read or breaks a rule
   */
  public static Settings read(Path file, Path home) {
    return read(file, home, System::getenv);
  }

  static Settings read(Path file, Path home, Function<String, String> environment) {
    Section root =
        Section.read(file, environment)
            .only(
                "node",
                "profile",
                "listeners",
                "http",
                "namespace",
                "allowPlaintextBeyondLoopback",
                "cluster",
                "loops",
                "limits",
                "responseInformation",
                "serverReference",
                "reasonStrings",
                "data",
                "durability",
                "store",
                "api",
                "webhookAuthentication",
                "eventDelivery",
                "revocation",
                "tokenIssuers",
                "tracing");
    String node = root.text("node").orElseGet(SettingsFile::hostName);
    if (!NODE_NAME.matcher(node).matches()) {
      throw root.error("node", Yaml.quote(node) + " (allowed: 1 to 128 of A-Z a-z 0-9 . _ -)");
    }
    Profile profile = root.choice("profile", Choices.of(Profile.class), Profile.OPEN);
    boolean plaintext = root.flag("allowPlaintextBeyondLoopback", false);
    Storage storage = storage(root, file, home);
    return new Settings(
        node,
        profile,
        root.has("listeners") ? listeners(root, file, plaintext) : defaultListeners(home),
        root.section("http")
            .map(http -> address(http.only("host", "port"), "127.0.0.1", 8080))
            .orElse(new Address("127.0.0.1", 8080)),
        root.section("cluster")
            .map(cluster -> cluster(cluster, node, file, plaintext))
            .orElseGet(Cluster::single),
        namespace(root, file, home),
        false,
        root.whole("loops", 0, MAX_LOOPS, 0),
        limits(root, profile),
        announced(root),
        storage,
        root.section("api").map(api -> api(api, file, home)),
        root.section("webhookAuthentication")
            .map(webhook -> webhook(webhook.only("authority", "tokenFile"), file))
            .orElse(Settings.Webhook.PLAIN),
        eventDelivery(root, file),
        root.section("revocation")
            .map(section -> revocation(section, file))
            .orElse(Settings.Revocation.NONE),
        tokenIssuers(root, file),
        root.section("tracing").map(tracing -> tracing(tracing, file)));
  }

  private static Settings.Tracing tracing(Section section, Path file) {
    section.only("endpoint", "oneIn", "authority");
    int oneIn = section.whole("oneIn", 0, MAX_ONE_IN, ONE_IN);
    return new Settings.Tracing(
        collector(section, section.requiredText("endpoint")),
        oneIn == 0 ? 0 : 1.0 / oneIn,
        section.has("authority")
            ? Optional.of(readable(section, "authority", file))
            : Optional.empty());
  }

  private static URI collector(Section section, String endpoint) {
    try {
      URI at = new URI(endpoint);
      if (List.of("http", "https").contains(at.getScheme())
          && at.getHost() != null
          && at.getUserInfo() == null
          && at.getQuery() == null) {
        return new URI(endpoint.replaceAll("/+$", "") + "/v1/traces");
      }
    } catch (URISyntaxException e) {
      // refused below, as any other text that is no URL
    }
    throw section.error(
        "endpoint",
        Yaml.quote(endpoint)
            + " (allowed: the URL of a collector that takes OTLP over HTTP, as http://HOST:4318)");
  }

  private static Settings.TokenIssuers tokenIssuers(Section root, Path file) {
    Section section =
        root.section("tokenIssuers")
            .orElseGet(root::nothing)
            .only("authority", "allowedHosts", "refresh", "again", "stale");
    Settings.TokenIssuers plain = Settings.TokenIssuers.PLAIN;
    return new Settings.TokenIssuers(
        section.has("authority")
            ? Optional.of(readable(section, "authority", file))
            : Optional.empty(),
        hosts(section),
        seconds(section, "refresh", MIN_REFRESH, MAX_REFRESH, plain.refresh()),
        seconds(section, "again", 1, MAX_AGAIN, plain.again()),
        seconds(section, "stale", 0, MAX_STALE, plain.stale()));
  }

  private static Duration seconds(
      Section section, String key, int least, int most, Duration absent) {
    return Duration.ofSeconds(section.whole(key, least, most, (int) absent.toSeconds()));
  }

  /** What happens where nobody says whether a certificate is revoked. */
  private enum Missing {
    REFUSE,
    ADMIT
  }

  private static Settings.Revocation revocation(Section section, Path file) {
    section.only("lists", "missing", "online", "allowedHosts", "refresh");
    List<String> places = section.texts("lists").orElse(List.of());
    List<URI> lists = new ArrayList<>();
    for (int i = 0; i < places.size(); i++) {
      try {
        String place = places.get(i);
        if (!place.contains("://")) {
          lists.add(file.resolveSibling(place).toUri());
          continue;
        }
        URI url = new URI(place);
        if (url.getHost() == null || !place.matches("https?://.*")) {
          throw new URISyntaxException(place, "no host, or another scheme");
        }
        lists.add(url);
      } catch (URISyntaxException | InvalidPathException e) {
        throw section.error(
            "lists[" + i + "]",
            Yaml.quote(places.get(i)) + " (allowed: a file, or a URL with http or https)");
      }
    }
    boolean isOnline = section.flag("online", false);
    if (lists.isEmpty() && !isOnline) {
      throw section.error(
          "lists", "none (allowed: one or more files and URLs; none with online: true)");
    }
    Missing missing = section.choice("missing", Choices.of(Missing.class), Missing.REFUSE);
    for (String key : List.of("allowedHosts", "refresh")) {
      if (!isOnline && section.has(key)) {
        throw section.error(key, "given without online (allowed: with online: true)");
      }
    }
    Duration refresh =
        seconds(section, "refresh", MIN_REFRESH, MAX_REFRESH, Settings.Online.REFRESH);
    return new Settings.Revocation(
        lists,
        missing == Missing.REFUSE,
        isOnline ? Optional.of(new Settings.Online(hosts(section), refresh)) : Optional.empty());
  }

  private static List<String> hosts(Section section) {
    List<String> hosts = section.texts("allowedHosts").orElse(List.of());
    for (int i = 0; i < hosts.size(); i++) {
      if (!ALLOWED_HOST.matcher(hosts.get(i)).matches()) {
        throw section.error(
            "allowedHosts[" + i + "]",
            Yaml.quote(hosts.get(i)) + " (allowed: a host, or *.HOST for all below it)");
      }
    }
    return hosts;
  }

  /** A node with an API needs no namespace file: then nobody may do anything until that is told. */
  private static Optional<Path> namespace(Section root, Path file, Path home) {
    if (root.has("namespace")) {
      return Optional.of(path(root, "namespace", file));
    }
    Path ofHome = home.resolve("namespace.yaml");
    return root.has("api") && !Files.exists(ofHome) ? Optional.empty() : Optional.of(ofHome);
  }

  private static Settings.Api api(Section section, Path file, Path home) {
    section.only("host", "port", "certificate", "key", "keys", "clientAuthority", "console");
    return new Settings.Api(
        address(section, "127.0.0.1", API_PORT),
        section.has("certificate")
            ? path(section, "certificate", file)
            : home.resolve("server.pem"),
        section.has("key") ? path(section, "key", file) : home.resolve("server-key.pem"),
        section.has("keys") ? path(section, "keys", file) : keys(home),
        section.has("clientAuthority")
            ? Optional.of(readable(section, "clientAuthority", file))
            : Optional.empty(),
        section.flag("console", true));
  }

  private static Settings.EventDelivery eventDelivery(Section root, Path file) {
    Section section =
        root.section("eventDelivery")
            .orElseGet(root::nothing)
            .only("authority", "tokenFile", "allowedHosts", "kafka", "deadLetters");
    return new Settings.EventDelivery(
        webhook(section, file),
        hosts(section),
        section.has("kafka") ? Optional.of(readable(section, "kafka", file)) : Optional.empty(),
        section.text("deadLetters").map(place -> deadLetters(section, place, file)));
  }

  private static URI deadLetters(Section section, String place, Path file) {
    return place.matches("https?://.*")
        ? section.made(() -> EventDelivery.Webhook.endpoint(place))
        : path(section, "deadLetters", file).toUri();
  }

  private static Settings.Webhook webhook(Section section, Path file) {
    return new Settings.Webhook(
        section.has("authority")
            ? Optional.of(readable(section, "authority", file))
            : Optional.empty(),
        section.has("tokenFile")
            ? Optional.of(readable(section, "tokenFile", file))
            : Optional.empty());
  }

  /** Where the hashes of the keys of the API are, if nothing else is told. */
  public static Path keys(Path home) {
    return home.resolve("api-keys");
  }

  private static Storage storage(Section root, Path file, Path home) {
    return new Storage(
        root.has("data") ? path(root, "data", file) : data(home),
        root.choice("durability", Choices.of(Durability.class), Storage.DURABILITY),
        root.section("store")
            .map(store -> store.only("segmentBytes"))
            .map(store -> store.whole("segmentBytes", MIN_SEGMENT, MAX_SEGMENT, "bytes"))
            .orElse(OptionalLong.empty())
            .orElse(Storage.SEGMENT_BYTES));
  }

  private static Settings.Announced announced(Section root) {
    Optional<String> response = root.text("responseInformation");
    if (response.isPresent() && !RESPONSE.matcher(response.get()).matches()) {
      throw root.error(
          "responseInformation",
          Yaml.quote(response.get())
              + " (allowed: 1 to 1024 characters but + # $, and the"
              + " variables ${client.authenticationName}, ${client.sessionName})");
    }
    Optional<String> reference = root.text("serverReference");
    if (reference.isPresent() && !REFERENCE.matcher(reference.get()).matches()) {
      throw root.error(
          "serverReference",
          Yaml.quote(reference.get())
              + " (allowed: host names, each with a :port or without,"
              + " separated by spaces)");
    }
    return new Settings.Announced(response, reference, root.flag("reasonStrings", true));
  }

  private static List<Listener> defaultListeners(Path home) {
    List<Listener> listeners = new ArrayList<>();
    Path certificate = home.resolve("server.pem");
    Path key = home.resolve("server-key.pem");
    for (Path file : List.of(certificate, key)) {
      if (!Files.isReadable(file)) {
        throw new ConfigException(
            "%s: does not exist or cannot be read (needed by the default listeners mqtts and wss)"
                .formatted(file));
      }
    }
    for (Protocol protocol : List.of(Protocol.MQTTS, Protocol.WSS)) {
      listeners.add(
          new Listener(
              protocol,
              new Address("0.0.0.0", protocol == Protocol.MQTTS ? 8883 : 8443),
              Optional.of(certificate),
              Optional.of(key),
              "/mqtt",
              MQTT));
    }
    return listeners;
  }

  private static List<Listener> listeners(Section root, Path file, boolean plaintext) {
    List<Listener> listeners = new ArrayList<>();
    Set<Address> addresses = new HashSet<>();
    for (Section section : root.sections("listeners")) {
      Listener listener = listener(section, file, plaintext);
      if (listener.address().port() != 0 && !addresses.add(listener.address())) {
        throw section.error(
            "port", listener.address() + " is that of another listener (must be unique)");
      }
      listeners.add(listener);
    }
    if (listeners.isEmpty()) {
      throw root.error("listeners", "none given (allowed: at least 1)");
    }
    return listeners;
  }

  private static Listener listener(Section section, Path file, boolean plaintext) {
    section.only("protocol", "host", "port", "certificate", "key", "path", "subprotocols");
    section.requiredText("protocol");
    Protocol protocol = section.choice("protocol", Choices.of(Protocol.class), null);
    String name = protocol.name().toLowerCase(Locale.ROOT);
    if (!section.has("port")) {
      throw section.missing("port");
    }
    Address address = address(section, protocol.tls() ? "0.0.0.0" : "127.0.0.1", 0);
    if (!protocol.tls() && !plaintext && !isLoopback(address.host())) {
      throw section.error(
          section.has("host") ? "host" : "protocol",
          "%s is not a loopback address, and %s is not encrypted (allowed: 127.0.0.0/8, ::1,"
                  .formatted(Yaml.quote(address.host()), name)
              + " localhost; any with allowPlaintextBeyondLoopback: true)");
    }
    for (String key : List.of("certificate", "key")) {
      if (protocol.tls() && !section.has(key)) {
        throw section.missing(key);
      }
      if (!protocol.tls() && section.has(key)) {
        throw section.error(key, "given with protocol " + name + " (allowed: with mqtts, wss)");
      }
    }
    for (String key : List.of("path", "subprotocols")) {
      if (!protocol.webSocket() && section.has(key)) {
        throw section.error(key, "given with protocol " + name + " (allowed: with ws, wss)");
      }
    }
    String path = section.text("path").orElse("/mqtt");
    if (!path.matches("/[\\x21-\\x7e&&[^?#]]*")) {
      throw section.error("path", Yaml.quote(path) + " (allowed: / and printable ASCII but ? #)");
    }
    List<String> subprotocols = section.texts("subprotocols").orElse(MQTT);
    if (subprotocols.isEmpty() || !subprotocols.stream().allMatch(s -> s.matches("[\\w.-]+"))) {
      throw section.error("subprotocols", "allowed: at least 1, each of A-Z a-z 0-9 . _ -");
    }
    return new Listener(
        protocol,
        address,
        protocol.tls() ? Optional.of(readable(section, "certificate", file)) : Optional.empty(),
        protocol.tls() ? Optional.of(readable(section, "key", file)) : Optional.empty(),
        path,
        subprotocols);
  }

  private static Cluster cluster(Section section, String node, Path file, boolean plaintext) {
    section.only("name", "host", "port", "busPort", "members", "dns", "store");
    String name = section.text("name").orElse("busbar");
    if (!NODE_NAME.matcher(name).matches()) {
      throw section.error("name", Yaml.quote(name) + " (allowed: 1 to 128 of A-Z a-z 0-9 . _ -)");
    }
    List<String> members = section.texts("members").orElse(List.of());
    for (int i = 0; i < members.size(); i++) {
      var member = MEMBER.matcher(members.get(i));
      if (!member.matches()
          || Integer.parseInt(member.group(1)) < 1
          || Integer.parseInt(member.group(1)) > MAX_PORT) {
        throw section.error(
            "members[" + i + "]", Yaml.quote(members.get(i)) + " (allowed: host:port)");
      }
    }
    Optional<String> dns = section.text("dns");
    if (dns.isPresent() && !HOST.matcher(dns.get()).matches()) {
      throw section.error("dns", Yaml.quote(dns.get()) + " (allowed: a host name)");
    }
    Address own = address(section, "127.0.0.1", 5701);
    return new Cluster(
        true,
        name,
        own,
        section.whole("busPort", 0, MAX_PORT, 0),
        members,
        dns,
        section
            .section("store")
            .map(
                store ->
                    replication(
                        store,
                        own,
                        file,
                        plaintext,
                        store
                            .section("statefulSet")
                            .flatMap(set -> statefulSet(set, node, file)))));
  }

  private static Settings.Replication replication(
      Section section,
      Address node,
      Path file,
      boolean plaintext,
      Optional<Settings.StatefulSet> statefulSet) {
    section.only(
        "host",
        "port",
        "founder",
        "founders",
        "voters",
        "replaceAfter",
        "certificate",
        "key",
        "authority",
        "name",
        "statefulSet");
    String founder = section.requiredText("founder");
    if (!NODE_NAME.matcher(founder).matches()) {
      throw section.error(
          "founder", Yaml.quote(founder) + " (allowed: the name of a node, its setting node)");
    }
    int voters = section.whole("voters", 1, MAX_VOTERS, VOTERS);
    if (voters % 2 == 0) {
      throw section.error(
          "voters", voters + " (allowed: 1, 3, 5, 7; one more than an odd number bears no more)");
    }
    Address address = address(section, node.host(), STORE_PORT);
    if (address.host().equals("0.0.0.0") || address.host().equals("::")) {
      throw section.error(
          section.has("host") ? "host" : "founder",
          Yaml.quote(address.host())
              + " is any address (allowed: the one at which other nodes reach this one)");
    }
    Optional<Settings.PeerTls> tls = peerTls(section, file);
    if (tls.isEmpty() && !plaintext && !isLoopback(address.host())) {
      throw section.error(
          section.has("host") ? "host" : "certificate",
          "%s is not a loopback address, and nothing is encrypted (allowed: with certificate, key"
                  .formatted(Yaml.quote(address.host()))
              + " and authority; any with allowPlaintextBeyondLoopback: true)");
    }
    return new Settings.Replication(
        address,
        founder,
        section.whole("founders", 1, voters, voters / 2 + 1),
        voters,
        Duration.ofSeconds(
            section.whole(
                "replaceAfter",
                1,
                MAX_REPLACE_AFTER,
                (int) Settings.Replication.REPLACE_AFTER.toSeconds())),
        tls,
        statefulSet);
  }

  /** None where its name is empty, as that of a variable may be. */
  private static Optional<Settings.StatefulSet> statefulSet(
      Section section, String node, Path file) {
    section.only("name", "server", "account");
    String name = section.requiredText("name");
    if (name.isEmpty()) {
      return Optional.empty();
    }
    Path account =
        section.has("account") ? path(section, "account", file) : Settings.StatefulSet.ACCOUNT;
    Settings.StatefulSet set = new Settings.StatefulSet(name, server(section), account);
    if (set.ordinal(node).isEmpty()) {
      throw section.error(
          "name",
          "%s, of which node %s is no pod (allowed: the name of the node without its ordinal)"
              .formatted(Yaml.quote(name), Yaml.quote(node)));
    }
    for (String needed : List.of("token", "ca.crt", "namespace")) {
      if (!Files.isReadable(account.resolve(needed))) {
        throw section.error(
            section.has("account") ? "account" : "name",
            "%s does not exist or cannot be read (allowed: in a pod whose service account is mounted)"
                .formatted(account.resolve(needed)));
      }
    }
    return Optional.of(set);
  }

  private static URI server(Section section) {
    Optional<String> text = section.text("server");
    if (text.isEmpty()) {
      return Settings.StatefulSet.SERVER;
    }
    try {
      URI server = new URI(text.get());
      if ("https".equals(server.getScheme())
          && server.getHost() != null
          && server.getUserInfo() == null
          && server.getRawPath().isEmpty()) {
        return server;
      }
    } catch (URISyntaxException e) {
      // refused below
    }
    throw section.error(
        "server", Yaml.quote(text.get()) + " (allowed: https://HOST or https://HOST:PORT)");
  }

  private static Optional<Settings.PeerTls> peerTls(Section section, Path file) {
    List<String> keys = List.of("certificate", "key", "authority");
    if (keys.stream().noneMatch(section::has)) {
      if (section.has("name")) {
        throw section.error("name", "given without certificate, key and authority");
      }
      return Optional.empty();
    }
    for (String key : keys) {
      if (!section.has(key)) {
        throw section.missing(key);
      }
    }
    Optional<String> name = section.text("name");
    if (name.isPresent() && !PEER_NAME.matcher(name.get()).matches()) {
      throw section.error(
          "name", Yaml.quote(name.get()) + " (allowed: a host name, * for a part without dots)");
    }
    return Optional.of(
        new Settings.PeerTls(
            readable(section, "certificate", file),
            readable(section, "key", file),
            readable(section, "authority", file),
            name));
  }

  private static Limits limits(Section root, Profile profile) {
    Optional<Section> given = root.section("limits");
    if (given.isEmpty()) {
      return new Limits(profile, Map.of());
    }
    Section section = given.get();
    List<String> keys = new ArrayList<>();
    Arrays.stream(Limit.values()).map(Limit::key).forEach(keys::add);
    keys.add("queue-overflow");
    section.only(keys.toArray(String[]::new));
    Map<Limit, Long> values = new EnumMap<>(Limit.class);
    for (Limit limit : Limit.values()) {
      section
          .whole(limit.key(), limit.least(), limit.most(), limit.unit())
          .ifPresent(value -> values.put(limit, value));
    }
    Overflow overflow =
        section.choice("queue-overflow", Choices.of(Overflow.class), Limits.overflow(profile));
    return new Limits(profile, values, overflow);
  }

  private static Address address(Section section, String host, int port) {
    String given = section.text("host").orElse(host);
    String bare =
        given.startsWith("[") && given.endsWith("]") && given.length() > 2
            ? given.substring(1, given.length() - 1)
            : given;
    if (!HOST.matcher(bare).matches()) {
      throw section.error("host", Yaml.quote(given) + " (allowed: a host name or IP address)");
    }
    return new Address(bare, section.whole("port", 0, MAX_PORT, port));
  }

  /** Whether a host is this machine only, judged by its text: names are not looked up. */
  private static boolean isLoopback(String host) {
    return host.equalsIgnoreCase("localhost")
        || host.equals("::1")
        || host.equals("0:0:0:0:0:0:0:1")
        || IPV4_LOOPBACK.matcher(host).matches();
  }

  private static Path readable(Section section, String key, Path file) {
    Path path = path(section, key, file);
    if (!Files.isRegularFile(path) || !Files.isReadable(path)) {
      throw section.error(key, path + " does not exist or cannot be read");
    }
    return path;
  }

  private static Path path(Section section, String key, Path file) {
    String text = section.requiredText(key);
    if (!text.isBlank()) {
      try {
        return file.toAbsolutePath().resolveSibling(text).normalize();
      } catch (InvalidPathException e) {
        // refused below
      }
    }
    throw section.error(key, Yaml.quote(text) + " (allowed: a path)");
  }

  private static String hostName() {
    try {
      return InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException e) {
      return "busbar";
    }
  }
}
