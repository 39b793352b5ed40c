package io.busbar.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.busbar.policy.EventSubscription;
import io.busbar.testing.TestTokens;
import io.busbar.tool.Certificates;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;

/** What the documentation and the deployment files say is what the node reads. */
class ExamplesTest {
  private static final Map<String, String> POD =
      Map.of("POD_NAME", "busbar-0", "POD_IP", "10.0.0.7");

  @TempDir Path directory;

  @BeforeEach
  void certificates() throws IOException, GeneralSecurityException {
    Files.writeString(directory.resolve("tokens.pem"), TestTokens.issuer("one").pem());
    Files.writeString(directory.resolve("issuer-ca.pem"), TestTokens.issuer("ca").pem());
    Files.writeString(directory.resolve("collector-ca.pem"), TestTokens.issuer("ca").pem());
    Files.writeString(directory.resolve("webhook-ca.pem"), TestTokens.issuer("ca").pem());
    Files.writeString(directory.resolve("webhook-token"), "secret");
    Files.createDirectories(directory.resolve("account"));
    for (String one : List.of("token", "ca.crt", "namespace")) {
      Files.writeString(directory.resolve("account").resolve(one), "");
    }
    Files.writeString(directory.resolve("kafka.properties"), "bootstrap.servers=localhost:9092");
    for (Path place : List.of(directory, directory.resolve("tls"))) {
      Certificates certificates = Certificates.in(place, Instant.now());
      certificates.server(List.of("localhost"));
      certificates.node(List.of("localhost"));
    }
  }

  @Test
  void settingsOfTheDocumentationAreRead() throws IOException {
    Settings settings = settings(documented("settings"));
    assertThat(settings.listeners()).hasSize(3);
    assertThat(settings.cluster().members()).hasSize(2);
    assertThat(settings.limits().get(Limit.PACKET_BYTES)).isEqualTo(262_144);
  }

  @Test
  void namespaceOfTheDocumentationIsRead() throws IOException {
    NamespaceFile read = namespace(documented("namespace"));
    assertThat(read.namespace().clients()).hasSize(3);
    assertThat(read.resources()).anyMatch(one -> one.resource() instanceof EventSubscription);
  }

  /** An unknown key is answered with the known ones, each of which the example must have. */
  @ParameterizedTest
  @CsvSource({
    "settings, zzz: 1",
    "settings, 'listeners: [{ zzz: 1 }]'",
    "settings, 'http: { zzz: 1 }'",
    "settings, 'api: { zzz: 1 }'",
    "settings, 'webhookAuthentication: { zzz: 1 }'",
    "settings, 'eventDelivery: { zzz: 1 }'",
    "settings, 'tokenIssuers: { zzz: 1 }'",
    "settings, 'tracing: { zzz: 1 }'",
    "settings, 'cluster: { zzz: 1 }'",
    "settings, 'cluster: { store: { zzz: 1 } }'",
    "settings, 'cluster: { store: { statefulSet: { zzz: 1 } } }'",
    "namespace, zzz: 1",
    "namespace, 'clients: [{ zzz: 1 }]'",
    "namespace, 'clients: [{ name: a, clientCertificateAuthentication: { zzz: 1 } }]'",
    "namespace, 'clients: [{ name: a, passwordAuthentication: { zzz: 1 } }]'",
    "namespace, 'clientGroups: [{ zzz: 1 }]'",
    "namespace, 'topicSpaces: [{ zzz: 1 }]'",
    "namespace, 'permissionBindings: [{ zzz: 1 }]'",
    "namespace, 'caCertificates: [{ zzz: 1 }]'",
    "namespace, 'customJwtAuthentication: { zzz: 1 }'",
    "namespace, 'webhookAuthentication: { zzz: 1 }'",
    "namespace, 'topics: [{ zzz: 1 }]'",
    "namespace, 'topics: [{ name: abc, eventSubscriptions: [{ name: abc, zzz: 1 }] }]'",
    "namespace, 'topics: [{ name: abc, eventSubscriptions: [{ name: abc, deliveryConfiguration: { deliveryMode: Queue, queue: { zzz: 1 } } }] }]'",
    "namespace, 'topics: [{ name: abc, eventSubscriptions: [{ name: abc, deliveryConfiguration: { deliveryMode: Push, push: { zzz: 1 } } }] }]'",
    "namespace, 'topics: [{ name: abc, eventSubscriptions: [{ name: abc, deliveryConfiguration: { deliveryMode: Push, push: { destination: { endpointType: WebHook, properties: { zzz: 1 } } } } }] }]'"
  })
  void examplesHaveEveryKey(String kind, String probe) throws IOException {
    String text =
        kind.equals("namespace") && !probe.startsWith("zzz") ? "name: abc\n" + probe : probe;
    ConfigException refused =
        catchThrowableOfType(
            ConfigException.class,
            () -> {
              if (kind.equals("settings")) {
                settings(text);
              } else {
                namespace(text);
              }
            });
    Matcher allowed =
        Pattern.compile("unknown key \"zzz\" \\(allowed: (.*)\\)").matcher(refused.getMessage());
    assertThat(allowed.find()).as(refused.getMessage()).isTrue();
    String example = documented(kind);
    for (String key : allowed.group(1).split(", ")) {
      assertThat(example).containsPattern("(?m)(^|[\\s{#-])" + key + ":");
    }
  }

