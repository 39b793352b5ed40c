package io.busbar.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.busbar.policy.Resource.Kind;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ResourcePathTest {
  private static final String RG =
      "/subscriptions/s-1/resourceGroups/g-1/providers/Microsoft.EventGrid";

  @ParameterizedTest
  @CsvSource(
      nullValues = "-",
      value = {
        RG + "/namespaces, -, -, -",
        RG + "/namespaces/ns, ns, -, -",
        RG + "/namespaces/ns/clients, ns, CLIENT, -",
        RG + "/namespaces/ns/clients/c%3A1, ns, CLIENT, c:1",
        "/" + RG + "/namespaces/ns/topicSpaces/x, ns, TOPIC_SPACE, x",
        "/subscriptions/s-1/resourcegroups/g-1/providers/microsoft.eventgrid/Namespaces/ns/CLIENTGROUPS/x, ns, CLIENT_GROUP, x",
        "/subscriptions/s-1/providers/Microsoft.EventGrid/namespaces, -, -, -",
        "/namespaces/ns/permissionBindings/b/, ns, PERMISSION_BINDING, b",
        "//namespaces/ns/caCertificates/a+b, ns, CA_CERTIFICATE, a+b",
        "/namespaces/ns/clients/a%2Fb, ns, CLIENT, a/b",
      })
  void aPathLeadsToAResource(String path, String namespace, Kind kind, String name) {
    ResourcePath read = ResourcePath.of(path);
    assertThat(read.namespace()).isEqualTo(namespace);
    assertThat(read.kind()).isEqualTo(kind);
    assertThat(read.name()).isEqualTo(name);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/subscriptions/s-1",
        "/subscriptions",
        "/namespaces/ns/clients/a/b",
        "/namespaces/ns/x",
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/namespaces",
        "/subscriptions/s/resourceGroups/g/namespaces/x",
        "/namespaces/ns/clients/%zz"
      })
  void othersLeadToNothing(String path) {
    assertThatThrownBy(() -> ResourcePath.of(path)).isInstanceOf(ApiError.class);
  }
}
