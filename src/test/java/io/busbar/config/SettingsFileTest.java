package io.busbar.config;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.busbar.config.Settings.Address;
import io.busbar.config.Settings.Cluster;
import io.busbar.config.Settings.Listener;
import io.busbar.config.Settings.Protocol;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SettingsFileTest {
  private static final String GOOD =
      """
      node: node-1
      profile: azure
      listeners:
        - {protocol: mqtts, host: 0.0.0.0, port: 8883, certificate: tls/cert.pem, key: tls/key.pem}
        - protocol: wss
          port: 8443
          certificate: tls/cert.pem
          key: tls/key.pem
          path: /ws
          subprotocols: [mqtt, mqttv3.1]
        - {protocol: mqtt, host: "::1", port: 1883}
      http: {host: 0.0.0.0, port: 0}
      namespace: plant.yaml
      allowPlaintextBeyondLoopback: false
      cluster:
        name: plant
        host: ${env:POD_IP}
        port: ${env:PORT:5702}
        busPort: 0
        members: ["127.0.0.1:5701", "[::1]:5702", "${env:POD_IP}:5703"]
        dns: busbar-headless.default.svc.cluster.local
        store:
          founder: node-0
          voters: 5
          certificate: tls/cert.pem
          key: tls/key.pem
          authority: tls/cert.pem
          name: "*.nodes"
      loops: 2
      limits: {packet-bytes: 2048, keep-alive: 60}
      data: state
      durability: fsync
      store: {segmentBytes: 1048576}
      """;

  @TempDir Path directory;
  private Path file;
  private Path home;

  @BeforeEach
  void files() throws IOException {
    file = directory.resolve("etc/busbar.yaml");
    home = directory.resolve("home");
    Files.createDirectories(directory.resolve("etc/tls"));
    Files.createDirectory(home);
    for (String name : List.of("etc/tls/cert.pem", "etc/tls/key.pem")) {
      Files.writeString(directory.resolve(name), "");
    }
    for (String name : List.of("server.pem", "server-key.pem")) {
      Files.writeString(home.resolve(name), "");
    }
  }

  @Test
  void theConsoleCanBeSwitchedOff() throws IOException {
    for (boolean isOn : List.of(true, false)) {
      Settings settings = read(GOOD + "api: {console: " + isOn + "}\n");
      assertThat(settings.api().orElseThrow().console()).isEqualTo(isOn);
      assertThat(settings.api().orElseThrow().at(1).console()).isEqualTo(isOn);
    }
    assertThat(read(GOOD + "api: {port: 1}\n").api().orElseThrow().console()).isTrue();
  }

  @Test
  void good() throws IOException {
    Settings settings = read(GOOD);
    Optional<Path> certificate = Optional.of(directory.resolve("etc/tls/cert.pem"));
    Optional<Path> key = Optional.of(directory.resolve("etc/tls/key.pem"));
    List<String> mqtt = List.of("mqtt");
    assertThat(settings.nodeName()).isEqualTo("node-1");
    assertThat(settings.profile()).isEqualTo(Profile.AZURE);
    assertThat(settings.listeners())
        .containsExactly(
            new Listener(
                Protocol.MQTTS, new Address("0.0.0.0", 8883), certificate, key, "/mqtt", mqtt),
            new Listener(
                Protocol.WSS,
                new Address("0.0.0.0", 8443),
                certificate,
                key,
                "/ws",
                List.of("mqtt", "mqttv3.1")),
            new Listener(
                Protocol.MQTT,
                new Address("::1", 1883),
                Optional.empty(),
                Optional.empty(),
                "/mqtt",
                mqtt));
    assertThat(settings.http()).isEqualTo(new Address("0.0.0.0", 0));
    assertThat(settings.namespaceFile()).contains(directory.resolve("etc/plant.yaml"));
    assertThat(settings.accessForAll()).isFalse();
    assertThat(settings.cluster())
        .isEqualTo(
            new Cluster(
                true,
                "plant",
                new Address("10.1.2.3", 5702),
                0,
                List.of("127.0.0.1:5701", "[::1]:5702", "10.1.2.3:5703"),
                Optional.of("busbar-headless.default.svc.cluster.local"),
                Optional.of(
                    new Settings.Replication(
                        new Address("10.1.2.3", 7110),
                        "node-0",
                        5,
                        Optional.of(
                            new Settings.PeerTls(
                                certificate.get(),
                                key.get(),
                                certificate.get(),
                                Optional.of("*.nodes")))))));
    assertThat(settings.loops()).isEqualTo(2);
    assertThat(settings.limits().get(Limit.PACKET_BYTES)).isEqualTo(2048);
    assertThat(settings.limits().get(Limit.KEEP_ALIVE)).isEqualTo(60);
    assertThat(settings.limits().get(Limit.TOPIC_BYTES))
        .isEqualTo(Limit.TOPIC_BYTES.value(Profile.AZURE));
    assertThat(settings.storage())
        .isEqualTo(
            new Settings.Storage(directory.resolve("etc/state"), Durability.FSYNC, 1_048_576));
  }

  @Test
  void defaults_areEncryptedAndSingle() throws IOException {
    Settings settings = SettingsFile.defaults(home);
    assertThat(settings.listeners())
        .extracting(Listener::protocol, Listener::address, Listener::certificate, Listener::key)
        .containsExactly(
            org.assertj.core.groups.Tuple.tuple(
                Protocol.MQTTS,
                new Address("0.0.0.0", 8883),
                Optional.of(home.resolve("server.pem")),
                Optional.of(home.resolve("server-key.pem"))),
            org.assertj.core.groups.Tuple.tuple(
                Protocol.WSS,
                new Address("0.0.0.0", 8443),
                Optional.of(home.resolve("server.pem")),
                Optional.of(home.resolve("server-key.pem"))));
    assertThat(settings.http()).isEqualTo(new Address("127.0.0.1", 8080));
    assertThat(settings.namespaceFile()).contains(home.resolve("namespace.yaml"));
    assertThat(settings.cluster().enabled()).isFalse();
    assertThat(settings.nodeName()).isNotBlank();
    assertThat(settings.storage())
        .isEqualTo(new Settings.Storage(home.resolve("data"), Durability.FSYNC, 64 * 1_048_576));
    Settings read = read("");
    assertThat(read.storage()).isEqualTo(settings.storage());
    assertThat(read.listeners()).isEqualTo(settings.listeners());
    assertThat(read.http()).isEqualTo(settings.http());
    assertThat(read.namespaceFile()).isEqualTo(settings.namespaceFile());
    assertThat(read.cluster()).isEqualTo(settings.cluster());
  }

  @Test
  void defaults_withoutCertificate() throws IOException {
    Files.delete(home.resolve("server-key.pem"));
    String problem =
        home.resolve("server-key.pem")
            + ": does not exist or cannot be read (needed by the default listeners mqtts and wss)";
    assertThatThrownBy(() -> SettingsFile.defaults(home))
        .isInstanceOf(ConfigException.class)
        .hasMessage(problem);
    refused("node: a", problem);
  }

  @ParameterizedTest
  @ValueSource(strings = {"127.0.0.1", "127.9.9.9", "localhost", "LocalHost", "'::1'", "'[::1]'"})
  void plaintext_onLoopback(String host) throws IOException {
    assertThat(read("listeners: [{protocol: ws, port: 1, host: %s}]".formatted(host)).listeners())
        .hasSize(1);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "0.0.0.0",
        "'::'",
        "10.0.0.1",
        "127.0.0.1.example.org",
        "localhost.example.org",
        "128.0.0.1"
      })
  void plaintext_beyondLoopback_onlyIfAllowed(String host) throws IOException {
    String listeners = "listeners:\n- {protocol: mqtt, port: 1883, host: %s}\n".formatted(host);
    refused(
        listeners,
        ":2: listeners[0].host: \"%s\" is not a loopback address, and mqtt is not encrypted (allowed:"
                .formatted(host.replace("'", ""))
            + " 127.0.0.0/8, ::1, localhost; any with allowPlaintextBeyondLoopback: true)");
    assertThat(read(listeners + "allowPlaintextBeyondLoopback: true").listeners()).hasSize(1);
    assertThat(read("listeners: [{protocol: mqtt, port: 1883}]").listeners().get(0).address())
        .isEqualTo(new Address("127.0.0.1", 1883));
  }

  @Test
  void environment() throws IOException {
    refused(
        "node: ${env:NOT_SET}",
        ":1: node: environment variable \"NOT_SET\" is not set (allowed: ${env:NAME:default} for one");
    refused("loops: ${env:POD_IP}", ":1: loops: \"${env:POD_IP}\" (allowed: 0 to 1024)");
    refused("node: ${env:EVIL}", ":1: node: \"a b: [c]\" (allowed");
    assertThat(read("node: pod-${env:NOT_SET:a}-${env:POD_IP}").nodeName())
        .isEqualTo("pod-a-10.1.2.3");
    assertThat(
            read("allowPlaintextBeyondLoopback: ${env:YES}\n"
                    + "listeners: [{protocol: ws, host: 10.0.0.1, port: 1}]")
                .listeners())
        .hasSize(1);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "node: node-1| node: 'a b'| :1: node: \"a b\" (allowed: 1 to 128 of A-Z a-z 0-9 . _ -)",
        "node: node-1| nodes: x| :1: unknown key \"nodes\" (allowed: node, profile, listeners,",
        "profile: azure| profile: Azure| :2: profile: \"Azure\" (allowed: open, azure)",
        "listeners:| listener:| :3: unknown key \"listener\"",
        "protocol: mqtts| protocol: tcp| :4: listeners[0].protocol: \"tcp\" (allowed: mqtt, mqtts, ws, wss)",
        "port: 8883| port: 65536| :4: listeners[0].port: 65536 (allowed: 0 to 65535)",
        "port: 8883| port: -1| :4: listeners[0].port: -1 (allowed: 0 to 65535)",
        "port: 8883| port: '8883'| :4: listeners[0].port: \"8883\" (allowed: 0 to 65535)",
        "port: 8883,| | :4: listeners[0].port: missing (required)",
        "port: 8443| port: 8883| :6: listeners[1].port: 0.0.0.0:8883 is that of another listener",
        "host: 0.0.0.0, port: 8883| host: 'a b', port: 8883| :4: listeners[0].host: \"a b\" (allowed: a host name or IP",
        "certificate: tls/cert.pem, | | :4: listeners[0].certificate: missing (required)",
        "tls/key.pem}| tls/gone.pem}| :4: listeners[0].key: DIR/etc/tls/gone.pem does not exist or cannot be read",
        "key: tls/key.pem}| key: ''}| :4: listeners[0].key: \"\" (allowed: a path)",
        "tls/cert.pem, | tls/key.pem, path: /x, | :4: listeners[0].path: given with protocol mqtts (allowed: with ws, wss)",
        "path: /ws| path: ws| :9: listeners[1].path: \"ws\" (allowed: / and printable ASCII but ? #)",
        "[mqtt, mqttv3.1]| []| :10: listeners[1].subprotocols: allowed: at least 1",
        "port: 1883}| port: 1883, key: tls/key.pem}| :11: listeners[2].key: given with protocol mqtt (allowed: with mqtts, wss)",
        "port: 0}| port: 0, tls: true}| :12: unknown key \"tls\" (allowed: host, port)",
        "http: {host: 0.0.0.0, port: 0}| http: 8080| :12: http: 8080 (allowed: a mapping)",
        "namespace: plant.yaml| namespace: [a]| :13: namespace: a list (allowed: a text)",
        "Loopback: false| Loopback: no| :14: allowPlaintextBeyondLoopback: \"no\" (allowed: true, false)",
        "Loopback: false| Loopback:| :14: allowPlaintextBeyondLoopback: nothing (allowed: true, false)",
        "name: plant| name: 'p l'| :16: cluster.name: \"p l\" (allowed: 1 to 128 of",
        "busPort: 0| busPort: 1e3| :19: cluster.busPort: 1e3 (allowed: 0 to 65535)",
        "127.0.0.1:5701| 127.0.0.1| :20: cluster.members[0]: \"127.0.0.1\" (allowed: host:port)",
        "127.0.0.1:5701| a:99999| :20: cluster.members[0]: \"a:99999\" (allowed: host:port)",
        "dns: busbar-headless| dns: a b| :21: cluster.dns: \"a b.default.svc.cluster.local\" (allowed: a host name)",
        "founder: node-0| voter: 1| :23: unknown key \"voter\" (allowed: host, port, founder, founders, voters,",
        "founder: node-0| port: 1| :23: cluster.store.founder: missing (required)",
        "founder: node-0| founder: a b| :23: cluster.store.founder: \"a b\" (allowed: the name of a node",
        "voters: 5| voters: 4| :24: cluster.store.voters: 4 (allowed: 1, 3, 5, 7",
        "voters: 5| voters: 9| :24: cluster.store.voters: 9 (allowed: 1 to 7)",
        "voters: 5| host: 0.0.0.0| :24: cluster.store.host: \"0.0.0.0\" is any address (allowed: the one",
        "voters: 5| port: -1| :24: cluster.store.port: -1 (allowed: 0 to 65535)",
        "authority: tls/cert.pem| port: 1| :23: cluster.store.authority: missing (required)",
        "authority: tls/cert.pem| authority: tls/gone.pem| :27: cluster.store.authority: DIR/etc/tls/gone.pem does not exist or cannot be read",
        "\"*.nodes\"| a b| :28: cluster.store.name: \"a b\" (allowed: a host name, * for",
        "loops: 2| loops: 1025| :29: loops: 1025 (allowed: 0 to 1024)",
        "loops: 2| loops: 2.5| :29: loops: 2.5 (allowed: 0 to 1024)",
        "packet-bytes: 2048| packet-bytes: 1| :30: limits.packet-bytes: 1 (allowed: 1024 to 268435460 bytes)",
        "keep-alive: 60| keep-alive: 1m| :30: limits.keep-alive: \"1m\" (allowed: 5 to 65535 s)",
        "data: state| data: ''| :31: data: \"\" (allowed: a path)",
        "durability: fsync| durability: disk| :32: durability: \"disk\" (allowed: fsync, replicated, memory)",
        "segmentBytes: 1048576| segmentBytes: 1| :33: store.segmentBytes: 1 (allowed: 1048576 to 1073741824 bytes)",
        "segmentBytes| segment-bytes| :33: unknown key \"segment-bytes\" (allowed: segmentBytes)",
        "keep-alive: 60| keepalive: 60| :30: unknown key \"keepalive\" (allowed: max-connections, ",
      })
  void refused_withLineAndPath(String good, String bad, String problem) throws IOException {
    assertThat(GOOD).contains(good);
    refused(
        GOOD.replaceFirst(Pattern.quote(good), Matcher.quoteReplacement(bad == null ? "" : bad)),
        problem.replace("DIR", directory.toString()));
  }

  @Test
  void theStatefulSetThatANodeIsAPodOf() throws IOException {
    String store = "    founder: node-0\n";
    String set =
        "    statefulSet: {name: node, server: 'https://10.0.0.1:6443', account: account}\n";
    String text = GOOD.replace(store, set + store);
    refused(
        text,
        "cluster.store.statefulSet.account: %s does not exist or cannot be read (allowed: in a"
            .formatted(directory.resolve("etc/account/token")));
    Files.createDirectories(directory.resolve("etc/account"));
    for (String file : List.of("token", "ca.crt", "namespace")) {
      Files.writeString(directory.resolve("etc/account").resolve(file), file);
    }
    Settings.StatefulSet read = statefulSet(text).orElseThrow();
    assertThat(read)
        .isEqualTo(
            new Settings.StatefulSet(
                "node", URI.create("https://10.0.0.1:6443"), directory.resolve("etc/account")));
    assertThat(read.ordinal("node-12")).hasValue(12);
    for (String other : List.of("node", "node-", "node-01", "node-a", "nodes-1", "other-node-1")) {
      assertThat(read.ordinal(other)).isEmpty();
    }
    assertThat(
            statefulSet(text.replace("server: 'https://10.0.0.1:6443', ", ""))
                .orElseThrow()
                .server())
        .isEqualTo(Settings.StatefulSet.SERVER);
    assertThat(statefulSet(text.replace("name: node,", "name: '${env:NOT_SET:}',"))).isEmpty();
    refused(
        text.replace("name: node,", "name: other,"),
        "cluster.store.statefulSet.name: \"other\", of which node \"node-1\" is no pod (allowed: ");
    for (String wrong : List.of("http://10.0.0.1", "https://", "https://a/b", "https://u@a")) {
      refused(
          text.replace("https://10.0.0.1:6443", wrong),
          "cluster.store.statefulSet.server: \"%s\" (allowed: https://HOST or".formatted(wrong));
    }
  }

  @Test
  void noListeners() throws IOException {
    refused("listeners: []", ":1: listeners: none given (allowed: at least 1)");
  }

  @Test
  void listsOfRevokedCertificates() throws IOException {
    refused("revocation: {lists: []}", ":1: revocation.lists: none (allowed: one or more files");
    refused(
        "revocation: {lists: ['a list.pem', 'http:///x']}",
        ":1: revocation.lists[1]: \"http:///x\" (allowed: a file, or a URL with http or https)");
    refused(
        "revocation: {lists: ['ldap://ca/x']}",
        ":1: revocation.lists[0]: \"ldap://ca/x\" (allowed: a file, or a URL with http or https)");
    refused(
        "revocation: {lists: [a.pem], allowedHosts: [x]}",
        ":1: revocation.allowedHosts: given without online (allowed: with online: true)");
    refused(
        "revocation: {online: true, allowedHosts: ['http://x']}",
        ":1: revocation.allowedHosts[0]: \"http://x\" (allowed: a host, or *.HOST");
    refused("revocation: {online: true, refresh: 5}", ":1: revocation.refresh: 5 (allowed: 60");
  }

  @Test
  void whereSpansAreSentTo() throws IOException {
    refused("tracing: {}", ":1: tracing.endpoint: ");
    for (String wrong : List.of("collector:4318", "ftp://collector", "http://", "http://a:b@c")) {
      refused(
          "tracing: {endpoint: '%s'}".formatted(wrong),
          ":1: tracing.endpoint: \"%s\" (allowed: the URL of a collector".formatted(wrong));
    }
    refused(
        "tracing: {endpoint: 'http://c', oneIn: -1}",
        ":1: tracing.oneIn: -1 (allowed: 0 to 1000000)");
    refused("tracing: {endpoint: 'http://c', authority: none.pem}", ":1: tracing.authority: ");
  }

  @Test
  void keysOfTokenIssuers() throws IOException {
    refused("tokenIssuers: {refresh: 59}", ":1: tokenIssuers.refresh: 59 (allowed: 60 to 86400");
    refused("tokenIssuers: {again: 0}", ":1: tokenIssuers.again: 0 (allowed: 1 to 300)");
    refused("tokenIssuers: {stale: -1}", ":1: tokenIssuers.stale: -1 (allowed: 0 to 604800)");
    refused("tokenIssuers: {authority: none.pem}", ":1: tokenIssuers.authority: ");
    refused(
        "tokenIssuers: {allowedHosts: ['https://x/']}",
        ":1: tokenIssuers.allowedHosts[0]: \"https://x/\" (allowed: a host, or *.HOST");
  }

  @Test
  void anyMutation_isReadOrRefusedInOneLine() throws IOException {
    Random random = new Random(20_261_124);
    byte[] spice = "{}[]:-,#&*!|>'\"%@`$ \n\t\0\u007f0aZ?~<=".getBytes(UTF_8);
    int read = 0;
    for (int round = 0; round < 3_000; round++) {
      byte[] bytes = GOOD.getBytes(UTF_8);
      for (int i = random.nextInt(3); i >= 0; i--) {
        int at = random.nextInt(bytes.length);
        if (random.nextInt(8) == 0) {
          bytes = Arrays.copyOf(bytes, at + 1);
        } else {
          bytes[at] = spice[random.nextInt(spice.length)];
        }
      }
      Files.write(file, bytes);
      try {
        SettingsFile.read(file, home, this::variable);
        read++;
      } catch (ConfigException e) {
        assertThat(e.getMessage()).startsWith(file.toString()).doesNotContain("\n");
      } catch (RuntimeException e) {
        throw new AssertionError("round " + round + ": " + new String(bytes, UTF_8), e);
      }
    }
    assertThat(read).isBetween(50, 2_950);
  }

  private String variable(String name) {
    return Map.of("POD_IP", "10.1.2.3", "YES", "true", "EVIL", "a\nb: [c]").get(name);
  }

  private Settings read(String text) throws IOException {
    Files.writeString(file, text);
    return SettingsFile.read(file, home, this::variable);
  }

  private Optional<Settings.StatefulSet> statefulSet(String text) throws IOException {
    return read(text).cluster().replication().orElseThrow().statefulSet();
  }

  private void refused(String text, String problem) throws IOException {
    Files.writeString(file, text);
    assertThatThrownBy(() -> SettingsFile.read(file, home, this::variable))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining(problem)
        .satisfies(e -> assertThat(e.getMessage()).doesNotContain("\n"));
  }
}
