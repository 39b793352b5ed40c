package io.busbar.policy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.busbar.policy.Client.ValidationScheme;
import io.busbar.policy.PermissionBinding.Permission;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

class NamespaceTest {
  private static final String SHA_1 = "A0".repeat(20);

  @Test
  void names_ofResources() {
    for (String good : List.of("abc", "a".repeat(50), "A-0", "---")) {
      assertThatCode(() -> new ClientGroup(good, "authenticationName = 'x'"))
          .doesNotThrowAnyException();
    }
    for (String bad : List.of("", "ab", "a".repeat(51), "a_b", "a.b", "ä-b", "$all", "abc\n")) {
      refused("name", () -> new ClientGroup(bad, "authenticationName = 'x'"));
      refused("name", () -> new TopicSpace(bad, List.of("a")));
      refused("name", () -> new PermissionBinding(bad, "$all", "abc", Permission.PUBLISHER));
    }
    for (String bad : List.of("Microsoft1", "SYSTEM-1", "eventgrid")) {
      refused("name", () -> new NamespaceSettings(bad, List.of()));
    }
  }

  @Test
  void names_ofClients() {
    assertThat(client("a:b.c_d-E", "x").name()).isEqualTo("a:b.c_d-E");
    for (String bad : List.of("", "a/b", "a b", "ä", "a".repeat(129), "a\n")) {
      refused("name", () -> client(bad, "x"));
    }
    assertThat(client("a", "🚚".repeat(128)).authenticationName()).hasSize(256);
    for (String bad : List.of("", "x".repeat(129), "🚚".repeat(129), "a\ud800", "\udc00")) {
      refused("authenticationName", () -> client("a", bad));
    }
  }

  @Test
  void thumbprints_ifAndOnlyIfPinned() {
    String property = "clientCertificateAuthentication.allowedThumbprints";
    assertThat(pinned("a0:".repeat(19) + "a0").allowedThumbprints()).containsExactly(SHA_1);
    refused(property, NamespaceTest::pinned);
    refused(property, () -> pinned(SHA_1, SHA_1, SHA_1));
    refused(property, () -> pinned(SHA_1 + "0"));
    refused(property, () -> pinned("g" + SHA_1.substring(1)));
    refused(
        property,
        () ->
            new Client(
                "a",
                "a",
                true,
                ValidationScheme.SUBJECT_MATCHES_AUTHENTICATION_NAME,
                List.of(SHA_1),
                Map.of()));
  }

  @Test
  void attributes_areBounded() {
    assertThat(with("k", new Attribute.Text("x".repeat(4_094))).attributes()).hasSize(1);
    refused("attributes", () -> with("k", new Attribute.Text("x".repeat(4_095))));
    refused("attributes", () -> with("k", new Attribute.Text("é".repeat(2_048))));
    refused(
        "attributes",
        () -> with("k", new Attribute.Texts(List.of("x".repeat(4_000), "y".repeat(100)))));
    refused("attributes", () -> with("a-b", new Attribute.Whole(1)));
    refused("attributes", () -> with("", new Attribute.Whole(1)));
    refused("attributes.k", () -> with("k", new Attribute.Text("\ud800")));
  }

  @Test
  void templatesAndQueries_nameTheirProperty() {
    refused("topicTemplates", () -> new TopicSpace("abc", List.of()));
    refused("topicTemplates[1]", () -> new TopicSpace("abc", List.of("a", "#/a")));
    refused("query", () -> new ClientGroup("abc", "attributes.x"));
  }

  @Test
  void references_leadSomewhere() {
    TestPolicy good = new TestPolicy().space("abc", "a").bind("$all", Permission.PUBLISHER, "abc");
    assertThat(good.namespace().permissionBindings()).hasSize(1);
    refused(
        "permissionBindings[1].clientGroupName",
        () -> good.bind("none", Permission.PUBLISHER, "abc").namespace());
    refused(
        "permissionBindings[0].topicSpaceName",
        () -> new TestPolicy().bind("$all", Permission.PUBLISHER, "abc").namespace());
  }

  @Test
  void names_areUnique() {
    refused(
        "clients[1].authenticationName",
        () -> new TestPolicy().clients(client("a", "X"), client("b", "x")).namespace());
    refused(
        "clients[1].name",
        () -> new TestPolicy().clients(client("a", "x"), client("a", "y")).namespace());
    refused(
        "topicSpaces[1].name",
        () -> new TestPolicy().space("abc", "a").space("abc", "b").namespace());
    assertThat(new TestPolicy().clients(client("a", "x"), client("A", "y")).namespace().clients())
        .hasSize(2);
  }

  @Test
  void records_doNotChangeWithTheirSource() {
    List<String> templates = new ArrayList<>(List.of("a"));
    TopicSpace space = new TopicSpace("abc", templates);
    templates.add("#");
    assertThat(space.topicTemplates()).containsExactly("a");
  }

  private static void refused(String property, ThrowingCallable made) {
    assertThatThrownBy(made)
        .isInstanceOfSatisfying(
            PolicyException.class,
            e -> {
              assertThat(e.property()).isEqualTo(property);
              assertThat(e.getMessage()).isEqualTo(property + ": " + e.problem());
              assertThat(e.getMessage().chars().noneMatch(Character::isISOControl)).isTrue();
            });
  }

  private static Client client(String name, String authenticationName) {
    return new Client(
        name,
        authenticationName,
        true,
        ValidationScheme.SUBJECT_MATCHES_AUTHENTICATION_NAME,
        List.of(),
        Map.of());
  }

  private static Client pinned(String... thumbprints) {
    return new Client(
        "a", "a", true, ValidationScheme.THUMBPRINT_MATCH, List.of(thumbprints), Map.of());
  }

  private static Client with(String key, Attribute value) {
    return new Client(
        "a",
        "a",
        true,
        ValidationScheme.SUBJECT_MATCHES_AUTHENTICATION_NAME,
        List.of(),
        Map.of(key, value));
  }
}