  @Test
  void threeNodesOnOneMachineFindEachOtherAndShareNoPort() throws IOException {
    Set<Integer> ports = new HashSet<>();
    List<String> membership = new ArrayList<>();
    for (int i = 1; i <= 3; i++) {
      Settings node = settings(Files.readString(Path.of("cluster-config/node-" + i + ".yaml")));
      List<Integer> own = new ArrayList<>();
      node.listeners().forEach(listener -> own.add(listener.address().port()));
      own.addAll(
          List.of(
              node.http().port(),
              node.api().orElseThrow().address().port(),
              node.cluster().address().port(),
              node.cluster().busPort()));
      own.forEach(port -> assertThat(ports.add(port)).as("port %d", port).isTrue());
      assertThat(node.nodeName()).isEqualTo("node-" + i);
      membership.add(node.cluster().address().toString());
      assertThat(node.cluster().members()).hasSize(3).containsAll(membership);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"cluster-config/namespace.yaml", "k8s/base/namespace.yaml"})
  void namespacesAreRead(String file) throws IOException {
    assertThat(namespace(Files.readString(Path.of(file))).namespace().clients()).isNotEmpty();
  }

  @Test
  void theServicesConfigurationIsRead() throws IOException {
    Settings settings = settings(Files.readString(Path.of("packaging/busbar.yaml")));
    String unit = Files.readString(Path.of("packaging/busbar.service"));
    assertThat(settings.storage().directory()).hasToString("/var/lib/busbar");
    assertThat(unit).contains("StateDirectory=busbar\n", "--config /etc/busbar/busbar.yaml\n");
    assertThat(settings.http().host()).isEqualTo("127.0.0.1");
  }

  @Test
  void podsAreConfiguredAsTheExampleForKubernetes() throws IOException {
    String pod = Files.readString(Path.of("k8s/base/busbar.yaml"));
    assertThat(body(pod))
        .isEqualTo(body(Files.readString(Path.of("cluster-config/kubernetes.yaml"))));
    Settings settings = settings(pod);
    assertThat(settings.nodeName()).isEqualTo("busbar-0");
    assertThat(settings.cluster().address().host()).isEqualTo("10.0.0.7");
    assertThat(settings.cluster().dns()).contains("busbar-nodes");
    assertThat(settings.cluster().replication().orElseThrow().statefulSet()).isEmpty();
  }

  /** Ports by name, of the container and the services; probes; the files of the volume. */
  @Test
  void podsOpenAndMountWhatTheirConfigurationNames() throws IOException {
    Settings settings = settings(Files.readString(Path.of("k8s/base/busbar.yaml")));
    Object pod = at(documents("k8s/base/statefulset.yaml").get(0), "spec", "template", "spec");
    Object container = ((List<?>) at(pod, "containers")).get(0);
    Map<Object, Object> ports = new HashMap<>();
    for (Object port : (List<?>) at(container, "ports")) {
      ports.put(at(port, "name"), at(port, "containerPort"));
    }
    assertThat(ports)
        .containsEntry("mqtts", settings.listeners().get(0).address().port())
        .containsEntry("wss", settings.listeners().get(1).address().port())
        .containsEntry("http", settings.http().port())
        .containsEntry("membership", settings.cluster().address().port())
        .containsEntry("bus", settings.cluster().busPort());
    String surface = Files.readString(Path.of("src/main/java/io/busbar/api/HttpVerticle.java"));
    for (String probe : List.of("startupProbe", "livenessProbe", "readinessProbe")) {
      assertThat(at(container, probe, "httpGet", "port")).isEqualTo("http");
      assertThat(surface).contains("\"" + at(container, probe, "httpGet", "path") + "\"");
    }
    for (Object service : documents("k8s/base/services.yaml")) {
      for (Object port : (List<?>) at(service, "spec", "ports")) {
        assertThat(ports).containsKey(at(port, "targetPort"));
      }
    }
    assertThat(at(documents("k8s/base/services.yaml").get(0), "metadata", "name"))
        .isEqualTo(settings.cluster().dns().orElseThrow());
    assertThat(at(container, "args").toString()).contains("/etc/busbar/busbar.yaml");
    assertThat(at(container, "volumeMounts").toString()).contains("mountPath=/etc/busbar,");
    assertThat(at(pod, "volumes").toString())
        .contains("path=tls/ca.pem", "path=tls/server.pem", "path=tls/server-key.pem");
  }

  private Settings settings(String text) throws IOException {
    Path file = Files.writeString(directory.resolve("busbar.yaml"), text);
    return SettingsFile.read(file, directory, POD::get);
  }

  private NamespaceFile namespace(String text) throws IOException {
    return NamespaceFile.read(Files.writeString(directory.resolve("namespace.yaml"), text));
  }

  private static String documented(String kind) throws IOException {
    String page = Files.readString(Path.of("docs/configuration.md"));
    Matcher block = Pattern.compile("(?s)```yaml\n# " + kind + "\n(.*?)```").matcher(page);
    assertThat(block.find()).as("example of %s", kind).isTrue();
    return block.group(1);
  }

  private static String body(String text) {
    return text.replaceFirst("(?m)\\A#.*\n", "");
  }

  private static List<Object> documents(String file) throws IOException {
    List<Object> documents = new ArrayList<>();
    new Load(LoadSettings.builder().build())
        .loadAllFromString(Files.readString(Path.of(file)))
        .forEach(documents::add);
    return documents;
  }

  private static Object at(Object node, String... keys) {
    return Arrays.stream(keys).reduce(node, (n, key) -> ((Map<?, ?>) n).get(key), (a, b) -> b);
  }
}
