package io.busbar;

import static java.util.stream.Collectors.toSet;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.gson.Gson;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.kubernetes.client.openapi.JSON;
import io.kubernetes.client.openapi.models.V1ConfigMap;
import io.kubernetes.client.openapi.models.V1NetworkPolicy;
import io.kubernetes.client.openapi.models.V1PodDisruptionBudget;
import io.kubernetes.client.openapi.models.V1Role;
import io.kubernetes.client.openapi.models.V1RoleBinding;
import io.kubernetes.client.openapi.models.V1Service;
import io.kubernetes.client.openapi.models.V1ServiceAccount;
import io.kubernetes.client.openapi.models.V1StatefulSet;
import io.kubernetes.client.openapi.models.V2HorizontalPodAutoscaler;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;

/** The manifests of k8s/, each as Kubernetes takes it, and what they have to do with each other. */
class KubernetesTest {
  private static final Path K8S = Path.of("k8s");

  /** Throws what is wrong with an object: fields that there are not, or that are missing. */
  private interface Schema {
    void validate(JsonElement object) throws IOException;
  }

  private record Kind(Schema schema, Class<?> model) {}

  private static final Map<String, Kind> KINDS =
      Map.of(
          "apps/v1 StatefulSet", new Kind(V1StatefulSet::validateJsonElement, V1StatefulSet.class),
          "v1 Service", new Kind(V1Service::validateJsonElement, V1Service.class),
          "v1 ConfigMap", new Kind(V1ConfigMap::validateJsonElement, V1ConfigMap.class),
          "v1 ServiceAccount",
              new Kind(V1ServiceAccount::validateJsonElement, V1ServiceAccount.class),
          "rbac.authorization.k8s.io/v1 Role", new Kind(V1Role::validateJsonElement, V1Role.class),
          "rbac.authorization.k8s.io/v1 RoleBinding",
              new Kind(V1RoleBinding::validateJsonElement, V1RoleBinding.class),
          "policy/v1 PodDisruptionBudget",
              new Kind(V1PodDisruptionBudget::validateJsonElement, V1PodDisruptionBudget.class),
          "networking.k8s.io/v1 NetworkPolicy",
              new Kind(V1NetworkPolicy::validateJsonElement, V1NetworkPolicy.class),
          "autoscaling/v2 HorizontalPodAutoscaler",
              new Kind(
                  V2HorizontalPodAutoscaler::validateJsonElement, V2HorizontalPodAutoscaler.class));

  /** Of the operators' kinds, what we use: paths of fields and what their values look like. */
  private static final Map<String, Map<String, String>> OPERATORS =
      Map.of(
          "cert-manager.io/v1 Issuer",
          Map.of("spec.selfSigned", "", "spec.ca.secretName", "busbar-[a-z-]+"),
          "cert-manager.io/v1 Certificate",
          Map.ofEntries(
              Map.entry("spec.secretName", "busbar-[a-z-]+"),
              Map.entry("spec.isCA", "true"),
              Map.entry("spec.commonName", ".+"),
              Map.entry("spec.duration", "\\d+h"),
              Map.entry("spec.renewBefore", "\\d+h"),
              Map.entry("spec.dnsNames", "[*a-z.-]+"),
              Map.entry("spec.issuerRef.kind", "(Cluster)?Issuer"),
              Map.entry("spec.issuerRef.name", "[a-z-]+"),
              Map.entry("spec.privateKey.algorithm", "ECDSA"),
              Map.entry("spec.privateKey.size", "256"),
              Map.entry("spec.privateKey.encoding", "PKCS8"),
              Map.entry("spec.privateKey.rotationPolicy", "Always"),
              Map.entry("spec.usages", "(digital signature|server auth|client auth)")),
          "monitoring.coreos.com/v1 PodMonitor",
          Map.of(
              "spec.jobLabel", ".+",
              "spec.selector.matchLabels.app.kubernetes.io/name", "busbar",
              "spec.podMetricsEndpoints.port", "http",
              "spec.podMetricsEndpoints.path", "/metrics",
              "spec.podMetricsEndpoints.interval", "\\d+s"),
          "monitoring.coreos.com/v1 PrometheusRule",
          Map.of(
              "spec.groups.name", "busbar",
              "spec.groups.rules.alert", "Busbar[A-Za-z]+",
              "spec.groups.rules.expr", "(?s).+",
              "spec.groups.rules.for", "\\d+[ms]",
              "spec.groups.rules.labels.severity", "critical|warning|info",
              "spec.groups.rules.annotations.summary", ".+",
              "spec.groups.rules.annotations.runbook", "docs/operations\\.md#[a-z]+"));

  private static final Gson GSON = new Gson();

  private static List<JsonObject> documents(String text) {
    List<JsonObject> documents = new ArrayList<>();
    for (Object one : new Load(LoadSettings.builder().build()).loadAllFromString(text)) {
      documents.add(GSON.toJsonTree(one).getAsJsonObject());
    }
    return documents;
  }

  private static String kind(JsonObject object) {
    return object.get("apiVersion").getAsString() + " " + object.get("kind").getAsString();
  }

  private static void validate(JsonObject object) throws IOException {
    String kind = kind(object);
    Kind known = KINDS.get(kind);
    if (known != null) {
      known.schema.validate(object);
      // types of values are seen when they are read
      assertThat((Object) JSON.getGson().fromJson(object, known.model)).isNotNull();
      return;
    }
    assertThat(OPERATORS).as("kinds that there are").containsKey(kind);
    assertThat(object.keySet()).containsOnly("apiVersion", "kind", "metadata", "spec");
    fields("spec", object.get("spec"), kind, OPERATORS.get(kind));
  }

  private static void fields(
      String path, JsonElement value, String kind, Map<String, String> allowed) {
    if (value.isJsonObject() && !value.getAsJsonObject().isEmpty()) {
      value
          .getAsJsonObject()
          .asMap()
          .forEach((name, inner) -> fields(path + "." + name, inner, kind, allowed));
    } else if (value.isJsonArray()) {
      value.getAsJsonArray().forEach(inner -> fields(path, inner, kind, allowed));
    } else {
      assertThat(allowed).as("fields of %s", kind).containsKey(path);
      String text = value.isJsonPrimitive() ? value.getAsString() : "";
      assertThat(text).as("%s of %s", path, kind).matches(Pattern.compile(allowed.get(path)));
    }
  }

  /** What a kustomization has as resources: whole objects, not patches. */
  static Stream<Path> resources() throws IOException {
    List<Path> all = new ArrayList<>();
    try (Stream<Path> files = Files.walk(K8S)) {
      for (Path file : files.filter(f -> f.endsWith("kustomization.yaml")).toList()) {
        JsonObject kustomization = documents(Files.readString(file)).get(0);
        for (JsonElement resource : kustomization.getAsJsonArray("resources")) {
          Path named = file.resolveSibling(resource.getAsString()).normalize();
          assertThat(named).exists();
          if (Files.isRegularFile(named)) {
            all.add(named);
          }
        }
      }
    }
    return all.stream();
  }

  @ParameterizedTest
  @MethodSource("resources")
  void eachResourceIsValid(Path file) throws IOException {
    List<JsonObject> documents = documents(Files.readString(file));
    assertThat(documents).isNotEmpty();
    for (JsonObject object : documents) {
      if (kind(object).equals("apps/v1 StatefulSet")) {
        // kustomize adds it, with its labels
        object.getAsJsonObject("spec").add("selector", new JsonObject());
      }
      validate(object);
    }
  }

  @Test
  void whatIsWrongIsFound() throws IOException {
    String right = Files.readString(K8S.resolve("base/disruption.yaml"));
    for (String wrong :
        List.of(
            right.replace("maxUnavailable", "maxUnavailible"),
            right.replace("kind: Pod", "kind: Pot"),
            right.replace("name: busbar", "name: [busbar]"))) {
      assertThat(wrong).isNotEqualTo(right);
      assertThatThrownBy(() -> validate(documents(wrong).get(0))).isInstanceOf(Throwable.class);
    }
    String certificate = Files.readString(K8S.resolve("overlays/production/server.yaml"));
    assertThatThrownBy(() -> validate(documents(certificate.replace("issuerRef", "issuer")).get(0)))
        .isInstanceOf(AssertionError.class);
  }

  // --- as they are applied ---

  private static boolean isOnPath(String command) {
    return Arrays.stream(System.getenv("PATH").split(File.pathSeparator, -1))
        .anyMatch(directory -> Files.isExecutable(Path.of(directory, command)));
  }

  private static List<JsonObject> rendered(String directory) throws Exception {
    assumeTrue(isOnPath("kubectl"), "kubectl renders the manifests");
    File out = File.createTempFile("busbar-k8s", ".yaml");
    out.deleteOnExit();
    Process kubectl =
        new ProcessBuilder("kubectl", "kustomize", directory)
            .redirectOutput(out)
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    assertThat(kubectl.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(kubectl.exitValue()).isZero();
    return documents(Files.readString(out.toPath(), StandardCharsets.UTF_8));
  }

  private static JsonElement at(JsonElement from, String... path) {
    JsonElement at = from;
    for (String name : path) {
      at =
          at.isJsonArray()
              ? at.getAsJsonArray().get(Integer.parseInt(name))
              : at.getAsJsonObject().get(name);
      assertThat(at).as(String.join(".", path)).isNotNull();
    }
    return at;
  }

  private static JsonObject only(List<JsonObject> objects, String kind, String name) {
    List<JsonObject> found =
        objects.stream()
            .filter(object -> kind(object).equals(kind))
            .filter(object -> at(object, "metadata", "name").getAsString().equals(name))
            .toList();
    assertThat(found).as(kind + " " + name).hasSize(1);
    return found.get(0);
  }

  @ParameterizedTest
  @ValueSource(strings = {"k8s", "k8s/overlays/dev", "k8s/overlays/production"})
  void whatIsAppliedIsValidAndFits(String directory) throws Exception {
    List<JsonObject> objects = rendered(directory);
    for (JsonObject object : objects) {
      validate(object);
    }
    JsonObject set = only(objects, "apps/v1 StatefulSet", "busbar");
    JsonElement pod = at(set, "spec", "template");
    JsonObject labels = at(pod, "metadata", "labels").getAsJsonObject();
    assertThat(at(set, "spec", "selector", "matchLabels")).isEqualTo(labels);
    for (String service : List.of("busbar", "busbar-nodes")) {
      assertThat(at(only(objects, "v1 Service", service), "spec", "selector")).isEqualTo(labels);
    }
    // each file that the configuration names is there
    String settings = Files.readString(K8S.resolve("base/busbar.yaml"));
    Set<String> named =
        Pattern.compile("tls/[a-z-]+(\\.pem)?\\b")
            .matcher(settings)
            .results()
            .map(match -> match.group())
            .collect(toSet());
    named.add("tls/ca.pem"); // of namespace.yaml
    List<String> mounted = new ArrayList<>();
    JsonElement sources = at(pod, "spec", "volumes", "0", "projected", "sources");
    for (JsonElement source : sources.getAsJsonArray()) {
      if (source.getAsJsonObject().has("secret")) {
        at(source, "secret", "items")
            .getAsJsonArray()
            .forEach(item -> mounted.add(at(item, "path").getAsString()));
      }
    }
    assertThat(mounted).containsExactlyInAnyOrderElementsOf(named);
  }

  @Test
  void oneNodeBeginsAlone() throws Exception {
    JsonObject set = only(rendered("k8s/overlays/dev"), "apps/v1 StatefulSet", "busbar");
    assertThat(at(set, "spec", "replicas").getAsInt()).isEqualTo(1);
    assertThat(at(set, "spec", "template", "spec", "containers", "0", "env").toString())
        .contains("{\"name\":\"BUSBAR_FOUNDERS\",\"value\":\"1\"}");
    assertThat(Files.readString(K8S.resolve("base/busbar.yaml")))
        .contains("founders: ${env:BUSBAR_FOUNDERS:");
  }

  /** Nobody may ask Kubernetes anything, but of the set that scales down by itself. */
  @Test
  void podsThatScaleDownMayReadTheirStatefulSetAndNoMore() throws Exception {
    for (String directory : List.of("k8s", "k8s/overlays/dev")) {
      JsonElement pod = at(only(rendered(directory), "apps/v1 StatefulSet", "busbar"), "spec");
      pod = at(pod, "template", "spec");
      assertThat(at(pod, "automountServiceAccountToken").getAsBoolean()).isFalse();
      assertThat(pod.toString()).doesNotContain("BUSBAR_STATEFULSET", "serviceAccountName");
    }
    List<JsonObject> objects = rendered("k8s/overlays/production");
    String rbac = "rbac.authorization.k8s.io/v1 ";
    JsonElement pod = at(only(objects, "apps/v1 StatefulSet", "busbar"), "spec", "template");
    pod = at(pod, "spec");
    assertThat(at(pod, "automountServiceAccountToken").getAsBoolean()).isTrue();
    String account = at(pod, "serviceAccountName").getAsString();
    only(objects, "v1 ServiceAccount", account);
    assertThat(at(pod, "containers", "0", "env").toString())
        .contains("{\"name\":\"BUSBAR_STATEFULSET\",\"value\":\"busbar\"}");
    assertThat(Files.readString(K8S.resolve("base/busbar.yaml")))
        .contains("name: ${env:BUSBAR_STATEFULSET:}");
    assertThat(at(only(objects, rbac + "Role", "busbar"), "rules").toString())
        .isEqualTo(
            "[{\"apiGroups\":[\"apps\"],\"resourceNames\":[\"busbar\"],"
                + "\"resources\":[\"statefulsets\"],\"verbs\":[\"get\"]}]");
    JsonObject binding = only(objects, rbac + "RoleBinding", "busbar");
    assertThat(at(binding, "roleRef", "name").getAsString()).isEqualTo("busbar");
    assertThat(at(binding, "subjects", "0", "name").getAsString()).isEqualTo(account);
  }

  @Test
  void inProductionTheAutoscalerSaysHowManyNodesThereAre() throws Exception {
    List<JsonObject> objects = rendered("k8s/overlays/production");
    JsonObject set = only(objects, "apps/v1 StatefulSet", "busbar");
    assertThat(at(set, "spec").getAsJsonObject().has("replicas")).isFalse();
    JsonObject scaler = only(objects, "autoscaling/v2 HorizontalPodAutoscaler", "busbar");
    assertThat(at(scaler, "spec", "scaleTargetRef", "name").getAsString()).isEqualTo("busbar");
    // whether nodes go is not for a machine to say
    assertThat(at(scaler, "spec", "behavior", "scaleDown", "selectPolicy").getAsString())
        .isEqualTo("Disabled");
    assertThat(at(only(objects, "v1 Service", "busbar"), "spec", "type").getAsString())
        .isEqualTo("LoadBalancer");
  }
}
